"""Short trials of an engine's threads and streams -> tune.json, which later runs read."""

import argparse
from pathlib import Path

import numpy as np

import engines
from common.errors import exit_with
from common.files import write_json
from common.machine import cpu_name, physical_cores, usable_cpus
from common.progress import progress
from dataset.crops import first_batch
from inference import configuration
from inference.timing import measure, throughput

SECONDS = 2.0
# What a setting must gain, in parts, to be preferred to a simpler one: less is noise.
MARGIN = 0.02


def candidates() -> tuple[list[int], list[int]]:
    """Return the numbers of threads and of streams to try on this machine, ascending."""
    cores = physical_cores()
    streams = {1, cores, *(n for n in (2, 4, 8, 16, 32) if n <= cores)}
    return sorted({cores, usable_cpus()}), sorted(streams)


def choose(trials: list[dict[str, float]]) -> dict[str, float]:
    """Return the first of ``trials`` whose fps is within 2% of the best one's."""
    best = max(trial["fps"] for trial in trials)
    return next(trial for trial in trials if trial["fps"] >= (1 - MARGIN) * best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a trial")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()
    args.tuned = None

    form = configuration.preprocessing_of(args.model)
    batch = first_batch(args.crops, args.batch_size, form)
    streams = "STREAMS" in engines.declared()[args.engine].variables
    all_threads, all_streams = candidates()
    if args.threads:
        all_threads = [args.threads]
    if args.streams:
        all_streams = [args.streams]
    latency, streaming = [], []
    for args.threads in progress(all_threads, len(all_threads), "latency"):
        args.streams = None
        engine = configuration.load_engine(args, throughput=False)
        # A few calls tell how many more fit in the time.
        once = float(measure(lambda e=engine: e.run(batch), 2, 3).min())
        seconds = measure(lambda e=engine: e.run(batch), 0, max(3, int(args.seconds / once)))
        ms = float(np.median(seconds) * 1000)
        latency.append({"threads": args.threads, "ms": ms, "fps": 1000 * len(batch) / ms})
        if not streams:
            streaming.append(latency[-1] | {"streams": None})
            continue
        del engine
        for args.streams in (n for n in all_streams if n <= args.threads):
            engine = configuration.load_engine(args, throughput=True)
            result = throughput(engine, batch, 2, None, args.seconds)
            streaming.append(
                {"threads": args.threads, "streams": result["streams"], "fps": result["fps"]}
            )
            del engine
    choice = {
        "net": configuration.metadata(args.model)["net"],
        "engine": args.engine,
        "precision": args.precision,
        "batch_size": args.batch_size,
        "cpu": cpu_name(),
        "cpus": usable_cpus(),
        "latency": choose(latency),
        "throughput": choose(streaming),
        "trials": {"latency": latency, "throughput": streaming},
    }
    write_json(args.out, choice)


if __name__ == "__main__":
    exit_with(main)
