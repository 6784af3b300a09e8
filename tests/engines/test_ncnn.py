"""ncnn: what pnnx makes is the network, in fp32, and images go through it side by side."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import engines
from common.errors import ChainError
from convert_ncnn import convert
from dataset import verification_bin
from onnx_graph import derived, parity
from support.project import Project, expect_error, run_module
from support.sealing import seal
from support.steps import embed


@pytest.fixture(scope="module")
def made(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ncnn model of the tiny set's network, as the door makes it."""
    folder = tmp_path_factory.mktemp("ncnn") / "m_ncnn"
    result = door(ready, folder)
    assert (result.returncode, result.stderr) == (0, "")
    return folder


def door(ready: Path, folder: Path, baseline: Path | None = None):
    return run_module(
        "convert_ncnn", "--onnx", ready / "model_m_bs1_sim.onnx",
        "--baseline", baseline or ready / "baseline.npy", "--out", folder,
    )  # fmt: skip


def load(folder: Path, **options: object) -> engines.Engine:
    return engines.load("ncnn", folder / "model.param", engines.Options(**options))


def test_the_record_and_nothing_else_beside_it(made: Path):
    names = sorted(p.name for p in made.iterdir())
    assert names == [".seal", "model.bin", "model.param", "ncnn.json"]
    report = derived.read(made / "model.param")
    assert report["parity"]["min_cosine"] > 0.99999
    assert report["parity"]["max_relative_error"] < 1e-4
    assert report["source"]["net"] == "mobilefacenet"
    assert report["gflop_per_image"] == pytest.approx(0.4423, abs=1e-3)
    # fp32 weights: about as many bytes as in the ONNX file, not half.
    assert (made / "model.bin").stat().st_size > 4_500_000


@pytest.mark.parametrize(
    ("options", "streams"),
    [
        ({"threads": 2}, 1),
        ({"threads": 2, "streams": 3}, 3),
        ({"threads": 2, "streams": 0}, 1),
        ({"threads": 1}, 1),
        ({"threads": 14}, 1),  # two threads on an image
        ({"threads": 9, "streams": 0}, 2),  # so many batches keep nine threads busy
    ],
)
def test_embeddings_are_onnx_runtimes_however_it_is_run(
    made: Path, ready: Path, monkeypatch, options: dict, streams: int
):
    images = np.random.default_rng(3).normal(0, 1, (7, 3, 112, 112)).astype(np.float32)
    expected = parity.run_onnx(ready / "model_m_bs7_sim.onnx", images)
    # However many CPUs this machine has.
    monkeypatch.setattr(engines, "usable_cpus", lambda: 14)
    engine = load(made, batch_size=7, **options)
    found = parity.compare(expected, engine.run(images))
    assert found["min_cosine"] > 0.99999 and found["max_relative_error"] < 1e-4
    used = engine.describe()
    assert (used["streams"], used["batch_size"], used["precision"]) == (streams, 7, "fp32")
    assert engine.infer_requests == (1 if options.get("streams") is None else streams + 1)


def test_bf16_is_near_and_not_the_same(made: Path, ready: Path):
    images = np.random.default_rng(4).normal(0, 1, (2, 3, 112, 112)).astype(np.float32)
    exact = load(made, batch_size=2).run(images)
    near = load(made, batch_size=2, precision="bf16").run(images)
    assert 0 < np.abs(exact - near).max() < 0.05


def test_a_set_gives_the_other_engines_embeddings(made: Path, ready: Path, tmp_path: Path):
    other = tmp_path / "openvino"
    assert embed(ready, "openvino", 7, other).returncode == 0
    ours = tmp_path / "ncnn"
    done = embed(ready, "ncnn", 7, ours, model=made / "model.param")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(ours / "e.npy"), np.load(other / "e.npy"), atol=1e-5)
    run = json.loads((ours / "run.json").read_text())
    assert run["converted"]["parity"]["min_cosine"] > 0.99999
    assert (run["engine"], run["provider"]) == ("ncnn", "ncnn")


def test_what_does_not_agree_with_pytorch_is_not_made(ready: Path, tmp_path: Path):
    baseline = np.load(ready / "baseline.npy")
    np.save(tmp_path / "other.npy", baseline[::-1])
    seal(tmp_path / "other.npy")
    result = door(ready, tmp_path / "m_ncnn", tmp_path / "other.npy")
    expect_error(result, "ncnn's form of", "does not agree with PyTorch")
    assert not list((tmp_path / "m_ncnn").iterdir())


