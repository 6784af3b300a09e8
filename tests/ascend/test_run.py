"""ais_bench: what it is asked, and that nothing it leaves is believed unchecked."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import engines
from ascend import ais_bench, input_files, output_files
from common.errors import ChainError
from support.ascend import BATCH, COUNT, TOOLKIT, environment, infer
from support.project import expect_error, run_module
from support.sealing import copy, seal

FOUR = "0:310P3 1:310P3 2:310P3 3:310P3"


@pytest.fixture
def job(made, tmp_path, monkeypatch):
    """The run of the whole set on device 0."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made)
    # Asked once a process; here its answer changes from test to test.
    ais_bench.is_newer.cache_clear()
    ais_bench.tool.cache_clear()
    with ais_bench.private_folder(tmp_path) as folder:
        yield ais_bench.Job(
            python=sys.executable,
            om=made / "m.om",
            batch_size=BATCH,
            devices=[0],
            folder=folder,
            log=tmp_path / "log",
            limit_s=60,
            inputs=made / "npu",
            outfmt="NPY",
        )


def run_and_collect(job: ais_bench.Job) -> np.ndarray:
    parts, wall = ais_bench.run(job)
    assert wall > 0
    stems = input_files.stems(np.arange(COUNT))
    kept = job.folder / "kept"
    checksum = output_files.keep(parts, stems, job, 512, kept)
    outputs, again = output_files.load(kept, stems, job.outfmt, 512)
    assert checksum == again
    return outputs


# Every value beside every other one.
@pytest.mark.parametrize(
    ("version", "umask", "devices", "outfmt"),
    [
        ("1", 0o002, [0], "BIN"),
        ("1", 0o022, [0, 1], "NPY"),
        ("1", 0o027, [3, 0, 2, 1], "TXT"),
        ("3", 0o002, [0, 1], "TXT"),
        ("3", 0o022, [3, 0, 2, 1], "BIN"),
        ("3", 0o027, [0], "NPY"),
        ("1", 0o002, [3, 0, 2, 1], "NPY"),
        ("3", 0o022, [0], "TXT"),
        ("3", 0o027, [0, 1], "BIN"),
    ],
)
def test_outputs_are_the_models(job, made, monkeypatch, version, umask, devices, outfmt):
    monkeypatch.setenv("FAKE_AIS_VERSION", version)
    monkeypatch.setenv("FAKE_NPU", FOUR)
    before = os.umask(umask)
    try:
        outputs = run_and_collect(job._replace(devices=devices, outfmt=outfmt))
    finally:
        os.umask(before)
    np.testing.assert_allclose(outputs, np.load(made / "expected.npy"), atol=1e-6)
    assert (job.folder / "kept/0_0").with_suffix(f".{outfmt.lower()}").stat().st_mode & 0o777 == (
        0o666 & ~umask
    )


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("nan", "not finite"),
        ("zero", "of length 0.000"),
        ("no-summary", "left no summary for device 0"),
        ("garbled", "is not as ais_bench writes it"),
        ("missing", "17 outputs for 18 inputs and lacks 8_flip_0.npy"),
        ("dropped", "14 outputs for 18 inputs and lacks"),
        ("double", "wrote .* twice"),
        ("extra", "belongs to nothing"),
        ("short", "instead of 512"),
        ("throughput", "a batch of 4 are"),
        ("execute", "exit status 1 on device 0; run make doctor"),
        ("device", "device 0 cannot be opened; run make doctor"),
    ],
)
def test_faults_are_caught(job, monkeypatch, fault, why):
    monkeypatch.setenv("FAKE_AIS", fault)
    with pytest.raises(ChainError, match=why):
        run_and_collect(job)


def test_an_output_of_another_device_is_told_as_doubled(job, monkeypatch):
    monkeypatch.setenv("FAKE_AIS", "double")
    with pytest.raises(ChainError, match="twice"):
        run_and_collect(job._replace(devices=[0, 1]))


def test_a_newer_runtime_under_an_older_front_end(job, monkeypatch):
    # Its throughput would be near 0, with exit status 0.
    monkeypatch.setenv("FAKE_ACL", "pairs")
    with pytest.raises(ChainError, match="of different versions"):
        run_and_collect(job)


