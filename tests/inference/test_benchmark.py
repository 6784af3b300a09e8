"""The benchmark's arithmetic, its product, and the lines people's scripts look for."""

import json
import re
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

import engines
from inference import timing
from support.project import run_module
from support.sealing import seal
from support.steps import ENGINES


class Counted(engines.Engine):
    """An engine that counts its batches; each takes what a clock of its own says."""

    def __init__(self, clock: Iterator[float]) -> None:
        self.batches, self.clock, self.now = 0, clock, 0.0

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.batches += 1
        self.now += next(self.clock)
        return batch

    def describe(self) -> dict:
        return {"threads": 1}


BATCH = np.zeros((16, 1), np.float32)
# One batch at least is not timed.
WARM = 9.0


@pytest.fixture
def timed(monkeypatch):
    """Return a function that measures an engine whose batches take the given seconds."""

    def run(seconds: Iterator[float], *args: object) -> tuple[dict, Counted]:
        engine = Counted(seconds)
        monkeypatch.setattr(timing.time, "perf_counter", lambda: engine.now)
        quiet = {"cpu_share": 1.0, "other_cpus": 0.0, "stolen_cpus": 0.0, "usable_cpus": 2}
        quiet |= {"load_average": 0.0, "clock_mhz": None}
        monkeypatch.setattr(timing.Watch, "findings", lambda self: quiet)
        return timing.measure(engine, BATCH, *args), engine

    return run


@pytest.mark.parametrize(("loop", "batches"), [(1, 6), (7, 12)])
def test_loop_and_warmup_are_counted(timed, loop: int, batches: int):
    found, engine = timed(repeat(0.5), 5, loop)
    assert (engine.batches, found["batches"], found["attempts"]) == (batches, loop, 1)
    assert found["verdict"] == "not comparable"
    assert found["reasons"][0].startswith(f"blocks: {min(loop, 5)} in {loop / 2} s, of 5")


def test_a_slow_network_is_warm_after_two_seconds(timed):
    found, engine = timed(repeat(1.5), 5, 1)
    assert (engine.batches, found["batches"], found["warmup"]) == (3, 1, 2)


def test_by_default_five_blocks_and_ten_seconds(timed):
    found, _ = timed(repeat(1 / 16), 0)
    assert (found["batches"], found["seconds"], len(found["blocks_fps"])) == (160, 10, 5)
    assert (found["fps"], found["verdict"]) == (256, "steady")
    found, _ = timed(repeat(4.0), 0)
    assert (found["batches"], found["seconds"], found["verdict"]) == (5, 20, "steady")


def test_the_figure_is_the_median_of_the_blocks(timed):
    # Of five blocks of two batches the second is slow.
    seconds = iter([WARM] + [1.0] * 2 + [1.04] * 2 + [1.0] * 3 + [1.01] * 3)
    found, _ = timed(seconds, 0, 10)
    assert (found["fps"], found["least"], found["greatest"]) == pytest.approx(
        (32 / 2.01, 16 / 1.04, 16)
    )
    assert found["latency_ms"]["max"] == pytest.approx(1040)
    assert found["verdict"] == "steady"


def test_a_disturbed_figure_is_repeated_once(timed):
    slow = [WARM] + [1.0] * 4 + [1.5] * 2 + [1.0] * 4
    found, _ = timed(iter(slow + [WARM] + [1.0] * 10), 0, 10)
    assert (found["attempts"], found["verdict"], found["fps"]) == (2, "steady", 16)
    # Twice disturbed: the faster one, and it says so.
    found, _ = timed(iter(slow + [2 * s for s in slow]), 0, 10)
    assert (found["attempts"], found["verdict"], found["fps"]) == (2, "disturbed", 16)
    assert found["reasons"] == ["the blocks differ by 33.3%"]


def test_blocks_keep_together_what_ends_together():
    # Three at a time: what is over is in the first.
    blocks = timing.in_blocks(np.arange(34.0), 3)
    assert [list(block) for block in blocks[1:3]] == [[10, 11, 12, 13, 14, 15], [*range(16, 22)]]
    assert [len(block) for block in blocks] == [10, 6, 6, 6, 6]
    assert [len(block) for block in timing.in_blocks(np.arange(7.0), 3)] == [4, 3]
    # More at a time than there were: all of the time counts.
    assert [len(block) for block in timing.in_blocks(np.arange(10.0), 7)] == [10]
    assert [len(block) for block in timing.in_blocks(np.arange(2.0), 3)] == [2]


def test_latency():
    ms = timing.latency(np.arange(1, 101) / 1000)
    assert (ms["min"], ms["max"]) == (1, 100)
    assert ms["mean"] == ms["median"] == pytest.approx(50.5)
    assert ms["p90"] == pytest.approx(90.1)
    assert ms["p99"] == pytest.approx(99.01)


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
    found = perf["throughput"]
    assert perf["throughput_fps"] == max(s["fps"] for s in perf["schedules"])
    assert found["least"] <= perf["throughput_fps"] <= found["greatest"]
    assert len(found["blocks_fps"]) <= 3 and found["verdict"] == "not comparable"
    # Only a steady figure is held against the machine's peak.
    assert perf["of_peak"] is None and "not comparable" in perf["peak_note"]
    assert found["load_average"] >= 0 and found["usable_cpus"] >= 1
    shown = run_module("show", out).stdout
    found = re.search(r"^\[INFO\] throughput .*: ([0-9.]+)$", shown, re.MULTILINE)
    assert float(found[1]) == pytest.approx(perf["throughput_fps"], abs=0.01)
    table = run_module("show", "--table", "batches", out).stdout
    assert "not measured" in table
    assert f"{perf['throughput_fps']:.1f}" in table


def test_the_table_shows_no_accuracy_of_another_model(tmp_path: Path):
    common = {"data_sha256": "d", "provider": "CPU", "device": "chip", "batch_size": 4}
    perf = common | {"model_sha256": "new", "throughput_fps": 10.0, "dataset": "lfw"}
    perf["throughput"] = {"verdict": "steady"}
    (tmp_path / "perf.json").write_text(json.dumps(perf))
    seal(tmp_path / "perf.json")
    for model, shown in (("new", "0.9930"), ("old", "out of date")):
        accuracy = common | {"model_sha256": model, "accuracy": 0.993}
        (tmp_path / "accuracy.json").write_text(json.dumps(accuracy))
        seal(tmp_path / "accuracy.json")
        table = run_module("show", "--table", "batches", tmp_path / "perf.json")
        assert shown in table.stdout
