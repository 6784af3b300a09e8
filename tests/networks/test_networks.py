"""The networks agree with the reference's, as the golden file holds them."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import networks
from common.errors import ChainError

# Millions of parameters, from the reference's documentation.
PARAMETERS = {
    "ir_se50": 43.80,
    "ir_se100": 65.50,
    "ir_se152": 71.15,
    "ir50": 43.57,
    "ir100": 65.13,
    "ir152": 70.74,
    "mobilefacenet": 1.20,
}


def fill(network: nn.Module) -> None:
    """Fill every tensor from a generator seeded by its name, as the golden file's maker did."""
    slopes = {f"{n}.weight" for n, m in network.named_modules() if isinstance(m, nn.PReLU)}
    for name, tensor in network.state_dict().items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        shape = tuple(tensor.shape)
        if name.endswith("num_batches_tracked"):
            values = np.zeros(shape)
        elif name.endswith("running_var"):
            values = random.uniform(0.5, 1.5, shape)
        elif name.endswith(("running_mean", ".bias")):
            values = 0.1 * random.standard_normal(shape)
        elif len(shape) >= 2:
            values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name in slopes:
            values = random.uniform(0.1, 0.4, shape)
        else:
            values = random.uniform(0.5, 1.5, shape)
        tensor.copy_(torch.from_numpy(np.asarray(values).astype(np.float32)))


def test_every_network_has_a_file():
    assert networks.names() == sorted(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_agrees_with_the_reference(name: str, shared: Path):
    with torch.device("meta"):
        network = networks.build(name)
    network.to_empty(device="cpu")
    fill(network)
    # float64, as the golden file: these random nets amplify float32 rounding.
    network.double().eval()
    images = np.random.default_rng(2024).standard_normal((2, 3, 112, 112)).astype(np.float32)
    with torch.inference_mode():
        output = network(torch.from_numpy(images).double()).numpy()
    golden = np.load(shared / "golden_backbones.npz")[name]
    assert np.linalg.norm(output - golden) <= 1e-5 * np.linalg.norm(golden)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str):
    with torch.device("meta"):
        network = networks.build(name)
    count = sum(p.numel() for p in network.parameters())
    assert count / 1e6 == pytest.approx(PARAMETERS[name], abs=0.005)


def test_unknown_network_names_the_allowed_ones():
    with pytest.raises(ChainError, match=r"NET=ir_se200 .*ir_se100.*mobilefacenet"):
        networks.build("ir_se200")