@pytest.mark.parametrize("devices", [[0], [0, 1]])
def test_a_run_that_hangs_is_ended(job, monkeypatch, devices):
    monkeypatch.setenv("FAKE_AIS", "hang")
    job = job._replace(devices=devices, limit_s=4)
    with pytest.raises(ChainError, match="did not end within 4 s"):
        ais_bench.run(job)
    # With all its processes.
    found = subprocess.run(["pgrep", "-f", str(job.folder)], capture_output=True, check=False)
    assert not found.stdout


def test_the_bound_of_a_run():
    # 1,500 batches of 10 ms after a first run of 6 s, and 24,000 files of 5 ms: 141 s, ten times.
    assert ais_bench.limit_s(6, 10, 1500, 24_000) == pytest.approx(60 + 10 * 141)


def test_a_fault_of_one_device_is_caught(job, monkeypatch):
    monkeypatch.setenv("FAKE_AIS", "no-summary")
    with pytest.raises(ChainError, match="no summary for device 1"):
        ais_bench.run(job._replace(devices=[1, 0]))


def test_a_batch_size_that_is_not_the_models(job):
    # ais_bench only scales its throughput by it, and exits 0.
    with pytest.raises(ChainError, match=r"ran 5 batches on device 0 for 18 inputs, not 2"):
        run_and_collect(job._replace(batch_size=16))


def test_failures_show_what_ais_bench_said(job, capfd):
    with pytest.raises(ChainError, match="device 7 cannot be opened; run make doctor"):
        ais_bench.run(job._replace(devices=[7]))
    assert not capfd.readouterr().err
    assert "[507033][set device 7 failed]" in job.log.read_text()
    for name, python, why in (
        ("false", "/bin/false", "exit status"),
        ("none", "/none/python", "/none/python cannot be run"),
    ):
        (job.folder / name).mkdir(mode=0o750)
        with pytest.raises(ChainError, match=why):
            ais_bench.run(job._replace(python=python, folder=job.folder / name))


def test_a_package_without_its_own_main(job, tmp_path, monkeypatch):
    for name in ("__init__", "infer"):
        (tmp_path / "site/ais_bench").mkdir(parents=True, exist_ok=True)
        (tmp_path / "site/ais_bench" / f"{name}.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    ais_bench.tool.cache_clear()
    assert ais_bench.command(job)[1:3] == ["-m", "ais_bench.infer"]
    ais_bench.tool.cache_clear()
    monkeypatch.setenv("PYTHONPATH", str(TOOLKIT / "python"))
    assert ais_bench.command(job)[1:3] == ["-m", "ais_bench"]


def test_names_that_ais_bench_refuses(job, made, tmp_path, monkeypatch):
    with pytest.raises(ChainError, match=r"a,b\.om: this version of ais_bench takes only"):
        ais_bench.run(job._replace(om=job.om.with_name("a,b.om")))
    # Newer versions judge the whole path.
    (tmp_path / "a+b").mkdir()
    monkeypatch.chdir(tmp_path / "a+b")
    shutil.copytree(made, tmp_path / "a+b", dirs_exist_ok=True)
    (tmp_path / "a+b/out").mkdir(mode=0o750)
    here = job._replace(om=Path("m.om"), inputs=Path("npu"), folder=Path("out"))
    run_and_collect(here)
    ais_bench.is_newer.cache_clear()
    monkeypatch.setenv("FAKE_AIS_VERSION", "3")
    with pytest.raises(ChainError, match=r"a\+b/m.om: this version of ais_bench"):
        run_and_collect(here)
    with pytest.raises(ChainError, match="this version of ais_bench"):
        engines.check("ascend", engines.Options(precision="fp16", ais_python=sys.executable))


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
        output_files.parse(path.name, path.read_bytes(), 512)


def tool(made, tmp_path) -> tuple:
    """Return the options of everything that runs ais_bench on the model of ``made``."""
    common = ("--om", made / "m.om", "--batch-size", BATCH, "--devices", "0,1")
    return *common, "--python", sys.executable, "--log", tmp_path / "log"


def arguments(made, tmp_path, *more):
    return *tool(made, tmp_path), "--crops", made / "crops", *more


def embed(made, tmp_path):
    np.save(tmp_path / "unique.npy", np.arange(COUNT))
    seal(tmp_path / "unique.npy")
    given = ("--outputs", tmp_path / "out", "--run", tmp_path / "r.json", "--crops", made / "crops")
    more = ("--unique-index", tmp_path / "unique.npy", "--out", tmp_path / "e.npy")
    return run_module("embed_npu", *given, *more)


@pytest.mark.parametrize("outfmt", output_files.FORMATS)
def test_infer_and_embed(job, made, tmp_path, outfmt):
    expect_error(embed(made, tmp_path), "holds no outputs; run make infer first")
    result = infer(made, tmp_path, *tool(made, tmp_path), "--outfmt", outfmt)
    assert result.returncode == 0, result.stderr
    result = embed(made, tmp_path)
    assert result.returncode == 0, result.stderr
    expected = np.load(made / "expected.npy")
    sums = expected[0::2] + expected[1::2]
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(tmp_path / "e.npy"), sums, atol=2e-6)
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["engine"] == "ascend" and record["device"] == "Ascend310P3"
    assert record["devices"] == [0, 1] and record["inferences"] == 2 * COUNT
    assert record["end_to_end_fps"] > 0 and record["device_only_fps"] > 0
    assert record["ais_python"] == sys.executable
    assert record["versions"]["python_of_ais_bench"] == platform.python_version()
    assert record["device_parity"]["min_cosine"] > 0.99999
    assert {p.suffix for p in (tmp_path / "out").iterdir()} == {f".{outfmt.lower()}"}
    assert not list(tmp_path.glob(".ais_bench.tmp-*/*"))


