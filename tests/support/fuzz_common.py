"""What every kind of fuzz trial has in common: an outcome, its time and its memory."""

import contextlib
import gc
import os
import random
import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError
from support.fuzz_bin import mutated

SECONDS = 20.0  # for one trial; most take milliseconds


class Outcome(NamedTuple):
    """``kind``: survived, told or wrong; ``peak``: bytes above what the process had; ``said``."""

    kind: str
    seconds: float
    peak: int
    said: str


def resident(field: str) -> int:
    """Return VmRSS or VmHWM (``field``) of this process in bytes."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        (found,) = (int(line.split()[1]) for line in status if line.startswith(field))
    return found << 10


def judged(read: Callable[[], object], size: int) -> Outcome:
    """Run ``read`` on an input of ``size`` bytes; wrong is any end but success or one sentence."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before, start, kind, said = resident("VmRSS"), time.monotonic(), "survived", ""
    try:
        read()
    except ChainError as error:
        kind, said = "told", str(error)
        if not said.isprintable() or not said:
            kind = "wrong"
    except Exception:
        kind, said = "wrong", traceback.format_exc()
    seconds, peak = time.monotonic() - start, max(0, resident("VmHWM") - before)
    # Of a process of its own, all that it had is counted.
    peak = max(peak, (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10) - before)
    if kind != "wrong" and (seconds > SECONDS or peak > 3 * size + (512 << 20)):
        kind, said = "wrong", f"took {seconds:.1f} s and {peak:,} bytes for {size:,}: {said}"
    return Outcome(kind, seconds, peak, said)


def draw(seeds: list[bytes], seed: int) -> bytes:
    """Return the mutated input number ``seed``; one in ten is as it was."""
    chance = random.Random(seed)
    chosen = chance.choice(seeds)
    return chosen if chance.random() < 0.1 else mutated(chosen, chance.choice(seeds), chance)


def in_turn(trial: Callable[[int], Outcome], first: int, count: int) -> dict[str, object]:
    """Return how many of the trials ``first`` and on ended how, and the worst of each figure."""
    counts = {"survived": 0, "told": 0, "wrong": 0}
    longest, peak, wrong = 0.0, 0, []
    gc.collect()
    for seed in range(first, first + count):
        outcome = trial(seed)
        counts[outcome.kind] += 1
        longest, peak = max(longest, outcome.seconds), max(peak, outcome.peak)
        if outcome.kind == "wrong":
            wrong.append((seed, outcome.said[-600:]))
    figures: dict[str, object] = dict(counts)
    figures |= {"trials": count, "longest": longest, "peak": peak, "failures": wrong[:5]}
    return figures


def scratch(name: str) -> Path:
    """Return the file ``name`` in a folder that is this process's own, in memory where it can."""
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path("/tmp")
    folder = base / f"fuzz-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return folder / name
