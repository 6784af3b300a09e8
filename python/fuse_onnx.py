"""Simplified ONNX -> the same function with fewer nodes, exact and gated by parity with PyTorch."""

import argparse
import sys
from pathlib import Path

import onnx

from common.arrays import read_npy
from common.errors import exit_with
from fusion.folds import drop_identities, fold_norms_back, fold_norms_on, separate_slopes
from fusion.graph import Graph, count
from fusion.trunk import carry_shifts
from onnx_graph import parity, store
from seals.ledger import made
from seals.products import begin, write_json


def fuse(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, object]]:
    """Return ``model`` rewritten, and a report; where nothing fits, ``model`` itself.

    Identity pools go, and batch-norms go into the layers around them. All arithmetic is in
    float64 and rounds to float32 once. The report has ``untouched`` (why, or None), the
    operators ``before`` and ``after``, what was ``rewritten``, and the batch-norms ``kept``
    with the reason.
    """
    graph = Graph(model)
    before = count(graph.nodes)
    report: dict[str, object] = {"untouched": graph.foreign(), "before": before}
    if report["untouched"]:
        return model, report | {"after": before, "rewritten": {}, "kept": {}}
    rewritten = {
        "identities removed": drop_identities(graph),
        "batch-norms folded into the layer before": fold_norms_back(graph),
    }
    trunk = carry_shifts(graph)
    rewritten |= {
        "batch-norms removed by shifting the trunk": trunk.removed,
        "additions that took": trunk.added,
        "batch-norms folded into the layer behind": fold_norms_on(graph),
        "PReLU slopes separated": separate_slopes(graph),
    }
    if not any(rewritten.values()):
        report["untouched"] = "nothing in it is known to this rewrite"
        return model, report | {"after": before, "rewritten": {}, "kept": trunk.kept}
    if graph.overflows():
        report["untouched"] = "a rewritten weight would be beyond float32"
        return model, report | {"after": before, "rewritten": {}, "kept": {}}
    report |= {"after": count(graph.nodes), "rewritten": rewritten, "kept": trunk.kept}
    return graph.finish(), report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="simplified ONNX file")
    parser.add_argument("--baseline", type=made, required=True, help="PyTorch's output, .npy")
    parser.add_argument("--weights-name", required=True, help="stem of the shared weight file")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write, same folder")
    parser.add_argument("--report", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()
    baseline = read_npy(args.baseline, "f", 2)
    model, report = fuse(onnx.load(str(args.onnx)))
    if report["untouched"]:
        print(f"{args.onnx} is left as it is: {report['untouched']}.", file=sys.stderr)

    def check(path: Path) -> None:
        onnx.checker.check_model(str(path), full_check=True)
        report["parity"] = parity.gate(path, baseline, f"the fused {args.onnx}")
        begin(args.out)
        write_json(args.report, report)

    store.publish(model, args.out, args.weights_name, check)


if __name__ == "__main__":
    exit_with(main)
