"""ONNX file -> what atc will say of it, without a toolkit: a tick, or a cross and a remedy."""

import argparse
import sys
from pathlib import Path

from ascend import atc_graph
from common.check import show
from common.errors import exit_with
from onnx_graph import foreign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--as-om", action="store_true", help="look at what make om gives to atc")
    args = parser.parse_args()
    model = atc_graph.prepare(args.onnx) if args.as_om else foreign.read(args.onnx)
    print(args.onnx)
    sys.exit(show(atc_graph.lint(model), "It is as atc needs it.", "would stop atc"))


if __name__ == "__main__":
    exit_with(main)
