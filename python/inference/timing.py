"""How long an engine takes: latency of one batch at a time, throughput with several."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from common.progress import progress
from engines import Engine
from inference.schedule import Busy, outputs

MIN_LOOPS, MIN_SECONDS = 100, 10.0


def measure(run: Callable[[], object], warmup: int, loop: int | None) -> np.ndarray:
    """Call ``run`` ``warmup`` times untimed, then return the seconds of each timed call.

    ``loop`` is the number of timed calls; with None there are at least 100 calls and at least
    ten seconds of them, so that percentiles and slow drifts both show.
    """
    for _ in range(warmup):
        run()
    seconds: list[float] = []

    def calls() -> Iterator[None]:
        while len(seconds) < (loop or MIN_LOOPS) or (not loop and sum(seconds) < MIN_SECONDS):
            yield

    for _ in progress(calls(), loop or MIN_LOOPS, "run"):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)


def throughput(
    engine: Engine, batch: np.ndarray, warmup: int, loop: int | None, least: float = MIN_SECONDS
) -> dict[str, object]:
    """Keep ``engine`` supplied with ``batch``; return ``fps`` and the streams that gave it.

    The clock runs over ``loop`` batches, or over ``least`` seconds and two batches for each of
    the engine's infer requests, after ``warmup`` batches (at least one for each), and stops when
    the last one has ended.
    """
    for _ in outputs(engine, [batch] * max(warmup, engine.infer_requests), Busy()):
        pass
    start = time.perf_counter()
    given = 0

    def supply() -> Iterator[np.ndarray]:
        nonlocal given
        few = loop or 2 * engine.infer_requests
        while given < few or (not loop and time.perf_counter() - start < least):
            given += 1
            yield batch

    for _ in outputs(engine, supply(), Busy()):
        pass
    seconds = time.perf_counter() - start
    used = engine.describe()
    return {
        "fps": given * len(batch) / seconds,
        "streams": used.get("streams", 1),
        "threads": used["threads"],
        "batches": given,
        "seconds": seconds,
    }


def summarise(seconds: np.ndarray, batch_size: int) -> dict[str, object]:
    """Return ``throughput_fps`` (images a second over the mean) and ``latency_ms`` of a batch."""
    ms = seconds * 1000
    return {
        "throughput_fps": float(1000 * batch_size / ms.mean()),
        "latency_ms": {
            "min": float(ms.min()),
            "mean": float(ms.mean()),
            "median": float(np.median(ms)),
            "p90": float(np.percentile(ms, 90)),
            "p99": float(np.percentile(ms, 99)),
            "max": float(ms.max()),
        },
    }
