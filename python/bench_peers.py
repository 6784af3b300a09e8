"""Every backend and the machine's peak in alternating rounds on the same inputs -> ratios."""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from bench import peak
from bench.backend_process import BackendProcess
from bench.backends import Backend
from common import machine
from common.checksum import sha256
from common.errors import ChainError, exit_with
from common.progress import progress
from dataset.crops import first_batch, open_crops
from inference import configuration
from onnx_graph import derived, flops, store
from onnx_graph.parity import compare
from seals.ledger import brought, made
from seals.products import write_json

EAGER = "PyTorch, eager"
ORT = "ONNX Runtime"
DEFAULT = "OpenVINO"
FLOAT32 = "OpenVINO, fp32"


def backends_of(args: argparse.Namespace, plain: Path, batch_size: int) -> list[Backend]:
    """Return who runs at ``batch_size``: the peers on the ``plain`` export, then this project."""
    common = {"batch_size": batch_size, "threads": args.threads}
    found = [
        Backend(EAGER, "pytorch", args.weights, net=args.net, **common),
        Backend(ORT, "onnxruntime", plain, **common),
        Backend(DEFAULT, "openvino", plain, **common),
        Backend(FLOAT32, "openvino", plain, precision="fp32", **common),
    ]
    for given in dict.fromkeys(args.ours):
        precision, _, name = given.partition("=")
        path = Path(name)
        kind = derived.kind_of(path)
        engine = "ncnn" if kind is derived.NCNN else "openvino"
        # A derived model has no batch size of its own.
        if kind or flops.batch_size(path) == batch_size:
            ours = {"precision": precision, "engine": engine, "ours": True, **common}
            found.append(Backend(f"this project, {engine} {precision}", "engine", path, **ours))
    return found


def rounds(
    processes: list[BackendProcess], program: Path | None, cpus: list[int], args: argparse.Namespace
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, str]]:
    """Measure every backend and the peak once a round, every other round in reverse order.

    Returns images a second by backend, GFLOP/s by precision, and for each precision the
    kernel, or the reason why its peak is not measured.
    """
    rates: dict[str, list[float]] = {p.backend.name: [] for p in processes}
    peaks: dict[str, list[float]] = {}
    kernels: dict[str, str] = {}

    def measure_peak(precision: str) -> None:
        try:
            if program is None:
                raise peak.NotMeasuredError(args.no_peak)
            result = peak.measure(program, precision, min(1.0, args.seconds), cpus)
        except peak.NotMeasuredError as reason:
            kernels[precision] = f"not measured: {reason}"
        else:
            peaks.setdefault(precision, []).append(result.gflops)
            kernels[precision] = result.kernel

    def measure_rate(process: BackendProcess) -> None:
        rates[process.backend.name].append(process.images_per_second(args.seconds))

    turns = [(measure_peak, precision) for precision in peak.PRECISIONS]
    turns += [(measure_rate, process) for process in processes]
    order = [turns if r % 2 == 0 else turns[::-1] for r in range(args.rounds)]
    everything = [turn for one in order for turn in one]
    for measure, what in progress(everything, len(everything), "turn"):
        measure(what)
    return rates, peaks, kernels


def spread(values: list[float]) -> dict[str, float]:
    """Return ``median``, ``min`` and ``max`` of ``values``."""
    return {"median": float(np.median(values)), "min": min(values), "max": max(values)}


def run_size(
    args: argparse.Namespace, plain: Path, program: Path | None, cpus: list[int]
) -> dict[str, Any]:
    """Return the result of one batch size, that of ``plain``: every backend and its ratios."""
    batch_size = flops.batch_size(plain)
    form = configuration.preprocessing_of(plain)
    batch = first_batch(args.crops, batch_size, form)
    cost = flops.count(plain) / batch_size
    unavailable: dict[str, str] = {}
    with ExitStack() as stack:
        processes = []
        for backend in backends_of(args, plain, batch_size):
            try:
                processes.append(stack.enter_context(BackendProcess(backend, batch)))
            except ChainError as reason:
                # A precision that this processor lacks is a result; a peer that fails is a fault.
                if not backend.ours or backend.precision == "fp32":
                    raise
                unavailable[backend.name] = str(reason)
        rates, peaks, kernels = rounds(processes, program, cpus, args)
        reference = processes[0].output
        rows = []
        for process in processes:
            name, precision = process.backend.name, process.used["precision"]
            own = np.array(rates[name])
            row = {
                "name": name,
                "ours": process.backend.ours,
                "precision": precision,
                "versions": process.used["versions"],
                "model": process.backend.model.name,
                "fps": spread(own.tolist()),
                "fps_rounds": own.tolist(),
                # Ratios are taken within a round, so that a slow moment strikes both sides.
                "ratio_to": {
                    peer: spread((own / np.array(rates[peer])).tolist())
                    for peer in (EAGER, ORT, DEFAULT, FLOAT32)
                },
                "min_cosine_to_eager": compare(reference, process.output)["min_cosine"],
            }
            if precision in peaks:
                of_peak = own * cost / 1e9 / np.array(peaks[precision])
                row["of_peak"] = spread(of_peak.tolist())
            rows.append(row)
    measured = {p: {"kernel": k} for p, k in kernels.items()}
    for precision, values in peaks.items():
        measured[precision] |= {"gflops": spread(values)}
    gflop = cost / 1e9
    result = {"batch_size": batch_size, "gflop_per_image": gflop, "peak": measured, "rows": rows}
    return result | {"unavailable": unavailable}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", required=True)
    parser.add_argument("--weights", type=brought, required=True, help="checkpoint, for PyTorch")
    parser.add_argument("--crops", type=made, required=True, help="decoded set")
    parser.add_argument("--plain", nargs="+", type=made, required=True, help="ONNX, one a batch")
    parser.add_argument("--ours", nargs="+", required=True, metavar="PRECISION=MODEL")
    parser.add_argument("--threads", type=int, help="of each backend (default: physical cores)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="at least, for each turn")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()

    args.threads = args.threads or machine.physical_cores()
    cpus = peak.choose_cpus(args.threads)
    weights = sha256(args.weights)
    for path in args.plain:
        if not flops.batch_size(path):
            raise ChainError(f"{path} has a symbolic batch; give what make onnx BS= makes.")
        if store.metadata(store.load_graph(path)).get("weights_sha256") != weights:
            raise ChainError(f"{path} was not exported from {args.weights}; run make onnx again.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            program = peak.compile_kernels(Path(folder))
        except peak.NotMeasuredError as reason:
            program, args.no_peak = None, str(reason)
        sizes = [run_size(args, plain, program, cpus) for plain in args.plain]
    record = {
        "net": args.net,
        "threads": args.threads,
        "rounds": args.rounds,
        "seconds": args.seconds,
        "weights_sha256": weights,
        "data_sha256": open_crops(args.crops).attrs["source_sha256"],
        "machine": machine.describe("numpy", "torch", "onnxruntime", "openvino"),
        "sizes": sizes,
    }
    write_json(args.out, record)


if __name__ == "__main__":
    exit_with(main)
