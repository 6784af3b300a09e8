"""Numbers that run out of range: said with the weight, the image and the layer, never scored."""

import argparse
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

import embed as embed_door
from common.errors import ChainError
from common.machine import cpu_flags
from dataset import crop_store
from dataset.crops import open_crops
from dataset.preprocessing import Preprocessing
from engines.arithmetic import precisions
from inference.embedding import NotFinite, lengths
from onnx_graph import not_finite, parity
from support.project import expect_error, run_module
from support.sealing import seal
from support.steps import ENGINES, embed, export, fix, simplify

WHITE = 7  # the image that the network of ``overflowing`` cannot take


def changed(tiny: Path, path: Path, change: Callable[[dict], None]) -> Path:
    """Write the tiny network's checkpoint, changed, to ``path``."""
    state = torch.load(tiny / "mobilefacenet.pth", weights_only=True)
    change(state)
    torch.save(state, path)
    return path


def bright_alone(state: dict) -> None:
    """Let channel 0 be zero but where a picture is white, and there 1e38 times as much."""
    for name, value in (
        ("conv1.conv.weight", 1), ("conv1.bn.weight", 1), ("conv1.bn.bias", 0),
        ("conv1.bn.running_var", 1), ("conv1.bn.running_mean", 26.5), ("conv1.prelu.weight", 0),
        ("conv2_dw.conv.weight", 3e38), ("conv2_dw.bn.weight", 1), ("conv2_dw.bn.bias", 0),
        ("conv2_dw.bn.running_var", 1), ("conv2_dw.bn.running_mean", 0),
    ):  # fmt: skip
        state[name][0] = value


@pytest.fixture(scope="module")
def overflowing(tiny: Path, ready: Path, tmp_path_factory) -> Path:
    """A folder with such a network in ONNX, batch size 4, and crops with a white picture."""
    folder = tmp_path_factory.mktemp("overflowing")
    weights = changed(tiny, folder / "bright.pth", bright_alone)
    for result in (export(weights, folder), fix(folder, 4), simplify(folder, 4)):
        assert (result.returncode, result.stderr) == (0, "")
    crops = open_crops(ready / "crops")[:]
    crops[WHITE] = 255
    crop_store.write(folder / "crops", len(crops), [crops])
    crop_store.set_attributes(folder / "crops", {"source_sha256": "d" * 64})
    seal(folder / "crops")
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_one_image_that_overflows_one_layer_is_named_with_it(overflowing, tmp_path, engine):
    result = embed(overflowing, engine, 4, tmp_path)
    expect_error(result, f"output for image {WHITE} is not finite", "from its layer", "conv2_dw")
    assert not list(tmp_path.iterdir())


def test_a_value_beyond_the_engines_precision_is_told_from_one_of_the_weights(ready: Path):
    error = NotFinite("the network's output for image 3 is not finite; check the weights.", 3)
    views = Preprocessing().normalise(open_crops(ready / "crops")[3:4])
    args = argparse.Namespace(
        model=ready / "model_m_bs7_sim.onnx", engine="torch", precision="fp16"
    )
    said = str(embed_door.explained(error, args, views))
    assert "image 3 is not finite in ENGINE=torch PRECISION=fp16, but is in ONNX Runtime's" in said
    # What tells nothing of its layers leaves the sentence as it was.
    args.model = Path("model.param")
    assert embed_door.explained(error, args, views) is error
    # Workers on other machines send it.
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


def beyond_fp16(state: dict) -> None:
    """Let the first layer give 3e4 times as much, which the next undoes; fp16 ends at 65,504."""
    for name, factor in (
        ("conv1.bn.weight", 3e4), ("conv1.bn.bias", 3e4),
        ("conv2_dw.bn.running_mean", 3e4), ("conv2_dw.bn.running_var", 9e8),
    ):  # fmt: skip
        state[name] *= factor


@pytest.fixture(scope="module")
def hot(tiny: Path, ready: Path, tmp_path_factory) -> Path:
    """A folder with such a network in ONNX, batch size 4, and the tiny set's crops."""
    folder = tmp_path_factory.mktemp("hot")
    weights = changed(tiny, folder / "hot.pth", beyond_fp16)
    for result in (export(weights, folder), fix(folder, 4), simplify(folder, 4)):
        assert (result.returncode, result.stderr) == (0, "")
    shutil.copytree(ready / "crops", folder / "crops", symlinks=True)
    seal(folder / "crops")
    return folder


