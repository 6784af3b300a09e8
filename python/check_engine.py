"""Can the engine do on this machine what is asked of it? Said before any work begins."""

import argparse
from pathlib import Path

import engines
from common.errors import exit_with
from common.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--provider", help="execution provider of onnxruntime")
    parser.add_argument("--device", help="device of torch")
    parser.add_argument("--mode", help="mode of torch")
    parser.add_argument("--ais-python", help="interpreter that has ais_bench")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write where it can")
    args = parser.parse_args()
    options = engines.Options(
        precision=args.precision,
        provider=args.provider,
        device=args.device,
        mode=args.mode,
        ais_python=args.ais_python,
    )
    engines.check(args.engine, options)
    write_json(args.out, options._asdict() | {"engine": args.engine})


if __name__ == "__main__":
    exit_with(main)
