"""Several batches at a time, the choice of make tune, the cache of compiled models, repeats."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import engines
import tune
from common.errors import ChainError
from common.machine import cpu_name, usable_cpus
from dataset import verification_bin
from engines import compiled_cache
from inference.schedule import Busy, outputs
from support.project import Project, expect_error, run_module
from support.sealing import seal
from support.steps import embed


class Slow:
    """An engine with three infer requests that says what it was asked, in order."""

    infer_requests = 3

    def __init__(self):
        self.log: list[tuple[str, int]] = []

    def start(self, batch: int) -> int:
        self.log.append(("start", batch))
        return batch

    def finish(self, token: int) -> int:
        self.log.append(("finish", token))
        time.sleep(0.002)
        return 10 * token


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_results_come_in_order_and_requests_are_kept_busy(count: int):
    engine, busy = Slow(), Busy()
    assert list(outputs(engine, iter(range(count)), busy)) == [10 * k for k in range(count)]
    flying = most = 0
    for what, _ in engine.log:
        flying += 1 if what == "start" else -1
        most = max(most, flying)
    assert (most, flying) == (min(count, 3), 0)
    assert (busy.seconds > 0) == (count > 0)


def test_an_engine_with_one_request_runs_one_after_the_other():
    class Plain(engines.Engine):
        def run(self, batch: int) -> int:
            return batch + 1

        def describe(self) -> dict:
            return {}

    assert list(outputs(Plain(), [1, 2, 3], Busy())) == [2, 3, 4]


def test_streams_give_the_same_embeddings(ready: Path, tmp_path: Path):
    values = {}
    for streams in (1, 2):
        out = tmp_path / str(streams)
        assert embed(ready, "openvino", 7, out, "--streams", streams).returncode == 0
        values[streams] = np.load(out / "e.npy")
        assert json.loads((out / "run.json").read_text())["streams"] == streams
    np.testing.assert_allclose(values[1], values[2], atol=2e-6)
    refused = embed(ready, "onnxruntime", 7, tmp_path, "--streams", 2)
    expect_error(refused, "STREAMS= does nothing with ENGINE=onnxruntime; leave it out.")


def test_tune_writes_what_a_run_reads(ready: Path, tmp_path: Path):
    out = tmp_path / "tune.json"
    result = run_module(
        "tune", "--model", ready / "model_m_bs7_sim.onnx", "--crops", ready / "crops",
        "--engine", "openvino", "--precision", "fp32", "--batch-size", 7,
        "--seconds", 0.05, "--disturbed", "--out", out,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    chosen = json.loads(out.read_text())
    assert (chosen["cpu"], chosen["cpus"]) == (cpu_name(), usable_cpus())
    for mode in ("latency", "throughput"):
        assert chosen[mode] in chosen["trials"][mode]
        best = max(trial["fps"] for trial in chosen["trials"][mode])
        assert chosen[mode]["fps"] >= 0.98 * best

    slower = tmp_path / "slower.json"
    halved = {m: chosen[m] | {"fps": chosen[m]["fps"] / 2} for m in ("latency", "throughput")}
    slower.write_text(json.dumps(chosen | halved | {"engine": "another"}))
    seal(slower)
    said = run_module("show", "--table", "engines", slower, out).stdout.splitlines()
    fps = chosen["throughput"]["fps"]
    assert said[0] == (
        f"fastest for many images: ENGINE=openvino, {fps:.1f} images/s (another {fps / 2:.1f})"
    )
    assert said[1].startswith("fastest for one batch alone: ENGINE=openvino, ")

    chosen["throughput"] |= {"streams": 1, "threads": 1}
    out.write_text(json.dumps(chosen))
    seal(out)
    assert embed(ready, "openvino", 7, tmp_path, "--tuned", out).returncode == 0
    run = json.loads((tmp_path / "run.json").read_text())
    assert (run["streams"], run["threads"]) == (1, 1)
    # What a person gives comes first.
    options = ("--tuned", out, "--streams", 2)
    assert embed(ready, "openvino", 7, tmp_path, *options).returncode == 0
    assert json.loads((tmp_path / "run.json").read_text())["streams"] == 2

    out.write_text(json.dumps(chosen | {"cpus": 1000}))
    seal(out)
    expect_error(embed(ready, "openvino", 7, tmp_path, "--tuned", out), "another machine")


def test_the_simpler_setting_is_chosen_unless_another_gains():
    assert tune.choose([{"fps": 99.0, "n": 1}, {"fps": 100.0, "n": 2}])["n"] == 1
    assert tune.choose([{"fps": 90.0, "n": 1}, {"fps": 100.0, "n": 2}])["n"] == 2


def load(model: Path, precision: str = "fp32"):
    engine = engines.load("openvino", model, engines.Options(precision))
    batch = np.random.default_rng(6).normal(0, 1, (7, 3, 112, 112)).astype(np.float32)
    return engine.run(batch), engine.describe()["from_cache"]


@pytest.fixture
def model(ready: Path, tmp_path: Path) -> Path:
    for path in (ready / "model_m_bs7_sim.onnx", *ready.glob("*.data")):
        shutil.copy2(path, tmp_path)
    return tmp_path / "model_m_bs7_sim.onnx"


def test_the_second_start_comes_from_the_cache(model: Path):
    first, cached = load(model)
    assert not cached
    second, cached = load(model)
    assert cached
    assert (first == second).all()


def test_a_damaged_cache_is_not_used(model: Path):
    first, _ = load(model)
    (blob,) = (model.parent / ".cache").glob("*/*.blob")
    content = bytearray(blob.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(255 - b for b in content[middle : middle + 4000])
    blob.chmod(0o600)
    blob.write_bytes(content)
    second, cached = load(model)
    assert not cached
    assert (first == second).all()


def test_another_model_of_the_same_name_size_and_time_is_not_mistaken(model: Path):
    first, _ = load(model)
    (weights,) = model.parent.glob("*.data")
    content = np.frombuffer(weights.read_bytes(), np.float32) * np.float32(1.1)
    # Other weights have another name, and the graph names them: the sizes stay the same.
    other = weights.with_name(weights.name[:-21] + "0" * 16 + ".data")
    other.write_bytes(content.tobytes())
    times = model.stat().st_mtime_ns
    model.write_bytes(model.read_bytes().replace(weights.name.encode(), other.name.encode()))
    os.utime(model, ns=(times, times))
    second, cached = load(model)
    assert not cached
    assert np.abs(first - second).max() > 1e-3


def test_the_oldest_go_when_there_is_no_room(model: Path, monkeypatch):
    monkeypatch.setattr(compiled_cache, "LIMIT", 25)
    for k in range(4):
        with compiled_cache.folder(model, f"knob {k}") as path:
            (path / "x.blob").write_bytes(bytes(10))
        os.utime(path, (k, k))
    assert len(list((model.parent / ".cache").iterdir())) == 2
    with compiled_cache.folder(model, "knob 3") as path:
        assert (path / "x.blob").exists()


def test_tune_is_a_make_of_its_own(project: Project):
    """What reads its result was planned before there was one."""
    for goals in (("tune", "perf"), ("accuracy", "perf", "tune-all")):
        others = " ".join(goal for goal in goals if "tune" not in goal)
        said = f"run make tune first, and then make {others}."
        expect_error(project.make(*goals, "NET=mobilefacenet", ok=False), said)


def test_accuracy_is_the_same_with_repeats_run_once(project: Project, tiny: Path, tmp_path: Path):
    """A set that repeats images, run both ways: same accuracy, same thresholds, fewer runs."""
    pairs = verification_bin.read(tiny / "faces.bin")
    repeated = [pairs.images[k - 3 if k % 5 == 4 else k] for k in range(40)]
    verification_bin.write(tmp_path / "faces.bin", repeated, list(pairs.issame))
    arguments = (
        "accuracy", "NET=mobilefacenet", "BS=4", f"DATA={tmp_path}/faces.bin",
        f"WEIGHTS={tiny}/mobilefacenet.pth",
    )  # fmt: skip
    results = {}
    for unique in (1, 0):
        project.make(*arguments, f"UNIQUE={unique}")
        folder = project.root / "result/mobilefacenet_faces_openvino_fp32_bs4"
        results[unique] = json.loads((folder / "accuracy.json").read_text())
    assert (results[1]["inferences"], results[0]["inferences"]) == (64, 80)
    for key in ("accuracy", "best_threshold", "fold_accuracy", "fold_threshold"):
        assert results[1][key] == results[0][key]


def test_no_precision_is_served_from_another_ones_cache(model: Path):
    exact, _ = load(model)
    try:
        near, cached = load(model, "bf16")
    except ChainError:
        pytest.skip("needs a processor with bf16")
    assert not cached
    assert 0 < np.abs(exact - near).max() < 0.1
