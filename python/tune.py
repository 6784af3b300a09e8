"""Short trials of an engine's threads and streams -> tune.json, which later runs read."""

import argparse
from pathlib import Path
from typing import Any

import engines
from common.errors import ChainError, exit_with
from common.machine import cpu_name, physical_cores, usable_cpus
from common.progress import progress
from dataset.crops import first_batch
from inference import configuration
from inference.disturbance import STEADY
from inference.timing import measure
from seals.products import write_json

SECONDS = 2.0
# What a setting must gain, in parts, to be preferred to a simpler one: less is noise.
MARGIN = 0.02


def candidates() -> tuple[list[int], list[int]]:
    """Return the numbers of threads and of streams to try on this machine, ascending."""
    cores = physical_cores()
    streams = {1, cores, *(n for n in (2, 4, 8, 16, 32) if n <= cores)}
    return sorted({cores, usable_cpus()}), sorted(streams)


def choose(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the first of ``trials`` whose fps is within 2% of the best one's."""
    best = max(trial["fps"] for trial in trials)
    return next(trial for trial in trials if trial["fps"] >= (1 - MARGIN) * best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a trial")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--disturbed", action="store_true", help="store what is not steady too")
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
    trials = [(threads, None) for threads in all_threads]
    trials += [(t, n) for t in all_threads for n in all_streams if streams and n <= t]
    latency, streaming = [], []
    for args.threads, args.streams in progress(trials, len(trials), "trial"):
        engine = configuration.load_engine(args, throughput=args.streams is not None)
        result = measure(engine, batch, 2, None, args.seconds, shown=False)
        # One copy of a large model at a time.
        del engine
        if result["verdict"] != STEADY and not args.disturbed:
            raise ChainError(
                f"tune could not measure {args.threads} threads steadily, even when repeated "
                f"({'; '.join(result['reasons'])}); nothing was stored: run it again on a machine "
                "that does nothing else, or store it nevertheless with STRICT=0."
            )
        trial = {key: result[key] for key in ("fps", "least", "greatest", "verdict", "reasons")}
        if args.streams is None:
            ms = result["latency_ms"]["median"]
            latency.append({"threads": args.threads, "ms": ms} | trial)
        else:
            streaming.append({"threads": args.threads, "streams": result["streams"]} | trial)
    if not streams:
        streaming = [trial | {"streams": None} for trial in latency]
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
