"""ais_bench: what it is asked, and that nothing it leaves is believed unchecked."""

import json
import sys

import numpy as np
import onnxruntime
import pytest

from ascend import ais_bench, input_files, output_files
from common.errors import ChainError
from dataset.crops import normalise
from support.ascend import TOOLKIT, environment, make_crops, make_model
from support.project import expect_error, run_module

COUNT, BATCH = 9, 4  # 18 inputs: four batches of four, and one of two


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with crops, their inputs, a model m.om of batch size 4, and the right outputs."""
    folder = tmp_path_factory.mktemp("run")
    make_model(folder / "m.onnx", BATCH)
    pixels = make_crops(folder / "crops", COUNT)
    common = ("--onnx", folder / "m.onnx", "--batch-size", BATCH, "--log", folder / "atc.log")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        made = run_module("build_om", *common, "--out", folder / "m.om", cwd=folder)
    assert made.returncode == 0, made.stderr
    arguments = ("--crops", folder / "crops", "--out", folder / "npu.json")
    assert run_module("write_npu_inputs", *arguments).returncode == 0
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    views = normalise(np.stack([v for p in pixels for v in (p, p[:, :, ::-1])]))
    padded = np.concatenate([views, views[:2]])
    outputs = [session.run(None, {"image": padded[i : i + 4]})[0] for i in range(0, 20, 4)]
    np.save(folder / "expected.npy", np.concatenate(outputs)[: 2 * COUNT])
    return folder


@pytest.fixture
def job(made, tmp_path, monkeypatch):
    """The run of the whole set on device 0."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made)
    return ais_bench.Job(
        python=sys.executable,
        om=made / "m.om",
        batch_size=BATCH,
        devices=[0],
        inputs=made / "npu",
        outfmt="NPY",
        loop=1,
        warmup=1,
        out=tmp_path / "ais_bench",
        log=tmp_path / "log",
    )


def run_and_collect(job: ais_bench.Job) -> np.ndarray:
    parts, wall = ais_bench.run(job)
    assert wall > 0
    stems = input_files.stems(np.arange(COUNT))
    return output_files.collect(parts, stems, job.outfmt, job.batch_size)


@pytest.mark.parametrize("version", ["1", "3"])
@pytest.mark.parametrize(("devices", "outfmt"), [([0], "BIN"), ([0, 1], "NPY")])
def test_outputs_are_the_models(job, made, monkeypatch, version, devices, outfmt):
    monkeypatch.setenv("FAKE_AIS_VERSION", version)
    # Stale files, which ais_bench would keep.
    job.out.mkdir()
    (job.out / "0_0.npy").write_bytes(b"stale")
    job.out.with_name("ais_bench_summary.json").write_text("stale")
    outputs = run_and_collect(job._replace(devices=devices, outfmt=outfmt))
    np.testing.assert_allclose(outputs, np.load(made / "expected.npy"), atol=1e-6)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("nan", "not finite"),
        ("zero", "of length 0.000"),
        ("no-summary", "left no summary for device 0"),
        ("garbled", "is not as ais_bench writes it"),
        ("missing", "17 outputs for 18 inputs and lacks 8_flip_0.npy"),
        ("extra", "belongs to nothing"),
        ("short", "instead of 512"),
        ("throughput", "a batch of 4 are"),
        ("execute", "exit status 1"),
    ],
)
def test_faults_are_caught(job, monkeypatch, fault, why):
    monkeypatch.setenv("FAKE_AIS", fault)
    with pytest.raises(ChainError, match=why):
        run_and_collect(job)


def test_a_fault_of_one_device_is_caught(job, monkeypatch):
    monkeypatch.setenv("FAKE_AIS", "no-summary")
    with pytest.raises(ChainError, match="no summary for device 1"):
        ais_bench.run(job._replace(devices=[1, 0]))


def test_a_batch_size_that_is_not_the_models(job):
    # ais_bench only scales its throughput by it, and exits 0.
    with pytest.raises(ChainError, match=r"ran 5 batches on device 0 for 18 inputs, not 2"):
        run_and_collect(job._replace(batch_size=16))


