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


def arcface_torch(state: dict) -> dict:
    """As train_v2.py saves it with save_all_states."""
    return {
        "epoch": 3,
        "global_step": 1200,
        "state_dict_backbone": state,
        "state_dict_softmax_fc": {"weight": torch.ones(8, 512)},
        "state_optimizer": {"state": {}, "param_groups": [{"lr": 0.02, "params": [0, 1]}]},
        "state_lr_scheduler": {"last_epoch": 1200, "_last_lr": [0.02]},
    }


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
        pytest.param(lambda s: arcface_torch(s), id="arcface_torch"),
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
    message = str(error.value)
    assert str(path) in message and message.isprintable()
    for advice in ("weights_only", "Re-running", "trust", "safe_globals"):
        assert advice not in message


def test_another_network_names_the_first_keys(state, tmp_path: Path):
    with torch.device("meta"):
        other = networks.build("ir50").state_dict()
    torch.save({k: torch.zeros(v.shape) for k, v in list(other.items())[:9]}, tmp_path / "c.pth")
    missing, unexpected = r"missing, first conv1\.conv\.weight", r"first input_layer\.0\.weight"
    refused(tmp_path / "c.pth", f"{missing}; 9 unexpected, {unexpected}")


def test_a_checkpoint_of_another_network_is_named(tiny: Path):
    with torch.device("meta"):
        other = networks.build("ir50")
    says = "mobilefacenet.pth is a checkpoint of mobilefacenet, not of ir50; give NET=mobilefacenet"
    with pytest.raises(ChainError, match=rf"{says}\.$"):
        state_dict.load_into(other, tiny / "mobilefacenet.pth", "ir50")


@pytest.mark.parametrize("name", ["iresnet50", "iresnet100", "ir_se50"])
def test_a_layout_is_recognised(name: str):
    with torch.device("meta"):
        state = networks.build(name).state_dict()
    assert state_dict.fits(state) == [name]
    assert state_dict.fits({k: v for k, v in state.items() if "num_batches" not in k}) == [name]
    first = next(iter(state))
    assert state_dict.fits({k: v for k, v in state.items() if k != first}) == []
    key = "fc.weight" if "fc.weight" in state else "output_layer.3.weight"
    assert state_dict.fits(state | {key: torch.empty(128, 25088, device="meta")}) == []


def test_all_that_a_layout_fits_are_named(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    with torch.device("meta"):
        other = networks.build("ir50")
    built = networks.build("mobilefacenet")
    monkeypatch.setattr(networks, "names", lambda: ["one", "two"])
    monkeypatch.setattr(networks, "build", lambda name: built)
    with pytest.raises(ChainError, match="of one or two, not of ir50; give NET=one or NET=two"):
        state_dict.load_into(other, tiny / "mobilefacenet.pth", "ir50")


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
    refused(path, r"cannot be read \(it is cut short\); get a fresh copy of the checkpoint")
    for content in (b"<html>quota exceeded</html>", b"", pickle.dumps([1, 2, 3], protocol=2)):
        path.write_bytes(content)
        refused(path, r"cannot be read \(it is not a PyTorch checkpoint\); get a fresh copy")
    torch.save([torch.zeros(1)], path)
    refused(path, "no state dict")
