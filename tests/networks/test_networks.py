"""The networks agree with the reference's, as the golden file holds them."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import networks
from common.errors import ChainError

# Millions of parameters: of the reference as its documentation has them, of arcface_torch as its
# own code counts them.
PARAMETERS = {
    "ir_se50": 43.80,
    "ir_se100": 65.50,
    "ir_se152": 71.15,
    "ir50": 43.57,
    "ir100": 65.13,
    "ir152": 70.74,
    "mobilefacenet": 1.20,
    "iresnet18": 24.03,
    "iresnet34": 34.14,
    "iresnet50": 43.59,
    "iresnet100": 65.16,
    "iresnet200": 118.83,
}
# Entries of arcface_torch's state dicts, counters included.
ENTRIES = {
    "iresnet18": 187,
    "iresnet34": 331,
    "iresnet50": 475,
    "iresnet100": 925,
    "iresnet200": 1807,
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


# Of iresnet200 there is no golden output; its units are those of the others.
@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "iresnet200"])
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
    stored = "golden_iresnet.npz" if name in ENTRIES else "golden_backbones.npz"
    golden = np.load(shared / stored)[name]
    assert np.linalg.norm(output - golden) <= 1e-5 * np.linalg.norm(golden)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str):
    with torch.device("meta"):
        network = networks.build(name)
    count = sum(p.numel() for p in network.parameters())
    assert count / 1e6 == pytest.approx(PARAMETERS[name], abs=0.005)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_layout_is_arcface_torchs(name: str):
    with torch.device("meta"):
        state = networks.build(name).state_dict()
    assert len(state) == ENTRIES[name]
    first = ("bn1", "conv1", "bn2", "prelu", "conv2", "bn3", "downsample.0", "downsample.1")
    units = {key.rpartition(".")[0] for key in state if key.startswith("layer3.")}
    assert {f"layer3.0.{part}" for part in first} <= units
    assert {f"layer3.1.{part}" for part in first[:6]} <= units
    assert not any(unit.startswith("layer3.1.downsample") for unit in units)
    assert {k.split(".")[0] for k in state} == {
        "conv1", "bn1", "prelu", "layer1", "layer2", "layer3", "layer4", "bn2", "fc", "features"
    }  # fmt: skip
    assert state["layer3.0.conv2.weight"].shape == (256, 256, 3, 3)
    assert state["layer3.0.downsample.0.weight"].shape == (256, 128, 1, 1)
    assert state["fc.weight"].shape == (512, 512 * 7 * 7)


def test_make_knows_the_order_of_the_colours(project):
    for name, colour in (("iresnet50", "rgb"), ("ir_se50", "bgr"), ("mobilefacenet", "bgr")):
        (project.root / f"model/{name}.pth").touch()
        said = project.make("-n", "onnx", f"NET={name}", f"WEIGHTS=model/{name}.pth").stdout
        assert f"--colour {colour} --mean=127.5 --scale=127.5" in said
    assert (
        "--colour bgr"
        in project.make(
            "-n", "onnx", "NET=iresnet50", "WEIGHTS=model/iresnet50.pth", "COLOUR=bgr"
        ).stdout
    )


def test_unknown_network_names_the_allowed_ones():
    with pytest.raises(ChainError, match=r"NET=ir_se200 .*ir_se100.*mobilefacenet"):
        networks.build("ir_se200")