def test_failures_show_what_ais_bench_said(job, capfd):
    with pytest.raises(ChainError, match="exit status 1"):
        ais_bench.run(job._replace(devices=[7]))
    assert "[507033][set device 7 failed]" in capfd.readouterr().err
    with pytest.raises(ChainError, match="exit status"):
        ais_bench.run(job._replace(python="/bin/false"))


def test_a_package_without_its_own_main(job, tmp_path, monkeypatch):
    for name in ("__init__", "infer"):
        (tmp_path / "site/ais_bench").mkdir(parents=True, exist_ok=True)
        (tmp_path / "site/ais_bench" / f"{name}.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    assert ais_bench.command(job)[1:3] == ["-m", "ais_bench.infer"]
    monkeypatch.setenv("PYTHONPATH", str(TOOLKIT / "python"))
    assert ais_bench.command(job)[1:3] == ["-m", "ais_bench"]


def test_names_that_ais_bench_refuses(job):
    with pytest.raises(ChainError, match="letters, digits"):
        ais_bench.run(job._replace(om=job.om.with_name("a,b.om")))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-4]), "instead of 512"),
        (lambda p: np.save(p, np.zeros((1, 512))), r"float64 \(1, 512\)"),
        (lambda p: p.write_bytes(b"no array"), "is not an array"),
    ],
)
def test_damaged_outputs(tmp_path, spoil, why):
    path = tmp_path / ("0_0.bin" if "float64" not in why and "array" not in why else "0_0.npy")
    path.write_bytes(np.zeros(512, np.float32).tobytes())
    spoil(path)
    with pytest.raises(ChainError, match=why):
        output_files.read(path)


def arguments(made, tmp_path, *more):
    common = ("--om", made / "m.om", "--crops", made / "crops", "--batch-size", BATCH)
    tool = ("--python", sys.executable, "--log", tmp_path / "log")
    return *common, "--devices", "0,1", *tool, *more


def test_embed_module(job, made, tmp_path):
    more = (
        "--inputs",
        made / "npu.json",
        "--out",
        tmp_path / "e.npy",
        "--run",
        tmp_path / "r.json",
    )
    result = run_module("embed_npu", *arguments(made, tmp_path, *more))
    assert result.returncode == 0, result.stderr
    expected = np.load(made / "expected.npy")
    sums = expected[0::2] + expected[1::2]
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(tmp_path / "e.npy"), sums, atol=1e-6)
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["engine"] == "ascend" and record["device"] == "Ascend310P3"
    assert record["devices"] == [0, 1] and record["inferences"] == 2 * COUNT
    assert record["end_to_end_fps"] > 0 and record["device_only_fps"] > 0
    assert not (tmp_path / "ais_bench").exists()


def test_perf_module(job, made, tmp_path):
    more = ("--warmup", 1, "--loop", 20, "--out", tmp_path / "perf.json")
    result = run_module("benchmark_npu", *arguments(made, tmp_path, *more))
    assert result.returncode == 0, result.stderr
    perf = json.loads((tmp_path / "perf.json").read_text())
    assert perf["loop"] == 20 and perf["throughput_scope"].startswith("device-only")
    assert perf["throughput_fps"] == pytest.approx(sum(perf["per_device_fps"]))
    assert 0 < perf["wall_clock_fps"] < perf["throughput_fps"]
    assert list(perf["latency_ms"]) == ["min", "mean", "median", "p90", "p99", "max"]


def test_a_model_that_its_record_does_not_describe(job, made, tmp_path):
    for name in ("m.om", "m.om.json"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    (tmp_path / "m.om").write_bytes(b"another")
    more = ("--warmup", 1, "--loop", 1, "--out", tmp_path / "perf.json", "--om", tmp_path / "m.om")
    result = run_module("benchmark_npu", *arguments(made, tmp_path, *more))
    expect_error(result, "m.om is not the file that")
    (tmp_path / "m.om.json").unlink()
    expect_error(run_module("benchmark_npu", *arguments(made, tmp_path, *more)), "is missing")


def test_too_many_devices(job, made, tmp_path):
    more = (
        "--inputs",
        made / "npu.json",
        "--out",
        tmp_path / "e.npy",
        "--run",
        tmp_path / "r.json",
    )
    many = ("--devices", ",".join(map(str, range(19))))
    result = run_module("embed_npu", *arguments(made, tmp_path, *more, *many))
    expect_error(result, "18 inputs are too few for 19 devices")
