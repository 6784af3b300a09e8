"""The command line; wrong arguments exit 2."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

V3 = os.environ.get("FAKE_AIS_VERSION", "1") == "3"


def positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is an invalid positive int value")
    return value


def loop_count(text: str) -> int:
    value = positive(text)
    if V3 and value > 100_000:
        raise argparse.ArgumentTypeError(f"{text} is more than 100000")
    return value


def not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is an invalid nonnegative int value")
    return value


def devices(text: str) -> int | list[int]:
    numbers = [int(n) for n in text.split(",")]
    if not all(0 <= n <= 255 for n in numbers):
        raise argparse.ArgumentTypeError(f"device:{text} is invalid. valid range is [0, 255]")
    return numbers if "," in text else numbers[0]


def _letters(text: str) -> str:
    if V3 and not re.fullmatch(r"[A-Za-z0-9_/.-]+", text):
        raise argparse.ArgumentTypeError(f"{text} contains illegal characters")
    return text


def _path(text: str) -> str:
    # Every folder above counts too; a link's own name does, not its target's.
    _letters(os.path.abspath(text))  # noqa: PTH100
    if V3 and Path(text).is_symlink():
        raise argparse.ArgumentTypeError(f"{text} is a symbolic link")
    return text


def _readable(text: str) -> str:
    _path(text)
    if V3 and Path(text).exists() and Path(text).stat().st_mode & 0o022:
        raise argparse.ArgumentTypeError(f"{text} is writable by group or others")
    return text


def model(text: str) -> str:
    if V3 and not text.endswith(".om"):
        raise argparse.ArgumentTypeError(f"{text} is no .om")
    return _readable(text)


def inputs(text: str) -> str:
    for path in text.split(","):
        _readable(path)
        if V3 and Path(path).is_dir():
            for entry in Path(path).iterdir():
                _readable(str(entry))
    return text


def output(text: str) -> str:
    _path(text)
    if V3 and Path(text).exists() and Path(text).stat().st_mode & 0o027:
        print(
            f"[ERROR] The file {text} is group writable, or is others writable, as export file "
            "(or directory) it should not be over 0o750",
            flush=True,
        )
        raise argparse.ArgumentTypeError(f"{text} is no legal output folder")
    return text


def dirname(text: str) -> str:
    if V3 and text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text} must be relative")
    return _letters(text)


def parse() -> argparse.Namespace:
    flag = {"type": lambda text: text.lower() in ("1", "true", "yes"), "default": False}
    parser = argparse.ArgumentParser(prog="ais_bench", allow_abbrev=False)
    parser.add_argument("--model", type=model, required=True)
    parser.add_argument("--input", type=inputs)
    parser.add_argument("--output", type=output)
    parser.add_argument("--output_dirname", type=dirname)
    parser.add_argument("--outfmt", choices=("NPY", "BIN", "TXT"), default="BIN")
    parser.add_argument("--batchsize", type=positive)
    parser.add_argument("--loop", type=loop_count, default=1)
    parser.add_argument("--warmup_count", type=not_negative, default=1)
    parser.add_argument("--device", type=devices, default=0)
    parser.add_argument("--pure_data_type", choices=("zero", "random"), default="zero")
    parser.add_argument("--run_mode", choices=("array", "files", "tensor", "full"), default="array")
    for name in ("--debug", "--profiler", "--dump", "--display_all_summary"):
        parser.add_argument(name, **flag)
    if V3:
        parser.add_argument("--divide_input", **flag)
        parser.add_argument("--threads", type=positive, default=1)
    args = parser.parse_args()
    if args.profiler and args.dump:
        parser.error("--profiler and --dump exclude each other")
    if (args.profiler or args.dump) and not args.output:
        parser.error("--profiler and --dump need --output")
    return args
