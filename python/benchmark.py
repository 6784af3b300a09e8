"""Model -> perf.json: pure-inference latency and throughput, nothing else on the clock."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import engines
from bench import peak
from common import machine
from common.errors import ChainError, exit_with
from dataset.crops import first_batch
from inference import configuration
from inference.disturbance import STEADY, refuse_unless_steady
from inference.timing import measure
from onnx_graph import derived, flops
from seals.products import write_json

PEAK_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--warmup", type=int, required=True, help="untimed runs")
    parser.add_argument("--loop", type=int, help="timed runs (default: five blocks, ten seconds)")
    parser.add_argument("--strict", action="store_true", help="fail unless the figure is steady")
    parser.add_argument("--out", type=Path, required=True, help="perf JSON to write")
    args = parser.parse_args()

    engine = configuration.load_engine(args, throughput=False)
    form = configuration.preprocessing_of(args.model)
    batch = first_batch(args.crops, args.batch_size, form, engine.takes_pixels)
    record = configuration.record(args, engine)
    schedules = [measure(engine, batch, args.warmup, args.loop)]
    if "STREAMS" in engines.declared()[args.engine].variables:
        # One copy of a large model at a time.
        del engine
        engine = configuration.load_engine(args, throughput=True)
        schedules.append(measure(engine, batch, args.warmup, args.loop))
    best = max(schedules, key=lambda schedule: schedule["fps"])
    if args.strict:
        refuse_unless_steady(best)
    alone = schedules[0]
    result = {
        "throughput_fps": best["fps"],
        "throughput": {k: v for k, v in best.items() if k not in ("fps", "latency_ms")},
        "latency_ms": alone["latency_ms"],
        "loop": alone["batches"],
        "warmup": alone["warmup"],
        "schedules": [
            {k: v for k, v in schedule.items() if k != "latency_ms"} for schedule in schedules
        ],
    }
    record |= machine.here_and_now()
    write_json(args.out, record | result | of_peak(args.model, record, best))


def of_peak(model: Path, record: dict[str, Any], best: dict[str, Any]) -> dict[str, Any]:
    """Return ``of_peak``, the part of the CPU's arithmetic peak that ``best`` reached.

    The peak is measured now, with as many threads and in the precision of ``record``. Where that
    cannot be done ``of_peak`` is None and ``peak_note`` says why.
    """
    precision, cpus = record["precision"], best["threads"] or machine.physical_cores()
    try:
        if best["verdict"] != STEADY:
            raise peak.NotMeasuredError(f"the throughput is {best['verdict']}.")
        if record["device"] != machine.cpu_name():
            raise peak.NotMeasuredError(f"the peak of {record['device']} is not measured.")
        if precision not in peak.PRECISIONS:
            raise peak.NotMeasuredError(f"there is no measurement of the peak in {precision}.")
        with tempfile.TemporaryDirectory() as folder:
            program = peak.compile_kernels(Path(folder))
            chosen = peak.choose_cpus(cpus)
            found = [peak.measure(program, precision, PEAK_SECONDS, chosen) for _ in range(2)]
        gflop = gflop_per_image(model)
    except ChainError as reason:
        return {"of_peak": None, "peak": None, "peak_note": str(reason)}
    kernel, gflops = max(found, key=lambda one: one.gflops)
    return {
        "of_peak": best["fps"] * gflop / gflops,
        "peak": {"gflops": gflops, "kernel": kernel, "gflop_per_image": gflop},
        "peak_note": None,
    }


def gflop_per_image(model: Path) -> float:
    """Return 10^9 operations that the convolutions and products of ``model`` take for an image."""
    if derived.kind_of(model):
        return derived.read(model)["gflop_per_image"]
    return flops.count(model) / flops.batch_size(model) / 1e9


if __name__ == "__main__":
    exit_with(main)