def test_outputs_that_changed_are_not_scored(job, made, tmp_path):
    assert infer(made, tmp_path, *tool(made, tmp_path)).returncode == 0
    values = np.load(tmp_path / "out/3_0.npy")
    np.save(tmp_path / "out/3_0.npy", -values)
    expect_error(embed(made, tmp_path), "is not what", "run make infer")
    (tmp_path / "out/3_0.npy").unlink()
    expect_error(embed(made, tmp_path), "lacks 3_0.npy")


def test_perf_module(job, made, tmp_path):
    more = ("--warmup", 1, "--loop", 20, "--out", tmp_path / "perf.json")
    result = run_module("benchmark_npu", *arguments(made, tmp_path, *more))
    assert result.returncode == 0, result.stderr
    perf = json.loads((tmp_path / "perf.json").read_text())
    assert perf["loop"] == 20 and perf["throughput_scope"].startswith("device-only")
    assert perf["throughput_fps"] == pytest.approx(sum(perf["per_device_fps"]))
    assert perf["graph"] == "sim" and not perf["aipp"]
    assert 0 < perf["wall_clock_fps"] < perf["throughput_fps"]
    found = perf["throughput"]
    assert len(found["blocks_fps"]) == 5 and found["verdict"] == "not comparable"
    assert found["least"] <= found["greatest"]
    assert list(perf["latency_ms"]) == ["min", "mean", "median", "p90", "p99", "max"]


def test_a_model_that_its_record_does_not_describe(job, made, tmp_path):
    copy((made / name for name in ("m.om", "m.om.json")), tmp_path)
    (tmp_path / "m.om").write_bytes(b"another")
    seal(tmp_path / "m.om")
    more = ("--warmup", 1, "--loop", 1, "--out", tmp_path / "perf.json", "--om", tmp_path / "m.om")
    result = run_module("benchmark_npu", *arguments(made, tmp_path, *more))
    expect_error(result, "m.om is not the file that")
    (tmp_path / "m.om.json").unlink()
    expect_error(run_module("benchmark_npu", *arguments(made, tmp_path, *more)), "is missing")


def test_too_many_devices(job, made, tmp_path):
    result = infer(
        made, tmp_path, *tool(made, tmp_path), "--devices", ",".join(map(str, range(19)))
    )
    expect_error(result, "18 inputs are too few for 19 devices")
