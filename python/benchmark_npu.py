""".om -> perf.json: ais_bench's own device-only throughput, and the wall clock beside it."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ascend import ais_bench, run_record
from ascend.summary import Part
from common.errors import exit_with
from common.machine import here_and_now
from inference.disturbance import SECONDS, Watch, judge, once_more, refuse_unless_steady
from inference.timing import in_blocks, latency
from seals.ledger import made
from seals.products import write_json

# Enough for a 99th percentile; and what newer versions of ais_bench accept at most.
MIN_LOOPS, MAX_LOOPS = 100, 100_000
SCOPE = "device-only: execution on the NPU; copies, files and pre- and postprocessing are outside"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_record.add_arguments(parser)
    parser.add_argument("--crops", type=made, required=True, help="decoded set")
    parser.add_argument("--warmup", type=int, required=True, help="untimed runs")
    parser.add_argument("--loop", type=int, help="timed runs (default: 100 and ten seconds)")
    parser.add_argument("--strict", action="store_true", help="fail unless the figure is steady")
    parser.add_argument("--out", type=Path, required=True, help="perf JSON to write")
    args = parser.parse_args()

    model = run_record.load_model_record(args.om, args.batch_size)
    parity = run_record.load_parity(args.om, model)

    def run(loop: int) -> tuple[list[Part], float]:
        batches = loop + args.warmup
        limit_s = ais_bench.limit_s(parity["wall_s"], parity["batch_ms"], batches)
        with ais_bench.private_folder(args.out.parent) as private:
            job = run_record.job(args, private, limit_s)
            return ais_bench.run(job._replace(loop=loop, warmup=args.warmup))

    loop = args.loop
    if not loop:
        parts, _ = run(MIN_LOOPS)
        mean_s = np.mean([t for part in parts for t in part.times_ms]) / 1000
        # A tenth more: the mean of the longer run will not be quite the same.
        loop = min(max(MIN_LOOPS, math.ceil(1.1 * SECONDS / mean_s)), MAX_LOOPS)
    figure = once_more(lambda: measure(run, loop, args.batch_size))
    if args.strict:
        refuse_unless_steady(figure)
    # ais_bench's own figure, over the mean as the guide's; the blocks only judge it.
    result = figure.pop("result")
    del figure["fps"]
    record = run_record.record(args, model, parity) | here_and_now()
    write_json(args.out, record | result | {"warmup": args.warmup, "throughput": figure})


def measure(
    run: Callable[[int], tuple[list[Part], float]], loop: int, batch_size: int
) -> dict[str, Any]:
    """Return a verdict on ``loop`` batches on each device, and as ``result`` what they gave.

    The blocks are ais_bench's own times of successive batches, all devices added up.
    """
    watch = Watch()
    parts, wall = run(loop)
    # The share is of this process, which waits for ais_bench.
    found = watch.findings() | {"cpu_share": None}
    seconds = [np.array(part.times_ms) / 1000 for part in parts]
    per_device = [[batch_size * len(b) / b.sum() for b in in_blocks(s, 1)] for s in seconds]
    blocks = [sum(rates) for rates in zip(*per_device, strict=False)]
    together = min(float(s.sum()) for s in seconds)
    judged = judge(blocks, together, len(parts), found)
    result = {
        "throughput_fps": sum(part.throughput for part in parts),
        "throughput_scope": SCOPE,
        "latency_ms": latency(np.concatenate(seconds)),
        # The whole process counts here: start, loading the model, warm-up, copies.
        "wall_clock_fps": len(parts) * loop * batch_size / wall,
        "wall_s": wall,
        "per_device_fps": [part.throughput for part in parts],
        "transfer_ms": [part.transfers_ms for part in parts],
        "loop": min(len(part.times_ms) for part in parts),
        "of_peak": None,
        "peak": None,
        "peak_note": "the peak of an NPU is not measured.",
    }
    return judged | {"streams": 1, "batches": loop, "result": result}


if __name__ == "__main__":
    exit_with(main)
