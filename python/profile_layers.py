"""Where OpenVINO's time goes: milliseconds a batch by kind of layer and kernel."""

import argparse
from collections import defaultdict

import numpy as np
import openvino

import engines
from common.errors import exit_with
from common.table import aligned
from dataset.crops import first_batch
from engines.openvino import compile_model
from inference import configuration

WARMUP, LOOP = 2, 10


def profile(model: openvino.CompiledModel, batch: np.ndarray) -> list[tuple[str, str, int, float]]:
    """Return kind, kernel, number of layers and milliseconds a batch, the longest first.

    ``model`` was compiled with PERF_COUNT; ``batch`` is its input, float32. Times are means
    over ten runs after two untimed ones. Layers that were optimised away are left out.
    """
    request = model.create_infer_request()
    total: dict[tuple[str, str], float] = defaultdict(float)
    layers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for index in range(WARMUP + LOOP):
        request.infer([batch])
        if index < WARMUP:
            continue
        for node in request.profiling_info:
            if node.status == openvino.ProfilingInfo.Status.EXECUTED:
                key = (node.node_type, node.exec_type)
                total[key] += node.real_time.total_seconds() * 1000 / LOOP
                layers[key].add(node.node_name)
    rows = [(*key, len(layers[key]), ms) for key, ms in total.items()]
    return sorted(rows, key=lambda row: -row[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    args = parser.parse_args()
    options = engines.Options(
        precision=args.precision, threads=args.threads, batch_size=args.batch_size
    )
    model = compile_model(openvino.Core(), args.model, options, {"PERF_COUNT": True})
    form = configuration.preprocessing_of(args.model)
    rows = profile(model, first_batch(args.crops, args.batch_size, form))
    whole = sum(row[-1] for row in rows)
    print(f"{args.model}, {args.precision}, batch {args.batch_size}: {whole:.1f} ms in layers")
    lines = [[k, e, str(n), f"{ms:.2f}", f"{ms / whole:.1%}"] for k, e, n, ms in rows]
    print(aligned([["layer", "kernel", "layers", "ms", "share"], *lines]))


if __name__ == "__main__":
    exit_with(main)