def test_a_network_that_fp16_cannot_hold_is_right_in_fp32(hot: Path, tmp_path: Path):
    result = embed(hot, "torch", 4, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_network_that_fp16_cannot_hold_is_refused_in_fp16(hot: Path, tmp_path: Path):
    if "fp16" not in precisions("torch", cpu_flags()):
        pytest.skip("needs a processor with fp16 arithmetic")
    result = embed(hot, "torch", 4, tmp_path, "--precision", "fp16")
    expect_error(result, "image 0 is not finite in ENGINE=torch PRECISION=fp16", "fp32; choose")
    assert not list(tmp_path.glob("*.npy"))


def negative_variance(state: dict) -> None:
    state["conv_3.model.1.conv.bn.running_var"][5] = -1e-7


def enormous(state: dict) -> None:
    state["conv_45.project.conv.weight"] *= 1e38


def all_zero(state: dict) -> None:
    state["bn.weight"][:], state["bn.bias"][:] = 0, 0


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (negative_variance, ["conv_3.model.1.conv.bn.running_var has variances below zero"]),
        (enormous, ["gives no embeddings", "/conv_45/project", "weights are too large"]),
        (all_zero, ["gives no embeddings", "Div /l2_norm", "an output is zero"]),
    ],
)
def test_weights_that_give_no_number_are_refused_before_there_is_a_model(
    tiny, tmp_path, change, fragments
):
    result = export(changed(tiny, tmp_path / "bad.pth", change), tmp_path)
    expect_error(result, "bad.pth", *fragments)
    assert "OPSET" not in result.stderr
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == ["bad.pth"]


@pytest.mark.parametrize(
    ("values", "fragment"),
    [
        ({"variance": [1, -1e-6, 1]}, "the tensor variance has variances below zero"),
        (
            {"factor": [1, 3e38, 1], "shift": [1, 3e38, 1]},
            "not finite from BatchNormalization norm",
        ),
        ({"factor": [1, 3e37, 1]}, "too large"),
        ({"factor": [0, 0, 0]}, "only zeros"),
    ],
)
def test_a_foreign_file_likewise(tmp_path, values, fragment):
    tensors = {"factor": [1, 1, 1], "shift": [0, 0, 0], "mean": [-9, -9, -9], "variance": [1, 1, 1]}
    nodes = [
        helper.make_node("BatchNormalization", ["x", *tensors], ["n"], name="norm"),
        helper.make_node("GlobalAveragePool", ["n"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(v, np.float32), k) for k, v in (tensors | values).items()
    ]
    image = helper.make_tensor_value_info("x", 1, ["n", 3, 112, 112])
    output = helper.make_tensor_value_info("y", 1, ["n", 3])
    graph = helper.make_graph(nodes, "g", [image], [output], constants)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "n.onnx")
    result = run_module(
        "adopt_onnx", "--source", tmp_path / "n.onnx", "--colour", "bgr", "--mean", "127.5",
        "--scale", "127.5", "--weights-name", "m", "--onnx", tmp_path / "m.onnx",
        "--baseline", tmp_path / "b.npy",
    )  # fmt: skip
    expect_error(result, "n.onnx", fragment)
    assert [p.name for p in tmp_path.iterdir()] == ["n.onnx"]


def test_a_sound_network_has_no_such_layer(ready: Path):
    images = parity.images(Preprocessing())
    assert not_finite.first_layer(ready / "model_m_bs16_sim.onnx", images) is None


def test_an_output_that_only_a_later_stage_overflows_is_no_matter_of_the_opset():
    baseline = np.eye(4, 8, dtype=np.float32)
    with pytest.raises(ChainError, match="not finite, unlike PyTorch") as raised:
        parity.check(np.full_like(baseline, np.inf), baseline, "the stage", {"torch": "2"})
    assert "OPSET" not in str(raised.value)


@pytest.mark.parametrize("value", [0, np.nan, np.inf, 3e38])
def test_an_embedding_without_a_direction_is_named(value):
    sums = np.ones((3, 8), np.float32)
    sums[1] = value
    with np.errstate(over="ignore"), pytest.raises(ChainError, match="image b has an embedding"):
        lengths(sums, "abc")
