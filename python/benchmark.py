"""Model -> perf.json: pure-inference latency and throughput, nothing else on the clock."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import configuration
from atomic import write_json
from crops import batches, open_crops
from engines import Engine, takes_pixels
from errors import exit_with
from progress import progress
from schedule import Busy, outputs

MIN_LOOPS, MIN_SECONDS = 100, 10.0


def measure(run: Callable[[], object], warmup: int, loop: int | None) -> np.ndarray:
    """Call ``run`` ``warmup`` times untimed, then return the seconds of each timed call.

    ``loop`` is the number of timed calls; with None there are at least 100 calls and at least
    ten seconds of them, so that percentiles and slow drifts both show.
    """
    for _ in range(warmup):
        run()
    seconds: list[float] = []

    def calls():
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

    The clock runs over ``loop`` batches, or over ``least`` seconds and twice the engine's slots,
    after ``warmup`` batches (at least one a slot), and stops when the last one has ended.
    """
    for _ in outputs(engine, [batch] * max(warmup, getattr(engine, "slots", 1)), Busy()):
        pass
    start = time.perf_counter()
    given = 0

    def supply():
        nonlocal given
        few = loop or 2 * getattr(engine, "slots", 1)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--warmup", type=int, required=True, help="untimed runs")
    parser.add_argument("--loop", type=int, help="timed runs (default: 100 and ten seconds)")
    parser.add_argument("--out", type=Path, required=True, help="perf JSON to write")
    args = parser.parse_args()

    engine = configuration.load_engine(args, throughput=False)
    # Real pixels: zeros or noise can take another path through a processor's arithmetic.
    crops = open_crops(args.crops)
    which = np.arange(min(len(crops), args.batch_size))
    batch = next(batches(crops, which, args.batch_size, takes_pixels(engine))).input
    seconds = measure(lambda: engine.run(batch), args.warmup, args.loop)
    result = summarise(seconds, args.batch_size) | {"loop": len(seconds), "warmup": args.warmup}
    record = configuration.record(args, engine)
    if hasattr(engine, "slots"):
        # One copy of a large model at a time.
        del engine
        engine = configuration.load_engine(args, throughput=True)
        result["throughput_mode"] = throughput(engine, batch, args.warmup, args.loop)
    write_json(args.out, record | result)


if __name__ == "__main__":
    exit_with(main)
