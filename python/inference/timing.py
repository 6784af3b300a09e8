"""How long an engine takes: images a second in blocks, and the latency of a batch."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from common.progress import progress
from engines import Engine
from inference.disturbance import BLOCKS, SECONDS, Watch, judge, once_more
from inference.schedule import Busy, outputs

# A slow network is warm after a batch or two.
WARMUP_SECONDS = 2.0


def measure(
    engine: Engine,
    batch: np.ndarray,
    warmup: int,
    loop: int | None = None,
    least: float = SECONDS,
    shown: bool = True,
) -> dict[str, Any]:
    """Keep ``engine`` supplied with ``batch``; return what ``judge`` says of its blocks.

    After ``warmup`` batches, at least one for each of the engine's infer requests and no more once
    two seconds have passed, the clock runs over ``loop`` batches, or over ``least`` seconds and at
    least as many batches as fill five blocks. Besides: ``streams`` and ``threads`` that were used,
    ``batches``, ``warmup``, the untimed ones, and ``latency_ms``, the time between the ends of
    successive batches: of an engine with one infer request that is the latency of a batch. A
    disturbed measurement is repeated once, and the faster one kept, because a disturbance only
    slows down; ``attempts`` counts. ``shown``: with progress.
    """
    return once_more(lambda: _measure(engine, batch, warmup, loop, least, shown))


def _measure(
    engine: Engine, batch: np.ndarray, warmup: int, loop: int | None, least: float, shown: bool
) -> dict[str, Any]:
    begin = time.perf_counter()

    def untimed() -> Iterator[np.ndarray]:
        for given in range(max(warmup, engine.infer_requests)):
            if given >= engine.infer_requests and time.perf_counter() - begin > WARMUP_SECONDS:
                return
            yield batch

    warm = sum(1 for _ in outputs(engine, untimed(), Busy()))
    used = engine.describe()
    # So many batches end at about the same time.
    streams = used.get("streams", 1)
    few = loop or BLOCKS * streams
    watch = Watch()
    ends = [time.perf_counter()]

    def supply() -> Iterator[np.ndarray]:
        given = 0
        while given < few or (
            not loop and (given % streams or time.perf_counter() - ends[0] < least)
        ):
            given += 1
            yield batch

    done = outputs(engine, supply(), Busy())
    for _ in progress(done, loop, "run") if shown else done:
        ends.append(time.perf_counter())
        watch.look()
    found = watch.findings()
    blocks = in_blocks(np.diff(ends), streams)
    return judge(
        [len(batch) * len(block) / block.sum() for block in blocks],
        ends[-1] - ends[0],
        used["threads"],
        found,
        least,
    ) | {
        "streams": streams,
        "threads": used["threads"],
        "batches": len(ends) - 1,
        "warmup": warm,
        "latency_ms": latency(np.diff(ends)),
    }


def in_blocks(seconds: np.ndarray, together: int) -> list[np.ndarray]:
    """Cut the ``seconds`` of each batch into five blocks of as many batches, a multiple of
    ``together``. What is over is in the first: batches overlap, and no time may be left out. With
    fewer batches there are fewer blocks.
    """
    rounds = max(1, len(seconds) // together)
    count = min(BLOCKS, rounds)
    length = rounds // count * together
    return np.split(seconds, [len(seconds) - k * length for k in range(count - 1, 0, -1)])


def latency(seconds: np.ndarray) -> dict[str, float]:
    """Return least, mean, median, 90th and 99th percentile and greatest of ``seconds``, in ms."""
    ms = seconds * 1000
    return {
        "min": float(ms.min()),
        "mean": float(ms.mean()),
        "median": float(np.median(ms)),
        "p90": float(np.percentile(ms, 90)),
        "p99": float(np.percentile(ms, 99)),
        "max": float(ms.max()),
    }
