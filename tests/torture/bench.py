"""What a trial works with: a specimen of this worker's own, its steps, and the shim's counter."""

from __future__ import annotations

import os
import signal
import subprocess
from random import Random
from typing import NamedTuple

from torture import shim, warm
from torture.graph import LONG, Graph, Traced
from torture.outcome import TOLD, WRONG, Outcome, said
from torture.specimen import KEPT, Specimen, remove_empty

LIMIT_S = 300


class Bench(NamedTuple):
    """The place of one worker's trials, one after the other."""

    specimen: Specimen
    graph: Graph
    control: shim.Control


class Target(NamedTuple):
    """A step that is about to be disturbed; ``over`` its products of an earlier run, or afresh."""

    configuration: str
    traced: Traced
    over: bool


class Made(NamedTuple):
    """How a make ended; ``status`` is None where it had to be ended."""

    status: int | None
    out: str
    err: str


def finish(process: subprocess.Popen, limit_s: float = LIMIT_S) -> Made:
    """Wait for a make of ``Specimen.make`` and return how it ended."""
    try:
        out, err = process.communicate(timeout=limit_s)
        return Made(process.returncode, out, err)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Made(None, out, err)


def aim(
    random: Random, bench: Bench, traced: Traced | None = None, over: bool | None = None
) -> Target:
    """Return ``traced``, or a step as likely as any other, as it is before it is run.

    The finished chain is put back, and what comes after the step on the way to the accuracy of
    the configuration removed; if not ``over``, its own products as well.
    """
    graph = bench.graph
    leading = [c for c in bench.specimen.results if traced in (None, *graph.needed(c))]
    configuration = random.choice(leading or list(bench.specimen.results))
    needed = graph.needed(configuration)
    traced = traced or random.choice([t for t in needed if t.step.door not in LONG])
    over = random.random() < 0.3 if over is None else over
    bench.specimen.restore()
    later = needed[needed.index(traced) + 1 :] if traced in needed else []
    remove_products(bench, later if over else [traced, *later])
    return Target(configuration, traced, over)


def remove_products(bench: Bench, steps: list[Traced]) -> None:
    """Remove what ``steps`` write, as if they had never run."""
    for name in {n for traced in steps for n in traced.writes}:
        (bench.specimen.root / name).unlink(missing_ok=True)
    for name in KEPT:
        remove_empty(bench.specimen.root / name, bench.specimen.root / "none")


def run_steps(bench: Bench, steps: list[Traced], did: str) -> tuple[Outcome | None, list[str]]:
    """Run ``steps`` until one fails; return what that one came to, and what each printed.

    Where every step ended well the outcome is None.
    """
    lines = []
    for traced in steps:
        ran = warm.run(bench.specimen, traced.step)
        lines.append(ran.out)
        if ran.status != 0:
            return refused(ran.status, ran.err, f"{did}: {traced.step.door}"), lines
    return None, lines


def refused(status: int | None, err: str, did: str) -> Outcome:
    """Return what a program came to that ended with ``status``, not 0, and said ``err``."""
    if status is None:
        return Outcome(WRONG, f"{did} hung for {LIMIT_S} s")
    if status < 0:
        return Outcome(WRONG, f"{did} died of {signal.Signals(-status).name}")
    fault = said(err)
    if fault:
        return Outcome(WRONG, f"{did}: {fault}")
    sentence = next(line for line in err.splitlines() if "error: " in line)
    return Outcome(TOLD, f"{did}: {sentence.strip()[:200]}")
