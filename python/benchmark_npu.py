""".om -> perf.json: ais_bench's own device-only throughput, and the wall clock beside it."""

import argparse
import math
from pathlib import Path

import numpy as np

from ascend import ais_bench, run_record
from ascend.summary import Part
from common.errors import exit_with
from common.files import write_json
from inference.timing import MIN_LOOPS, MIN_SECONDS, summarise

# What newer versions of ais_bench accept at most.
MAX_LOOPS = 100_000
SCOPE = "device-only: execution on the NPU; copies, files and pre- and postprocessing are outside"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_record.add_arguments(parser)
    parser.add_argument("--crops", type=Path, required=True, help="decoded set")
    parser.add_argument("--warmup", type=int, required=True, help="untimed runs")
    parser.add_argument("--loop", type=int, help="timed runs (default: 100 and ten seconds)")
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

    loop = args.loop or MIN_LOOPS
    parts, wall = run(loop)
    mean = np.mean([t for part in parts for t in part.times_ms])
    if not args.loop and mean * MIN_LOOPS < 1000 * MIN_SECONDS:
        loop = min(math.ceil(1000 * MIN_SECONDS / mean), MAX_LOOPS)
        parts, wall = run(loop)
    seconds = np.array([t for part in parts for t in part.times_ms]) / 1000
    result = summarise(seconds, args.batch_size) | {
        "throughput_fps": sum(part.throughput for part in parts),
        "throughput_scope": SCOPE,
        # The whole process counts here: start, loading the model, warm-up, copies.
        "wall_clock_fps": len(parts) * loop * args.batch_size / wall,
        "wall_s": wall,
        "per_device_fps": [part.throughput for part in parts],
        "transfer_ms": [part.transfers_ms for part in parts],
        "loop": min(len(part.times_ms) for part in parts),
        "warmup": args.warmup,
    }
    write_json(args.out, run_record.record(args, model, parity) | result)


if __name__ == "__main__":
    exit_with(main)
