"""All that the chosen engine needs, each with a tick, or a cross and a remedy.

Standard library only, and Python 3.7: it must run where nothing is installed, with what an NPU
host has. Exits 1 where the chain would fail.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from common.check import Check, show
from common.machine import cpu_flags
from common.shapes import SIDE, VIEWS
from engines import declared
from engines.arithmetic import precisions
from host_checks import npu_host, packages

# Models of every batch size, logs and results; the inputs of an NPU come on top.
_BASE_BYTES = 1_000_000_000
# float32 bytes of a crop and its mirror image, and about what a JPEG of one takes.
_VIEWS_BYTES, _JPEG_BYTES = VIEWS * 4 * 3 * SIDE * SIDE, 5_000
_NPY_HEADER, _NPY_ITEM = 128, 8


def files(data: Path, weights: Path) -> list[Check]:
    """Check that the verification set and the checkpoint are there."""
    return [
        Check(
            f"{what} {path}",
            path.is_file() and path.stat().st_size > 0,
            remedy=f"run make download, put it there, or name your own with {variable}=",
        )
        for what, path, variable in (
            ("verification set", data, "DATA"),
            ("checkpoint", weights, "WEIGHTS"),
        )
    ]


def disk(args: argparse.Namespace) -> Check:
    """Check that what the chain will write finds room; for a set not decoded yet, by estimate."""
    needed = _BASE_BYTES
    if not declared()[args.engine].arrays and not args.inputs.is_dir():
        images = 12_000
        if args.unique_index.is_file():
            images = (args.unique_index.stat().st_size - _NPY_HEADER) // _NPY_ITEM
        elif args.data.is_file():
            images = args.data.stat().st_size // _JPEG_BYTES
        needed += images * _VIEWS_BYTES // (4 if args.aipp else 1)
    free = shutil.disk_usage(Path.cwd()).free
    return Check(
        f"free disk: {free / 1e9:.1f} GB, about {needed / 1e9:.1f} GB needed",
        free >= needed,
        remedy="make room" + ("" if args.aipp else "; AIPP=1 needs a quarter for the inputs"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--provider", default="", help="execution provider of onnxruntime")
    parser.add_argument("--python", required=True, help="the chain's interpreter")
    parser.add_argument("--parts", nargs="+", required=True, help="what must be installed for it")
    parser.add_argument("--ais-python", required=True, help="interpreter that has ais_bench")
    parser.add_argument("--devices", required=True, help="device numbers, e.g. 0,1")
    parser.add_argument("--chip", help="chip name; default: ask npu-smi")
    parser.add_argument("--aipp", action="store_true")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--unique-index", type=Path, required=True, help="of the decoded set")
    parser.add_argument("--inputs", type=Path, required=True, help="folder of the NPU's inputs")
    args = parser.parse_args()

    on_npu = not declared()[args.engine].arrays or args.provider == "CANNExecutionProvider"
    if on_npu:
        has = f"PRECISION={' '.join(declared()[args.engine].precisions)}"
    else:
        has = f"this processor has PRECISION={' '.join(precisions(args.engine, cpu_flags()))}"
    print(f"ENGINE={args.engine}, {has}")
    numbers = [int(number) for number in args.devices.split(",")]
    checks = [*packages.libc(args.engine), *packages.checks(args.python, args.parts)]
    if not declared()[args.engine].arrays:
        checks += npu_host.converter()
        checks += npu_host.devices(numbers, args.chip)
        checks += npu_host.ais_bench(args.ais_python)
    elif args.provider == "CANNExecutionProvider":
        checks += npu_host.devices(numbers, args.chip)
        checks += packages.provider(args.python, args.provider)
    checks += [disk(args), *files(args.data, args.weights)]
    sys.exit(show(checks, "Everything that is needed is there.", "would stop the chain"))


if __name__ == "__main__":
    main()
