"""ONNX -> onnxsim -> simplified ONNX; both are gated by parity with PyTorch first."""

import argparse
import sys
from pathlib import Path
from types import ModuleType

import onnx

from common.arrays import read_npy
from common.errors import ChainError, exit_with
from onnx_graph import parity, store
from seals.ledger import made
from seals.products import begin, write_json


def simplify(path: Path) -> onnx.ModelProto:
    """Return the ONNX file ``path`` simplified by onnxsim, with the metadata of the original."""
    onnxsim = _import_onnxsim()
    model = onnx.load(str(path))
    simplified, ok = onnxsim.simplify(model)
    if not ok:
        raise ChainError(f"onnxsim could not verify its simplification of {path}; report a bug.")
    store.set_metadata(simplified, store.metadata(model))
    return simplified


def _import_onnxsim() -> ModuleType:
    # It imports torch where that is, which takes two seconds, for what is not used here.
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None
    try:
        import onnxsim
    finally:
        if hidden:
            del sys.modules["torch"]
    return onnxsim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="ONNX file")
    parser.add_argument("--baseline", type=made, required=True, help="PyTorch's output, .npy")
    parser.add_argument("--weights-name", required=True, help="stem of the shared weight file")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write, same folder")
    parser.add_argument("--parity", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()
    baseline = read_npy(args.baseline, "f", 2)
    stages = {"onnx": parity.gate(args.onnx, baseline, str(args.onnx))}

    def check(path: Path) -> None:
        onnx.checker.check_model(str(path), full_check=True)
        stages["sim"] = parity.gate(path, baseline, f"the simplified {args.onnx}")
        begin(args.out)
        write_json(args.parity, stages)

    store.publish(simplify(args.onnx), args.out, args.weights_name, check)


if __name__ == "__main__":
    exit_with(main)
