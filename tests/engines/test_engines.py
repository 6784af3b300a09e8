"""Real engines on real files: same embeddings, exact tails, and no silent fallback."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import engines
from common.errors import ChainError
from dataset import crops, verification_bin
from dataset.decode import decode
from dataset.preprocessing import Preprocessing
from onnx_graph import store
from support.project import PYTHON, expect_error
from support.sealing import seal
from support.steps import ENGINES, embed, export, fix


@pytest.mark.parametrize("engine", ENGINES)
def test_every_batch_size_gives_the_same_embeddings(ready: Path, tmp_path: Path, engine: str):
    # 40 crops in two views: 80 rows, so that 7 leaves a tail of 3.
    results = {}
    for batch in (1, 7, 16):
        result = embed(ready, engine, batch, tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        results[batch] = np.load(tmp_path / "e.npy")
        assert (results[batch].shape, results[batch].dtype) == ((40, 512), np.float32)
        run = json.loads((tmp_path / "run.json").read_text())
        assert run["batch_size"] == batch
    for batch in (7, 16):
        np.testing.assert_allclose(results[batch], results[1], atol=2e-6)


def test_the_record_says_what_was_used(ready: Path, tmp_path: Path):
    assert embed(ready, "onnxruntime", 16, tmp_path, "--threads", 1).returncode == 0
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["provider"] == "CPUExecutionProvider"
    assert run["threads"] == 1
    assert run["engine"] == "onnxruntime"
    assert run["versions"]["onnxruntime"] == onnxruntime.__version__
    assert (run["images"], run["inferences"], run["flip"]) == (40, 80, True)
    assert run["net"] == "mobilefacenet"
    assert len(run["model_sha256"]) == len(run["weights_sha256"]) == len(run["data_sha256"]) == 64
    assert run["wall_s"] >= run["inference_s"] > 0


def test_engines_agree_and_are_told_apart(ready: Path, tmp_path: Path):
    values = {}
    for engine in ENGINES:
        assert embed(ready, engine, 16, tmp_path / engine).returncode == 0
        values[engine] = np.load(tmp_path / engine / "e.npy")
        run = json.loads((tmp_path / engine / "run.json").read_text())
        assert run["engine"] == engine
        assert engine in run["versions"]
    np.testing.assert_allclose(values["openvino"], values["onnxruntime"], atol=5e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_embeddings_of_the_real_network(shared: Path, tmp_path: Path, engine: str):
    """The first 64 LFW images against what float64 arithmetic gives."""
    source = shared / "lfw.bin"
    encoded = verification_bin.read(source).images[:64]
    pixels = np.stack([decode(e, i, source) for i, e in enumerate(encoded)])
    assert export(shared / "mobilefacenet.pth", tmp_path).returncode == 0
    assert fix(tmp_path, 16).returncode == 0
    loaded = engines.load(engine, tmp_path / "model_m_bs16.onnx", engines.Options())
    golden = np.load(shared / "golden_mobilefacenet_lfw64.npz")
    for view, images in (("image", pixels), ("flip", pixels[..., ::-1])):
        rows = [loaded.run(Preprocessing().normalise(images[k : k + 16])) for k in range(0, 64, 16)]
        np.testing.assert_allclose(np.concatenate(rows), golden[view], atol=1e-5)


@pytest.mark.parametrize("repeats", [True, False])
def test_repeated_pictures_are_run_once(ready: Path, tmp_path: Path, repeats: bool):
    index = np.arange(40)
    index[[5, 39]] = 2, 30
    np.save(tmp_path / "unique.npy", index)
    seal(tmp_path / "unique.npy")
    options = ("--unique-index", tmp_path / "unique.npy") if repeats else ()
    assert embed(ready, "openvino", 7, tmp_path, *options).returncode == 0
    values = np.load(tmp_path / "e.npy")
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["inferences"] == (76 if repeats else 80)
    assert (values[5] == values[2]).all() == repeats
    assert (values[39] == values[30]).all() == repeats


def test_repeats_of_another_set_are_refused(ready: Path, tmp_path: Path):
    np.save(tmp_path / "unique.npy", np.arange(39))
    seal(tmp_path / "unique.npy")
    result = embed(ready, "openvino", 7, tmp_path, "--unique-index", tmp_path / "unique.npy")
    expect_error(result, "unique.npy", "is not of this decoded set")


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("tensorrt", engines.Options(), "ENGINE=tensorrt is unknown.*onnxruntime.*openvino"),
        ("openvino", engines.Options(precision="fp4"), "PRECISION=fp4 .*fp32"),
        ("openvino", engines.Options(provider="CPUExecutionProvider"), "EP= does nothing"),
        (
            "onnxruntime",
            engines.Options(provider="CUDAExecutionProvider"),
            "EP=CUDAExecutionProvider is not in .*CPUExecutionProvider",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(ready: Path, name: str, options, match: str):
    with pytest.raises(ChainError, match=match):
        engines.load(name, ready / "model_m_bs1_sim.onnx", options)


def test_onnxruntime_dropping_the_provider_is_noticed(ready: Path, monkeypatch):
    """A provider that is built in but cannot start leaves a session on the CPU."""
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setattr(
        onnxruntime, "InferenceSession",
        lambda model, settings, providers: real(model, providers=["CPUExecutionProvider"]),
    )  # fmt: skip
    with pytest.raises(ChainError, match="fell back to CPUExecutionProvider"):
        engines.load(
            "onnxruntime", ready / "model_m_bs1_sim.onnx",
            engines.Options(provider="CUDAExecutionProvider"),
        )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_damaged_model_is_one_sentence(ready: Path, tmp_path: Path, engine: str):
    (tmp_path / "bad.onnx").write_bytes(b"no onnx")
    with pytest.raises(ChainError, match=r"bad\.onnx"):
        engines.load(engine, tmp_path / "bad.onnx", engines.Options())
    with pytest.raises(ChainError, match=r"none\.onnx is missing"):
        engines.load(engine, tmp_path / "none.onnx", engines.Options())


def test_a_model_of_another_batch_size_is_refused(ready: Path, tmp_path: Path):
    model = ready / "model_m_bs7_sim.onnx"
    expect_error(embed(ready, "openvino", 16, tmp_path, model=model), "batch size 7, not 16")


@pytest.mark.parametrize("engine", ENGINES)
def test_nan_embeddings_name_the_image(ready: Path, tmp_path: Path, engine: str):
    """A network that divides by zero from some image on."""
    shape = [4, 3, 112, 112]
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Sub", ["flat", "flat"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["nan"]),
        helper.make_node("MatMul", ["nan", "w"], ["output1"]),
    ]
    weights = [onnx.numpy_helper.from_array(np.zeros((37632, 512), np.float32), "w")]
    source = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    sink = helper.make_tensor_value_info("output1", TensorProto.FLOAT, [4, 512])
    graph = helper.make_graph(nodes, "g", [source], [sink], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    origin = {"net": "m", "checkpoint": "m", "dimension": "512"}
    origin |= {"weights_sha256": "0", "opset": "11"}
    store.set_metadata(model, Preprocessing().metadata() | origin)
    onnx.save(model, str(tmp_path / "nan.onnx"))
    seal(tmp_path / "nan.onnx")
    result = embed(ready, engine, 4, tmp_path, model=tmp_path / "nan.onnx")
    expect_error(result, "image 0", "not finite")
    assert not (tmp_path / "e.npy").exists()


def test_prefetch_passes_errors_on_and_stops():
    def items():
        yield 1
        raise ChainError("broken")

    with pytest.raises(ChainError, match="broken"):
        list(crops.prefetch(items()))
    endless = crops.prefetch(iter(int, 1))
    assert next(endless) == 0
    endless.close()


# Ends two engines in the order in which they began.
INTERRUPTED = """
import os, signal, sys, time
from pathlib import Path
from engines import Options, openvino

first, second = (openvino.Engine(Path(sys.argv[1]), Options("fp32")) for _ in range(2))
del first
del second
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_after_two_engines_of_openvino(ready: Path):
    command = [sys.executable, "-c", INTERRUPTED, ready / "model_m_bs7_sim.onnx"]
    ran = subprocess.run(command, cwd=PYTHON, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("interrupted\n", 0)
