"""Runs the classes: builds the specimen, forks the workers, counts."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import resource
import shutil
import sys
import time
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from common.machine import cpu_name
from torture import shim, specimen, tally, warm
from torture.bench import Bench
from torture.graph import Graph, trace
from torture.outcome import WRONG, Outcome

# The classes, and how many trials the short form has of each.
CLASSES = {"rot": 20, "source": 2, "kill": 4, "resume": 3, "disk": 12, "together": 2}
CLASSES |= {"input-bin": 60, "input-pth": 30, "input-onnx": 6, "input-pictures": 30}
CLASSES |= {"input-products": 60}
WORKERS = 2
BUILT = ("openvino",)  # in the short form


def run(
    scratch: Path,
    classes: list[str],
    minutes: float,
    seed: int,
    trials: int | None,
    short: bool,
) -> dict[str, Any]:
    """Build the specimen, run ``classes`` in turn and return what ``tally`` makes of them."""
    start = time.monotonic()
    graph = _traced(scratch, BUILT if short else tuple(specimen.CONFIGURATIONS))
    sys.stderr.write(f"the chain and its {len(graph.traced)} steps: {_since(start)} s\n")
    found = {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "cpu": cpu_name()}
    found |= {"minutes": minutes, "seed": seed, "classes": {}}
    start = time.monotonic()
    print(tally.HEADER, flush=True)
    for k, name in enumerate(classes):
        # What the classes before did not need is shared among those that follow.
        count = trials
        left = 60 * minutes - (time.monotonic() - start)
        until = time.monotonic() + max(left, 0) / (len(classes) - k)
        if short:
            until, count = math.inf, CLASSES[name] if trials is None else trials
        found["classes"][name] = tally.summed(_class(scratch, graph, name, seed, count, until))
        print(tally.line(name, found["classes"][name]), flush=True)
    return found


def _traced(scratch: Path, configurations: tuple[str, ...]) -> Graph:
    built = specimen.build(scratch / "first", configurations)
    warm.warm_up(built.root)
    control = shim.Control(built.folder, built.root)
    control.begin()
    return trace(built, control)


def _class(
    scratch: Path, graph: Graph, name: str, seed: int, trials: int | None, until: float
) -> list[dict[str, Any]]:
    """Run the trials of a class, which ``WORKERS`` share, until that time; return their records."""
    workers = min(WORKERS, trials or WORKERS)
    files = [scratch / f"{name}-{k}.jsonl" for k in range(workers)]
    pids = []
    for k, file in enumerate(files):
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(KeyboardInterrupt):
                _work(
                    scratch / f"worker-{k}",
                    graph,
                    name,
                    _seeds(seed, k, workers, trials),
                    file,
                    until,
                )
                status = 0
            os._exit(status)
        pids.append(pid)
    died = [pid for pid in pids if os.waitpid(pid, 0)[1] != 0]
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    fault = {"kind": WRONG, "seed": seed, "seconds": 0, "peak_bytes": 0}
    return records + [fault | {"detail": f"worker {pid} died"} for pid in died]


def _seeds(seed: int, worker: int, workers: int, trials: int | None) -> range:
    return range(seed + worker, sys.maxsize if trials is None else seed + trials, workers)


def _work(folder: Path, graph: Graph, name: str, seeds: range, file: Path, until: float) -> None:
    module, _, kind = name.partition("-")
    module = importlib.import_module(f"torture.{module}")
    trial = module.TRIALS[kind] if kind else module.trial
    if not folder.exists():
        shutil.copytree(graph.specimen.folder, folder)
    own = specimen.Specimen(folder)
    control = shim.Control(folder, own.root)
    control.begin()
    bench = Bench(own, Graph(own, graph.traced, graph.unstable), control)
    with file.open("w") as out:
        for seed in seeds:
            if time.monotonic() > until:
                break
            start = time.monotonic()
            try:
                outcome = trial(seed, bench)
            except Exception:
                said = traceback.format_exc().strip().splitlines()
                outcome = Outcome(WRONG, f"the trial itself: {' '.join(said[-3:])}")
            finally:
                control.disarm()
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            record = {"seed": seed, **outcome._asdict()}
            record["seconds"] = outcome.seconds or _since(start)
            record["peak_bytes"] = max(outcome.peak_bytes, peak)
            out.write(json.dumps(record) + "\n")
            out.flush()


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)
