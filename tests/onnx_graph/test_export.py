"""Checkpoint -> ONNX -> fixed batch -> simplified, with weights shared and parity gated."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import fix_batch
from common.errors import ChainError
from dataset import preprocessing
from dataset.preprocessing import Preprocessing
from onnx_graph import parity, store
from support.project import expect_error, run_module
from support.sealing import copy, seal
from support.steps import export, fix, simplify


@pytest.fixture(scope="module")
def models(tiny: Path, tmp_path_factory) -> Path:
    """A folder with the export, and batch sizes 1 and 3 plain and simplified."""
    folder = tmp_path_factory.mktemp("models")
    results = [export(tiny / "mobilefacenet.pth", folder)]
    for batch in (1, 3):
        results += [fix(folder, batch), simplify(folder, batch)]
    for result in results:
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
    return folder


@pytest.mark.parametrize("stage", ["", "_sim"])
@pytest.mark.parametrize("batch", [1, 3])
def test_batch_is_fixed_and_embeddings_have_unit_length(models: Path, batch: int, stage: str):
    path = models / f"model_m_bs{batch}{stage}.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (source,), (sink,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.shape, source.type) == (
        "image",
        [batch, 3, 112, 112],
        "tensor(float)",
    )
    assert (sink.name, sink.shape) == ("output1", [batch, 512])
    output = parity.run_onnx(path, parity.images(Preprocessing()))
    np.testing.assert_allclose(np.linalg.norm(output, axis=1), 1, atol=1e-5)
    if not stage:
        for value in onnx.load(str(path), load_external_data=False).graph.value_info:
            assert all(d.HasField("dim_value") for d in value.type.tensor_type.shape.dim)


def test_unit_length_and_the_form_of_the_input_are_added(tiny: Path, tmp_path: Path):
    weights = tmp_path / "iresnet18.pth"
    made = ("--net", "iresnet18", "--bin", tiny / "faces.bin", "--out", weights)
    assert run_module("make_demo_checkpoint", *made).returncode == 0
    form = ("--colour", "rgb", "--mean", "120", "--scale", "60,61,62")
    result = export(weights, tmp_path, "iresnet18", form)
    assert (result.returncode, result.stderr) == (0, "")
    metadata = store.metadata(store.load_graph(tmp_path / "model_m.onnx"))
    expected = preprocessing.parse("rgb", "120", "60,61,62")
    assert preprocessing.of_metadata(metadata, "m") == expected
    output = parity.run_onnx(tmp_path / "model_m.onnx", parity.images(expected))
    np.testing.assert_allclose(np.linalg.norm(output, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "baseline.npy"), output, atol=1e-5)


def test_all_files_share_one_copy_of_the_weights(models: Path):
    assert len(list(models.glob("*.data"))) == 1
    for graph in models.glob("*.onnx"):
        assert graph.stat().st_size < 100_000


def test_the_gate_is_recorded(models: Path):
    stages = json.loads((models / "model_m_bs3_parity.json").read_text())
    assert stages["sim"]["min_cosine"] >= 0.99999
    assert 0 <= stages["sim"]["max_relative_error"] <= 1e-4


def test_metadata_names_what_made_it(models: Path):
    entries = store.metadata(store.load_graph(models / "model_m_bs3_sim.onnx"))
    assert entries["net"] == entries["checkpoint"] == "mobilefacenet"
    assert entries["opset"] == "11"
    assert len(entries["weights_sha256"]) == 64


def test_the_gate_fails_the_target(models: Path, tmp_path: Path):
    for path in models.iterdir():
        if path.suffix in (".onnx", ".data", ".npy") and "_sim" not in path.name:
            copy([path], tmp_path)
    baseline = np.load(tmp_path / "baseline.npy")
    baseline[1] += 1e-3 * np.random.default_rng(0).standard_normal(512)
    np.save(tmp_path / "baseline.npy", baseline)
    seal(tmp_path / "baseline.npy")
    expect_error(simplify(tmp_path, 3), "does not agree with PyTorch", "model_m_bs3.onnx")
    assert not (tmp_path / "model_m_bs3_sim.onnx").exists()
    assert not (tmp_path / "model_m_bs3_parity.json").exists()


@pytest.mark.parametrize("bad", [np.nan, 0.0])
def test_the_gate_refuses_nan_and_nothing(bad: float):
    good = np.eye(2, 512)
    assert parity.compare(good, good)["min_cosine"] == 1
    with np.errstate(invalid="ignore"):
        result = parity.compare(good, good * bad)
    assert not result["min_cosine"] >= parity.MIN_COSINE


def test_wrong_weights_leave_no_product(tiny: Path, tmp_path: Path):
    result = export(tiny / "mobilefacenet.pth", tmp_path, net="ir50")
    expect_error(result, "mobilefacenet.pth is a checkpoint of mobilefacenet, not of ir50")
    assert not [p for p in tmp_path.iterdir() if p.suffix in (".onnx", ".data", ".npy")]


def test_a_graph_that_keeps_a_symbolic_batch_is_refused(tmp_path: Path):
    nodes = [
        helper.make_node("NonZero", ["image"], ["places"]),
        helper.make_node("Cast", ["places"], ["output1"], to=TensorProto.FLOAT),
    ]
    source = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 4])
    sink = helper.make_tensor_value_info("output1", TensorProto.FLOAT, ["batch", None])
    model = helper.make_model(helper.make_graph(nodes, "g", [source], [sink]))
    with pytest.raises(ChainError, match="places"):
        fix_batch.fix_batch(model, 2)


def save(folder: Path, name: str, values: np.ndarray, check=lambda path: None) -> None:
    node = helper.make_node("Add", ["image", "w"], ["output1"])
    source = helper.make_tensor_value_info("image", 1, list(values.shape))
    sink = helper.make_tensor_value_info("output1", 1, list(values.shape))
    weights = [numpy_helper.from_array(values, "w")]
    graph = helper.make_graph([node], "g", [source], [sink], weights)
    store.publish(helper.make_model(graph), folder / name, "model_w", check)


def test_unused_weight_files_go_and_used_ones_stay(tmp_path: Path):
    old, new = np.zeros((64, 64), np.float32), np.ones((64, 64), np.float32)
    save(tmp_path, "a.onnx", old)
    save(tmp_path, "b.onnx", old)
    (first,) = tmp_path.glob("*.data")
    save(tmp_path, "a.onnx", new)
    assert first.exists()
    assert len(list(tmp_path.glob("*.data"))) == 2
    save(tmp_path, "b.onnx", new)
    assert not first.exists()
    assert (
        onnx.numpy_helper.to_array(onnx.load(str(tmp_path / "b.onnx")).graph.initializer[0]) == new
    ).all()


def test_a_failed_check_keeps_the_old_model(tmp_path: Path):
    old, new = np.zeros((64, 64), np.float32), np.ones((64, 64), np.float32)
    save(tmp_path, "a.onnx", old)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fail(path: Path) -> None:
        onnx.checker.check_model(str(path), full_check=True)
        raise ChainError("no")

    with pytest.raises(ChainError):
        save(tmp_path, "a.onnx", new, fail)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
