"""The benchmark's arithmetic, its product, and the lines people's scripts look for."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from inference import timing
from support.project import run_module
from support.steps import ENGINES


@pytest.mark.parametrize(("loop", "calls"), [(1, 6), (7, 12)])
def test_loop_and_warmup_are_counted(loop: int, calls: int):
    made = []
    seconds = timing.measure(lambda: made.append(1), 5, loop)
    assert (len(made), len(seconds)) == (calls, loop)


def test_by_default_both_a_hundred_runs_and_ten_seconds(monkeypatch):
    clock = iter(np.arange(0, 1000, 0.0625))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert len(timing.measure(lambda: None, 0, None)) == 160  # of 1/16 s
    clock = iter(np.arange(0, 1000, 1.0))
    assert len(timing.measure(lambda: None, 0, None)) == 100  # of 1 s


def test_summary():
    result = timing.summarise(np.arange(1, 101) / 1000, 16)
    assert result["throughput_fps"] == pytest.approx(16 / 0.0505)
    assert result["latency_ms"]["min"] == 1
    assert result["latency_ms"]["max"] == 100
    assert result["latency_ms"]["median"] == pytest.approx(50.5)
    assert result["latency_ms"]["p90"] == pytest.approx(90.1)
    assert result["latency_ms"]["p99"] == pytest.approx(99.01)


@pytest.mark.parametrize("engine", ENGINES)
def test_product_and_lines(ready: Path, tmp_path: Path, engine: str):
    out = tmp_path / "perf.json"
    made = run_module(
        "benchmark", "--model", ready / "model_m_bs7_sim.onnx", "--crops", ready / "crops",
        "--engine", engine, "--precision", "fp32", "--batch-size", 7,
        "--warmup", 1, "--loop", 3, "--out", out,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    perf = json.loads(out.read_text())
    assert (perf["loop"], perf["warmup"], perf["batch_size"], perf["engine"]) == (3, 1, 7, engine)
    ms = perf["latency_ms"]
    assert 0 < ms["min"] <= ms["median"] <= ms["p90"] <= ms["p99"] <= ms["max"]
    assert perf["throughput_fps"] == pytest.approx(7000 / ms["mean"])
    shown = run_module("show", out).stdout
    found = re.search(r"^\[INFO\] throughput .*: ([0-9.]+)$", shown, re.MULTILINE)
    assert float(found[1]) == pytest.approx(perf["throughput_fps"], abs=0.01)
    table = run_module("show", "--table", "batches", out).stdout
    assert "not measured" in table
    assert f"{perf['throughput_fps']:.1f}" in table


def test_the_table_shows_no_accuracy_of_another_model(tmp_path: Path):
    common = {"data_sha256": "d", "provider": "CPU", "device": "chip", "batch_size": 4}
    perf = common | {"model_sha256": "new", "throughput_fps": 10.0, "dataset": "lfw"}
    (tmp_path / "perf.json").write_text(json.dumps(perf))
    for model, shown in (("new", "0.9930"), ("old", "out of date")):
        accuracy = common | {"model_sha256": model, "accuracy": 0.993}
        (tmp_path / "accuracy.json").write_text(json.dumps(accuracy))
        table = run_module("show", "--table", "batches", tmp_path / "perf.json")
        assert shown in table.stdout