def test_a_changed_file_is_not_run(made: Path, ready: Path, tmp_path: Path):
    folder = tmp_path / "m_ncnn"
    shutil.copytree(made, folder)
    content = bytearray((folder / "model.bin").read_bytes())
    content[1000] ^= 1
    (folder / "model.bin").write_bytes(content)
    result = embed(ready, "ncnn", 7, tmp_path, model=folder / "model.param")
    expect_error(result, "model.bin, a part of", "is not as it was written", "rm -rf")
    (folder / "model.param").write_text("7767517\n1 1\nNothing x 0 1 y\n")
    with pytest.raises(ChainError, match="cannot load"):
        load(folder, batch_size=1)


def test_an_operator_that_ncnn_lacks_is_named(tmp_path: Path):
    """pnnx leaves such a one out, and says so only among other lines."""
    shapes = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 112, 112))
              for name in ("image", "output1")}  # fmt: skip
    nodes = [
        helper.make_node("Relu", ["image"], ["x"]),
        helper.make_node("LpNormalization", ["x"], ["y"], axis=1, p=2),
        helper.make_node("MeanVarianceNormalization", ["y"], ["output1"], axes=[0, 2, 3]),
    ]
    graph = helper.make_graph(nodes, "g", [shapes["image"]], [shapes["output1"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    with pytest.raises(ChainError, match=r"ncnn has no MeanVarianceNormalization, .* ENGINE="):
        convert(model, tmp_path)


def test_through_make(tiny: Path, tmp_path: Path):
    project = Project(tmp_path / "project")
    given = [
        "NET=mobilefacenet", "BS=4", f"DATA={tiny / 'faces.bin'}", "ENGINE=ncnn",
        f"WEIGHTS={tiny / 'mobilefacenet.pth'}",
    ]  # fmt: skip
    made = project.make("accuracy", "perf", "LOOP=2", *given).stdout
    assert "  pnnx         model/mobilefacenet_fused_ncnn/model.param" in made
    assert "mobilefacenet · faces · ncnn fp32 · batch 4 · " in made
    assert project.make("accuracy", *given).stdout.startswith("accuracy: ")
    for k, encoded in enumerate(verification_bin.read(tiny / "faces.bin").images[:2]):
        (project.root / f"{k}.jpg").write_bytes(encoded)
    verified = project.make("verify", *given, "A=0.jpg", "B=1.jpg").stdout
    assert "of result/mobilefacenet_faces_ncnn_fp32_bs4/accuracy.json" in verified
    assert "FAR there: " in verified and "not known" not in verified
    # Without ENGINE= every engine that has the precision is tuned, then compared.
    plan = project.make("-n", "tune", *(g for g in given if g != "ENGINE=ncnn")).stdout
    tuned = re.findall(r"python/tune\.py .*--engine (\w+)", plan)
    assert tuned == ["ncnn", "onnxruntime", "openvino"]
    assert "--table engines" in plan
    alone = project.make("-n", "tune", *given).stdout
    assert re.findall(r"python/tune\.py .*--engine (\w+)", alone) == ["ncnn"]
    # One model for all batch sizes.
    plan = project.make("-n", "accuracy", *given, "BS=1").stdout
    assert "convert_ncnn" not in plan and "embed" in plan
    project.make("clean")
    assert not list((project.root / "model").glob("*_ncnn"))


def test_the_profile_has_every_layer_and_leaves_the_network_as_it_is(made: Path):
    images = np.random.default_rng(1).standard_normal((3, 3, 112, 112)).astype(np.float32)
    options = engines.Options(threads=2, batch_size=3)
    layers = engines.profile("ncnn", made / "model.param", options, images)
    lines = (made / "model.param").read_text().splitlines()[2:]
    assert len(layers) == sum(not line.startswith("Input ") for line in lines)
    assert all(layer.ms > 0 for layer in layers)
    kinds = [layer.kind for layer in layers]
    assert kinds.count("convolution 3x3 /2, 56x56") == 1
    assert sum(kind.startswith("convolution") for kind in kinds) == sum(
        line.startswith("Convolution ") for line in lines
    )


def test_an_engine_that_does_not_tell_what_its_layers_take(ready: Path):
    batch = np.zeros((1, 3, 112, 112), np.float32)
    with pytest.raises(ChainError, match=r"ENGINE=onnxruntime does not tell .* ENGINE=openvino\."):
        engines.profile("onnxruntime", ready / "model_m_bs1_sim.onnx", engines.Options(), batch)
