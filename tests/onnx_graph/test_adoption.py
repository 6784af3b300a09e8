"""Recognisers in ONNX that somebody else exported: brought to the chain's form, or refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from dataset import preprocessing
from onnx_graph import parity, store
from support.project import Project, expect_error, run_module

FORM = ("--colour", "rgb", "--mean", "1,2,3", "--scale", "50")
IMAGE = ["N", 3, 112, 112]


def make(path: Path, **changes) -> Path:
    """Write a small recogniser of 64 numbers, changed by what is given."""
    rng = np.random.default_rng(3)
    batch = changes.get("batch", "N")
    opset = changes.get("opset", 17)
    tensors = {
        "kernel": rng.standard_normal((8, 3, 7, 7)).astype(np.float32) / 10,
        "weights": rng.standard_normal((8 * 64, 64)).astype(np.float32),
        "rows": np.array([batch if batch == 1 else -1, 8 * 64], np.int64),
    } | changes.get("tensors", {})
    shape = changes.get("shape", [batch, 3, 112, 112])
    nodes = [
        *changes.get("before", []),
        helper.make_node("Conv", [changes.get("first", "x"), "kernel"], ["c"], strides=[14, 14]),
        helper.make_node("Reshape", ["c", "rows"], ["flat"], name="/Reshape"),
        helper.make_node("MatMul", ["flat", "weights"], ["y"]),
        *changes.get("after", []),
    ]
    outputs = changes.get("outputs", {"y": [batch, 64]})
    inputs = {"x": (changes.get("kind", TensorProto.FLOAT), shape)} | changes.get("inputs", {})
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, *of) for n, of in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(v, n) for n, v in tensors.items()],
    )
    opsets = [helper.make_opsetid("", opset), *changes.get("domains", [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(
        model, path, save_as_external_data=changes.get("external", False), size_threshold=1024
    )
    return path


def adopt(source: Path, folder: Path, *options: object):
    products = ("--onnx", folder / "a_dynamic.onnx", "--baseline", folder / "a_baseline.npy")
    return run_module(
        "adopt_onnx", "--source", source, "--weights-name", "a", *FORM, *products, *options
    )


def outputs(path: Path, images: np.ndarray, name: str | None = None) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    return np.concatenate(
        [session.run(name and [name], {entry: image[None]})[0].reshape(1, -1) for image in images]
    )


CHANNELS_LAST = {
    "shape": ["N", 112, 112, 3],
    "first": "nchw",
    "before": [helper.make_node("Transpose", ["x"], ["nchw"], perm=[0, 3, 1, 2])],
}
FOUR = {
    "after": [
        helper.make_node("Unsqueeze", ["y", "axes"], ["deep"]),
    ],
    "tensors": {"axes": np.array([2, 3], np.int64)},
    "outputs": {"deep": ["N", 64, 1, 1]},
}
UNIT = {
    "after": [
        helper.make_node("ReduceL2", ["y", "axes"], ["length"], keepdims=1),
        helper.make_node("Div", ["y", "length"], ["unit"]),
    ],
    "tensors": {"axes": np.array([1], np.int64)},
    "outputs": {"unit": ["N", 64]},
    "opset": 18,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch": 1},
        {"external": True},
        {"opset": 8},
        {"opset": 21},
        {"shape": ["N", 3, "H", "W"]},
        CHANNELS_LAST,
        FOUR,
        UNIT,
        {"first": "image", "before": [helper.make_node("Identity", ["x"], ["image"])]},
    ],
    ids=[
        "plain",
        "fixed-batch",
        "external",
        "opset8",
        "opset21",
        "open-sides",
        "nhwc",
        "4d",
        "unit",
        "names",
    ],
)
def test_adopted_gives_what_the_file_gave(tmp_path: Path, changes: dict):
    source = make(tmp_path / "theirs.onnx", **changes)
    result = adopt(source, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    adopted = store.load_graph(tmp_path / "a_dynamic.onnx")
    (image,), (output,) = adopted.graph.input, adopted.graph.output
    shape = [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim]
    assert (image.name, output.name, shape) == ("image", "output1", ["batch", 3, 112, 112])
    assert 11 <= adopted.opset_import[0].version <= 17
    metadata = store.metadata(adopted)
    assert (metadata["net"], metadata["checkpoint"], metadata["dimension"]) == (
        "onnx",
        "theirs",
        "64",
    )
    form = preprocessing.of_metadata(metadata, "a")
    assert form == preprocessing.parse("rgb", "1,2,3", "50")

    images = parity.images(form)
    given = images.transpose(0, 2, 3, 1) if changes is CHANNELS_LAST else images
    expected = outputs(source, given)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for size in (1, 3, 4):
        found = parity.run_onnx(tmp_path / "a_dynamic.onnx", images[:size])
        np.testing.assert_allclose(found, expected[:size], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "a_baseline.npy"), expected, atol=1e-5)


def test_one_of_several_outputs(tmp_path: Path):
    after = [helper.make_node("Neg", ["y"], ["minus"])]
    two = {"after": after, "outputs": {"minus": ["N", 64], "flat": ["N", 512]}}
    source = make(tmp_path / "two.onnx", **two)
    expect_error(adopt(source, tmp_path), "has 2 outputs", "OUTPUT=: minus flat")
    expect_error(adopt(source, tmp_path, "--output", "y"), "has no output y", "minus flat")
    assert adopt(source, tmp_path, "--output", "flat").returncode == 0
    assert store.metadata(store.load_graph(tmp_path / "a_dynamic.onnx"))["dimension"] == "512"


def two_inputs() -> dict:
    return {
        "inputs": {"age": (TensorProto.FLOAT, ["N", 64])},
        "after": [helper.make_node("Add", ["y", "age"], ["z"])],
        "outputs": {"z": ["N", 64]},
    }


def control_flow() -> dict:
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, ["N", 64])
    branch = helper.make_graph([helper.make_node("Identity", ["y"], ["b"])], "g", [], [value])
    return {
        "after": [helper.make_node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch)],
        "tensors": {"yes": np.array(True)},
        "outputs": {"z": ["N", 64]},
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": ["N", 3, 128, 128]}, ("its input x is ?x3x128x128", "3x112x112")),
        ({"shape": ["N", 1, 112, 112]}, ("its input x is ?x1x112x112", "3x112x112")),
        (two_inputs(), ("has 2 inputs (x, age)",)),
        (
            {
                "kind": TensorProto.INT64,
                "first": "f",
                "before": [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)],
            },
            ("its input x is int64",),
        ),
        (control_flow(), ("has control flow: If",)),
        (
            {
                "after": [helper.make_node("Odd", ["y"], ["z"], domain="com.example")],
                "outputs": {"z": ["N", 64]},
                "domains": [helper.make_opsetid("com.example", 1)],
            },
            ("not ONNX's own: Odd of com.example",),
        ),
        ({"tensors": {"weights": np.full((512, 64), np.nan, np.float32)}}, ("weights", "finite")),
        ({"tensors": {"weights": np.zeros((512, 64), np.float32)}}, ("only zeros", "MEAN=")),
        ({"opset": 22}, ("opset 22", "7 to 21")),
        ({"outputs": {"c": ["N", 8, 8, 8]}}, ("its output c is 1x8x8x8", "OUTPUT=")),
        (
            {
                "after": [helper.make_node("Expand", ["y", "huge"], ["z"])],
                "tensors": {"huge": np.array([1 << 20, 1, 64], np.int64)},
                "outputs": {"z": ["H", "N", 64]},
            },
            (),
        ),
    ],
    ids=(
        [
            "larger",
            "grey",
            "two-inputs",
            "int64",
            "control-flow",
            "custom",
            "nan",
            "zeros",
            "opset22",
            "no-vector",
            "huge",
        ]
    ),
)
def test_what_is_no_recogniser_is_told(tmp_path: Path, changes: dict, words: tuple):
    source = make(tmp_path / "theirs.onnx", **changes)
    expect_error(adopt(source, tmp_path), "theirs.onnx", *words)
    assert not list(tmp_path.glob("a_*"))


def test_damaged_files_are_told(tmp_path: Path):
    (tmp_path / "text.onnx").write_text("no graph")
    expect_error(adopt(tmp_path / "text.onnx", tmp_path), "text.onnx is not an ONNX file")
    source = make(tmp_path / "theirs.onnx", external=True)
    (weights,) = {
        entry.value
        for tensor in store.load_graph(source).graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    content = (tmp_path / weights).read_bytes()
    (tmp_path / weights).write_bytes(content[:-8])
    expect_error(adopt(source, tmp_path), weights, "is cut short")
    (tmp_path / weights).unlink()
    expect_error(adopt(source, tmp_path), weights, "is missing; put it there")
    (tmp_path / "deeper").mkdir()
    (tmp_path / weights).write_bytes(content)
    model = store.load_graph(source)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = f"../{weights}"
    onnx.save(model, tmp_path / "deeper" / "out.onnx")
    expect_error(adopt(tmp_path / "deeper" / "out.onnx", tmp_path), "outside its own folder")


def test_weights_beside_the_graph_are_part_of_the_checksum(tmp_path: Path):
    source = make(tmp_path / "theirs.onnx", external=True)
    sums = set()
    for _ in range(2):
        assert adopt(source, tmp_path).returncode == 0
        sums.add(store.metadata(store.load_graph(tmp_path / "a_dynamic.onnx"))["weights_sha256"])
        tensors = store.load_graph(source).graph.initializer
        names = {e.value for t in tensors for e in t.external_data if e.key == "location"}
        (weights,) = (tmp_path / name for name in names)
        content = bytearray(weights.read_bytes())
        content[0] ^= 1  # the last bit of a kernel's value
        weights.write_bytes(content)
    assert len(sums) == 2


def test_a_batch_that_the_graph_holds_to_is_told(tmp_path: Path):
    fixed = {
        "batch": 1,
        "after": [helper.make_node("Concat", ["y", "token"], ["z"], axis=1)],
        "tensors": {"token": np.ones((1, 8), np.float32)},
        "outputs": {"z": [1, 72]},
    }
    expect_error(adopt(make(tmp_path / "vit.onnx", **fixed), tmp_path), "vit.onnx", "batch")


def test_values_of_the_variables_are_checked(project: Project, tmp_path: Path):
    make(project.root / "model/theirs.onnx")
    (project.root / "data/faces.bin").write_bytes(b"")
    base = ("accuracy", "ONNX=model/theirs.onnx", "DATA=data/faces.bin")
    form = ("COLOUR=rgb", "MEAN=127.5", "SCALE=127.5")
    for arguments, sentence in (
        (base, "ONNX=model/theirs.onnx does not tell its COLOUR"),
        ((*base, *form[:2]), "does not tell its SCALE"),
        ((*base, *form[:2], "SCALE=0"), "SCALE=0 is not allowed"),
        ((*base, *form[:2], "SCALE=1,0.0,1"), "SCALE=1,0.0,1 is not allowed"),
        ((*base, "MEAN=1,2", *form[:1], *form[2:]), "MEAN=1,2 is not allowed"),
        ((*base, "COLOUR=grey", *form[1:]), "COLOUR=grey is unknown; choose one of: bgr rgb"),
        ((*base, *form, "NET=ir50"), "NET=ir50 does nothing with ONNX="),
        (("accuracy", "OUTPUT=y", "DATA=data/faces.bin"), "OUTPUT=y does nothing without ONNX="),
        (("demo", "ONNX=model/theirs.onnx"), "make demo is about the project's own networks"),
    ):
        result = project.make(*arguments, ok=False)
        assert [line for line in result.stderr.splitlines() if sentence in line], result.stderr


def test_the_public_one_through_the_chain(project: Project, shared: Path, tiny: Path):
    form = ("COLOUR=rgb", "MEAN=123.675,116.28,103.53", "SCALE=58.395,57.12,57.375")
    given = (f"ONNX={shared}/mobilefacenet_128_rgb.onnx", f"DATA={tiny}/faces.bin", *form)
    folder = project.root / "result/mobilefacenet_128_rgb_faces_openvino_fp32_bs16"
    project.make("accuracy", "perf", "LOOP=3", *given)
    for name in ("accuracy", "perf"):
        record = json.loads((folder / f"{name}.json").read_text())
        assert record["preprocessing"] == {
            "colour": "rgb",
            "mean": [123.675, 116.28, 103.53],
            "scale": [58.395, 57.12, 57.375],
        }
        assert (record["dimension"], record["exported_with"]["opset"]) == (128, 18)
    fp32 = np.load(folder / "embeddings.npy")
    assert fp32.shape == (40, 128)
    for engine in ("onnxruntime", "torch"):
        project.make("accuracy", *given, f"ENGINE={engine}", "BS=7")
        other = folder.with_name(f"mobilefacenet_128_rgb_faces_{engine}_fp32_bs7")
        np.testing.assert_allclose(np.load(other / "embeddings.npy"), fp32, atol=1e-5)
    # Another form is another model.
    assert (
        "adopt_onnx" in project.make("-n", "accuracy", *given[:2], *form[1:], "COLOUR=bgr").stdout
    )
