"""Checkpoints in all their forms, and what is refused."""

import os
import pickle
from pathlib import Path

import pytest
import torch

import networks
from checkpoint import state_dict
from common.errors import ChainError


@pytest.fixture(scope="module")
def state(tiny: Path) -> dict[str, torch.Tensor]:
    return torch.load(tiny / "mobilefacenet.pth", weights_only=True)


def load(path: Path) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        network = networks.build("mobilefacenet")
    state_dict.load_into(network, path, "mobilefacenet")
    assert not network.training
    return network.state_dict()


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda s: s, id="plain"),
        pytest.param(lambda s: {"model": s, "head": {"w": torch.ones(1)}, "epoch": 3}, id="model"),
        pytest.param(lambda s: {"state_dict": s, "optimizer": {"lr": 0.1}}, id="state_dict"),
        pytest.param(lambda s: {f"module.{k}": v for k, v in s.items()}, id="parallel"),
        pytest.param(lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}, id="both"),
        pytest.param(
            lambda s: {k: v for k, v in s.items() if not k.endswith("num_batches_tracked")},
            id="without-counters",
        ),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_forms(state, tmp_path: Path, wrap, zipped: bool):
    torch.save(wrap(state), tmp_path / "c.pth", _use_new_zipfile_serialization=zipped)
    loaded = load(tmp_path / "c.pth")
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(loaded[name], tensor)


def test_half_precision(state, tmp_path: Path):
    torch.save(
        {k: v.half() if v.is_floating_point() else v for k, v in state.items()}, tmp_path / "c.pth"
    )
    loaded = load(tmp_path / "c.pth")
    assert loaded["linear.weight"].dtype == torch.float32
    assert torch.equal(loaded["linear.weight"], state["linear.weight"].half().float())


def refused(path: Path, match: str | None = None) -> None:
    with pytest.raises(ChainError, match=match) as error:
        load(path)
    assert str(path) in str(error.value)


def test_another_network_names_the_first_keys(state, tmp_path: Path):
    with torch.device("meta"):
        other = networks.build("ir50").state_dict()
    torch.save({k: torch.zeros(v.shape) for k, v in list(other.items())[:9]}, tmp_path / "c.pth")
    missing, unexpected = r"missing, first conv1\.conv\.weight", r"first input_layer\.0\.weight"
    refused(tmp_path / "c.pth", f"{missing}; 9 unexpected, {unexpected}")


def test_another_shape(state, tmp_path: Path):
    torch.save(state | {"linear.weight": torch.zeros(128, 512)}, tmp_path / "c.pth")
    refused(tmp_path / "c.pth", r"linear\.weight has shape \(128, 512\) instead of \(512, 512\)")


def test_nan(state, tmp_path: Path):
    torch.save(state | {"bn.weight": torch.full((512,), float("nan"))}, tmp_path / "c.pth")
    refused(tmp_path / "c.pth", r"bn\.weight has values that are not finite")


class Bomb:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_executed(state, tmp_path: Path, zipped: bool):
    value = {"model": state, "config": Bomb(tmp_path / "executed")}
    torch.save(value, tmp_path / "c.pth", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "c.pth", "could execute code")
    assert not (tmp_path / "executed").exists()


def test_no_checkpoint(state, tmp_path: Path, tiny: Path):
    path = tmp_path / "c.pth"
    path.write_bytes((tiny / "mobilefacenet.pth").read_bytes()[:100_000])
    refused(path)
    path.write_bytes(b"<html>quota exceeded</html>")
    refused(path)
    path.write_bytes(pickle.dumps([1, 2, 3], protocol=2))
    refused(path)
    torch.save([torch.zeros(1)], path)
    refused(path, "no state dict")
