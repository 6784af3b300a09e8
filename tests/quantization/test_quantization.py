"""bf16 and INT8: what is really computed, how near it comes, and what is refused."""

import json
import resource
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest

import engines
import quantize
from common.errors import ChainError
from dataset import verification_bin
from dataset.preprocessing import Preprocessing
from engines.openvino import check, float_type
from onnx_graph import derived
from quantization import calibration, sensitivity
from support.project import Project, expect_error, run_module
from support.sealing import copy


class Processor:
    """A core as OpenVINO shows it, on a processor that has only ``has``."""

    def __init__(self, *has: str):
        self.properties = {"OPTIMIZATION_CAPABILITIES": list(has), "FULL_DEVICE_NAME": "Old CPU "}

    def get_property(self, _: str, name: str) -> object:
        return self.properties[name]


def test_a_precision_the_processor_lacks_is_refused():
    with pytest.raises(ChainError, match=r"PRECISION=bf16 .*BF16.* Old CPU .*FP32 INT8"):
        check(engines.Options("bf16"), Processor("FP32", "INT8"))
    with pytest.raises(ChainError, match="PRECISION=int8"):
        check(engines.Options("int8"), Processor("FP32"))
    check(engines.Options("fp32"), Processor("FP32"))


def test_what_int8_leaves_in_float_is_bf16_where_the_processor_may(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    new, old = Processor("BF16", "FP32", "INT8"), Processor("FP32", "INT8")
    assert float_type(new, "int8") == openvino.Type.bf16
    assert float_type(old, "int8") == float_type(new, "fp32") == openvino.Type.f32
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE")
    assert float_type(new, "int8") == openvino.Type.f32
    with pytest.raises(ChainError, match="PRECISION=bf16"):
        check(engines.Options("bf16"), new)


def run_engine(model: Path, precision: str, images: np.ndarray) -> tuple[np.ndarray, dict]:
    options = engines.Options(precision, batch_size=len(images))
    engine = engines.load("openvino", model, options)
    return engine.run(images), engine.describe()


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def images(tiny: Path) -> np.ndarray:
    faces = calibration.load(tiny / "faces.bin")
    return np.stack(list(calibration.sample(faces, 7, 5, set(), Preprocessing()).values()))


@pytest.fixture(scope="module")
def made(ready: Path, tiny: Path, tmp_path_factory) -> Path:
    """The folder of the tiny network in INT8, however near it comes."""
    folder = tmp_path_factory.mktemp("int8")
    result = run_quantize(ready, tiny, folder, 0)
    assert result.returncode == 0, result.stderr
    return folder


def run_quantize(ready: Path, tiny: Path, folder: Path, least: float):
    return run_module(
        "quantize", "--onnx", ready / "model_m_bs1_sim.onnx", "--data", tiny / "faces.bin",
        "--calibration", tiny / "faces.bin", "--min-cosine", least, "--out", folder,
    )  # fmt: skip


def test_bf16_is_bf16(ready: Path, images: np.ndarray):
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("needs a processor with bf16")
    exact, used = run_engine(ready / "model_m_bs7_sim.onnx", "fp32", images)
    assert set(used["layers"]) == {"f32"}
    near, used = run_engine(ready / "model_m_bs7_sim.onnx", "bf16", images)
    assert (used["precision"], set(used["layers"])) == ("bf16", {"bf16"})
    assert 0.99 < cosines(exact, near).min() < 0.9999999


def test_int8_is_int8_at_any_batch_size(ready: Path, made: Path, images: np.ndarray):
    exact, _ = run_engine(ready / "model_m_bs7_sim.onnx", "fp32", images)
    seven, used = run_engine(made / "model.xml", "int8", images)
    assert used["precision"] == "int8"
    assert {"u8", "i8"} & set(used["layers"])
    assert used["batch_size"] == 7
    assert 0.5 < cosines(exact, seven).min() < 0.9999
    np.testing.assert_allclose(np.linalg.norm(seven, axis=1), 1, atol=1e-5)
    one = [run_engine(made / "model.xml", "int8", image[None])[0][0] for image in images[:2]]
    np.testing.assert_allclose(one, seven[:2], atol=1e-5)


def test_the_report(ready: Path, made: Path, tiny: Path):
    report = derived.read(made / "model.xml")
    assert report == json.loads((made / "quant.json").read_text())
    assert report["source"]["net"] == "mobilefacenet"
    assert report["calibration"]["set"] == report["held_out"]["set"] == "faces"
    assert report["calibration"]["of_the_evaluation_set"]
    assert report["calibration"]["images"] + report["held_out"]["images"] == 40
    assert 0 < report["held_out"]["min_cosine"] <= report["held_out"]["mean_cosine"] < 1
    noise = [worst["noise_to_signal"] for worst in report["worst_layers"]]
    assert noise == sorted(noise, reverse=True)
    assert noise[-1] > 0


def test_calibration_and_comparison_share_no_image(tiny: Path):
    faces = calibration.load(tiny / "faces.bin")
    learned, held = calibration.split(faces, faces, Preprocessing())
    assert not {a.tobytes() for a in learned} & {b.tobytes() for b in held}


@pytest.mark.parametrize("other", [False, True])
def test_each_set_is_read_once(
    ready: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bool
):
    """Of quantize's own path: what it reads before it splits, and what splitting reads."""
    source, read, real = tiny / "faces.bin", [], verification_bin.content
    calib = source
    if other:
        calib = tmp_path / "calib.bin"
        calib.write_bytes(source.read_bytes())
    monkeypatch.setattr(verification_bin, "content", lambda path: read.append(path) or real(path))

    class SplitError(Exception):
        """Ends quantize where the images are there."""

    def split(*words: object) -> None:
        learned, held = calibration.split(*words)
        assert len(learned) + len(held) == 40
        raise SplitError

    monkeypatch.setattr(quantize, "split", split)
    command = ["quantize", "--onnx", ready / "model_m_bs1_sim.onnx", "--data", source]
    command += ["--calibration", calib, "--out", tmp_path / "int8"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    with pytest.raises(SplitError):
        quantize.main()
    assert sorted(read) == sorted({source, calib})


def test_an_unreachable_cosine_fails_with_the_report(ready: Path, tiny: Path, tmp_path: Path):
    folder = tmp_path / "int8"
    expect_error(run_quantize(ready, tiny, folder, 1.1), "mean cosine", "quant.json", "CALIB=")
    report = json.loads((folder / "quant.json").read_text())
    assert sorted(p.name for p in folder.iterdir()) == [".seal", "quant.json"]
    assert len(report["trials"]) > 3
    # With every layer kept nothing is quantized any more, but bf16 where the processor has it.
    assert report["trials"][-1]["mean_cosine"] > 0.995 > report["trials"][0]["mean_cosine"]
    assert report["quantized_layers"] == 0


def test_a_model_for_which_there_is_no_space_is_told(made: Path, tmp_path: Path):
    model = openvino.Core().read_model(str(made / "model.xml"))
    report = json.loads((made / "quant.json").read_text())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(ChainError, match=r"model\.xml could not be written .*free disk space"):
            quantize.write(tmp_path, model, report)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_the_search_keeps_no_more_than_it_must(monkeypatch):
    """Stand-in embeddings whose cosine grows by a hundredth with each layer that is kept."""
    monkeypatch.setattr(sensitivity, "without", lambda model, names, exact: len(names))
    monkeypatch.setattr(
        quantize,
        "embeddings",
        lambda core, kept, images, precision: np.full((2, 1), 0.5 + 0.01 * kept),
    )
    names = [str(k) for k in range(60)]
    for least, wanted in ((0.3, 0), (0.505, 1), (0.575, 8), (0.645, 15)):
        count, trials = quantize.search(None, None, {}, names, np.ones((2, 1)), None, least)
        assert wanted <= count <= wanted + max(1, wanted // 4)
        assert any(t["kept"] == count and t["mean_cosine"] >= least for t in trials)
    assert quantize.search(None, None, {}, names, np.ones((2, 1)), None, 2.0)[0] == 60


def test_files_that_do_not_belong_together_are_refused(made: Path, tmp_path: Path):
    copy((made / name for name in ("model.xml", "model.bin", "quant.json")), tmp_path)
    derived.read(tmp_path / "model.xml")
    weights = bytearray((tmp_path / "model.bin").read_bytes())
    weights[1000] ^= 1
    (tmp_path / "model.bin").write_bytes(weights)
    with pytest.raises(ChainError, match="make quantize"):
        derived.read(tmp_path / "model.xml")


@pytest.mark.long
def test_accuracy_on_lfw(project: Project, shared: Path):
    """With real weights on the real set, within 0.0010 of fp32's 0.9930."""
    options = ("NET=mobilefacenet", "BS=16", f"DATA={shared}/lfw.bin")
    weights = f"WEIGHTS={shared}/mobilefacenet.pth"
    precisions = ["int8"]
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        precisions.append("bf16")
    for precision in precisions:
        project.make("accuracy", *options, weights, f"PRECISION={precision}")
        folder = project.root / f"result/mobilefacenet_lfw_openvino_{precision}_bs16"
        result = json.loads((folder / "accuracy.json").read_text())
        assert result["precision"] == precision
        assert result["accuracy"] == pytest.approx(0.9930, abs=0.0010)
        if precision == "int8":
            assert result["quantized"]["calibration"]["set"] == "lfw"
            assert result["quantized"]["held_out"]["mean_cosine"] >= 0.99
            assert result["quantized"]["held_out"]["min_cosine"] > 0.975
