"""ONNX -> onnxsim -> simplified ONNX, gated by parity with PyTorch."""

import argparse
from pathlib import Path

import onnx

from common.arrays import read_npy
from common.errors import ChainError, exit_with
from common.imports import hidden
from onnx_graph import parity, store
from seals.ledger import made
from seals.products import begin, write_json


def simplify(path: Path) -> onnx.ModelProto:
    """Return the ONNX file ``path`` simplified by onnxsim, with the metadata of the original."""
    with hidden("torch", "sympy"):  # three seconds, for what is not used here
        import onnxsim

    model = onnx.load(str(path))
    simplified, ok = onnxsim.simplify(model)
    if not ok:
        raise ChainError(f"onnxsim could not verify its simplification of {path}; report a bug.")
    store.set_metadata(simplified, store.metadata(model))
    return simplified


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="ONNX file")
    parser.add_argument("--baseline", type=made, required=True, help="PyTorch's output, .npy")
    parser.add_argument("--weights-name", required=True, help="stem of the shared weight file")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write, same folder")
    parser.add_argument("--parity", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()
    baseline = read_npy(args.baseline, "f", 2)

    def check(path: Path) -> None:
        onnx.checker.check_model(str(path), full_check=True)
        try:
            found = parity.gate(path, baseline, f"the simplified {args.onnx}")
        except ChainError:
            parity.gate(args.onnx, baseline, str(args.onnx))  # or was that wrong already?
            raise
        begin(args.out)
        write_json(args.parity, {"sim": found})

    store.publish(simplify(args.onnx), args.out, args.weights_name, check)


if __name__ == "__main__":
    exit_with(main)
