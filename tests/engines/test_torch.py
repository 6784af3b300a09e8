"""ENGINE=torch: the same embeddings as the other engines, and nothing replaced in silence."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import engines
import export_onnx
import fix_batch
from common.errors import ChainError
from dataset.crop_store import Plain
from dataset.crops import batches, open_crops
from dataset.preprocessing import Preprocessing
from engines import Options
from engines import torch as torch_engine
from inference.embedding import embed
from networks._blocks import L2Norm
from networks._ir import Unit
from onnx_graph import parity, store, to_torch
from support.project import Project, expect_error, run_module

MODEL = "model_m_bs7_sim.onnx"


@pytest.fixture(scope="module")
def pixels(ready: Path) -> np.ndarray:
    crops = open_crops(ready / "crops")
    return next(batches(crops, np.arange(4), 7, Preprocessing(), as_pixels=True)).input


def load(model: Path, **options: object) -> engines.Engine:
    return engines.load("torch", model, Options(device="cpu", threads=2, **options))


def test_agrees_with_openvino_and_normalises_pixels_itself(ready, pixels):
    engine = load(ready / MODEL)
    images = Preprocessing().normalise(pixels)
    expected = engines.load("openvino", ready / MODEL, Options()).run(images)
    output = engine.run(images)
    assert output.dtype == np.float32
    result = parity.compare(expected, output)
    assert result["min_cosine"] >= parity.MIN_COSINE
    assert result["max_relative_error"] <= parity.MAX_RELATIVE_ERROR
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(engine.run(pixels), output, atol=1e-6)


def test_describes_what_runs(ready):
    used = load(ready / MODEL).describe()
    assert used["batch_size"] == 7
    assert used["precision"] == "fp32"
    assert used["provider"] == "cpu, eager, channels-last"
    assert used["threads"] == torch.get_num_threads() == 2


def test_tf32_is_off(ready):
    torch.backends.cudnn.conv.fp32_precision = "tf32"
    load(ready / MODEL)
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"


def test_bf16_is_near_and_really_another_arithmetic(ready, pixels):
    exact, rounded = load(ready / MODEL).run(pixels), load(ready / MODEL, precision="bf16")
    result = parity.compare(exact, rounded.run(pixels))
    assert rounded.describe()["precision"] == "bf16"
    assert 0.99 <= result["min_cosine"] <= 0.999999


@pytest.fixture(scope="module")
def se_network() -> nn.Module:
    """Every operator of the IR-SE networks in three units, small enough to compile."""
    torch.manual_seed(1)
    units = [Unit(8, 8, 2, False), Unit(8, 16, 2, True), Unit(16, 16, 1, True)]
    head = [nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16 * 28 * 28, 512), nn.BatchNorm1d(512)]
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *units, *head, L2Norm())
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def se_model(se_network, tmp_path_factory) -> Path:
    """``se_network`` as ONNX of batch size 4."""
    path = tmp_path_factory.mktemp("se") / "bs4.onnx"
    model = fix_batch.fix_batch(export_onnx.export(se_network, 11), 4)
    store.set_metadata(model, Preprocessing().metadata())
    onnx.save(model, path)
    return path


def test_converts_squeeze_excitation_units(se_network, se_model):
    images = torch.from_numpy(parity.images(Preprocessing()))
    output = to_torch.convert(se_model, torch.float32)(images).numpy()
    result = parity.compare(se_network(images).numpy(), output)
    assert result["max_relative_error"] <= 1e-5


def test_fp16_arithmetic_is_near(se_network, se_model):
    images = torch.from_numpy(parity.images(Preprocessing()))
    half = to_torch.convert(se_model, torch.float16)(images.half())
    assert half.dtype == torch.float32
    result = parity.compare(se_network(images).numpy(), half.numpy())
    assert 0.9999 <= result["min_cosine"] < 1


def test_embeddings_of_a_set_agree_with_openvino(ready):
    crops = Plain(open_crops(ready / "crops")[:5])
    index = np.arange(5)
    # A whole batch of 7 and a padded one, against batches of 1.
    output, *_ = embed(load(ready / MODEL), crops, index, 7, Preprocessing())
    one = engines.load("openvino", ready / "model_m_bs1_sim.onnx", Options())
    expected, *_ = embed(one, crops, index, 1, Preprocessing())
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"precision": "int8"}, "PRECISION=int8"),
        ({"device": "npu"}, "cuda cpu"),
        ({"mode": "fast"}, "compile graph eager"),
        ({"mode": "graph", "device": "cpu"}, "TORCH_MODE=graph"),
        ({"provider": "CUDAExecutionProvider"}, "EP= does nothing with ENGINE=torch"),
        ({"device": "cuda"}, "TORCH_DEVICE=cuda"),
        ({"precision": "fp16", "device": "cpu"}, "no fp16 arithmetic"),
    ],
)
def test_refuses_what_it_cannot_honour(ready, monkeypatch, options, fragment):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch_engine, "cpu_flags", lambda: {"avx512f"})
    with pytest.raises(ChainError, match=fragment):
        engines.load("torch", ready / MODEL, Options(**options))


def test_other_engines_refuse_its_options(ready):
    with pytest.raises(ChainError, match="TORCH_DEVICE= does nothing with ENGINE=openvino"):
        engines.load("openvino", ready / MODEL, Options(device="cpu"))


def test_unknown_operator_is_named(tmp_path):
    shape = [1, 3, 112, 112]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Tan", ["x"], ["y"])], "g", [values[0]], [values[1]]
    )
    onnx.save(helper.make_model(graph), tmp_path / "tan.onnx")
    with pytest.raises(ChainError, match="operator Tan;"):
        to_torch.convert(tmp_path / "tan.onnx", torch.float32)


def test_compiled_agrees(se_network, se_model, pixels):
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler on the CPU")
    compiled = load(se_model, mode="compile")
    assert compiled.describe()["provider"] == "cpu, compile, channels-last"
    expected = se_network(torch.from_numpy(Preprocessing().normalise(pixels[:4]))).numpy()
    result = parity.compare(expected, compiled.run(pixels[:4]))
    assert result["max_relative_error"] <= parity.MAX_RELATIVE_ERROR


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["compile", "graph", "eager"])
@pytest.mark.parametrize(("precision", "cosine"), [("fp32", 0.99999), ("fp16", 0.9999)])
def test_cuda_agrees(ready, pixels, mode, precision, cosine):
    options = Options(device="cuda", mode=mode, precision=precision)
    engine = engines.load("torch", ready / MODEL, options)
    expected = load(ready / MODEL).run(pixels)
    for images in (pixels, Preprocessing().normalise(pixels), pixels):
        assert parity.compare(expected, engine.run(images))["min_cosine"] >= cosine


def test_make_passes_the_choice_on(project: Project):
    (project.root / "data/faces.bin").write_bytes(b"")
    (project.root / "w.pth").write_bytes(b"")
    given = ("NET=mobilefacenet", "DATA=data/faces.bin", "WEIGHTS=w.pth")
    torch_run = ("-n", "perf", *given, "ENGINE=torch", "PRECISION=bf16", "TORCH_DEVICE=cpu")
    assert "--precision bf16" in (shown := project.make(*torch_run).stdout)
    assert "--device cpu" in shown
    # The choice belongs to that engine alone.
    assert "--device" not in project.make("-n", "perf", *given).stdout
    refused = project.make("-n", "perf", *given, "TORCH_DEVICE=cpu", ok=False)
    assert "TORCH_DEVICE=cpu does nothing with ENGINE=openvino" in refused.stderr
    refused = project.make("-n", "perf", *given, "TORCH_DEVICE=tpu", ok=False)
    assert "TORCH_DEVICE=tpu is unknown" in refused.stderr


def test_cuda_is_asked_for_and_missing(ready, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("has a CUDA device")
    arguments = ["--model", ready / "model_m_bs1_sim.onnx", "--crops", ready / "crops"]
    arguments += ["--engine", "torch", "--precision", "fp32", "--batch-size", 1, "--warmup", 1]
    out = tmp_path / "perf.json"
    result = run_module("benchmark", *arguments, "--device", "cuda", "--loop", 1, "--out", out)
    expect_error(result, "finds no CUDA device")
    assert not out.exists()
