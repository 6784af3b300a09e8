"""How atc, the Ascend model converter, is called, and how its answer is read."""

import re
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError, plain
from common.shapes import SIDE

# Names in the folder that atc runs in, so that no path of the project reaches it.
ONNX, OUTPUT, AIPP = "model.onnx", "model", "aipp.cfg"
SUCCESS, FAILURE = "ATC run success", "ATC run failed"

# What the chain decides itself, and what to use to decide otherwise.
_FIXED = {
    "--framework": "nothing: the model is ONNX",
    "--model": "NET= and WEIGHTS=",
    "--output": "nothing: the chain names its products",
    "--input_format": "nothing: it is NCHW",
    "--input_shape": "BS=",
    "--soc_version": "CHIP=",
    "--insert_op_conf": "AIPP=1",
}
# CANN's own default is fp16 throughout, which is what the published figures were made with.
MODES = {"fp16": "force_fp16", "fp32": "must_keep_origin_dtype"}
_MODE = "--precision_mode"

_PYTHON = (
    "a Python package that atc needs is missing in the python3 on PATH; make doctor tells which "
    "and how to install it"
)
_CODES = {
    "EZ0501": "an operator's definition (IR) is not registered: this CANN does not know it",
    "EZ3002": "an operator is not supported on this chip",
    "EZ3003": "no kernel of an operator fits this chip, type or shape",
    "EZ9010": "no parser for an operator of this ONNX version: try another OPSET=",
    "E19010": "no parser for an operator of this ONNX version: try another OPSET=",
    "E20001": "an operator's kernel could not be compiled",
    "E40001": _PYTHON,
    "E40020": _PYTHON,
    "E40021": f"an operator could not be compiled, often because {_PYTHON}",
}
_CODE = re.compile(r"\bE[A-Z]?\d{4,5}\b")
_RELEVANT = re.compile(r"\bE[A-Z]?\d{4,5}\b|ERROR|[Ee]rror|failed|Solution|Cause", re.ASCII)


class Verdict(NamedTuple):
    """Why atc failed: ``lines`` of its output that matter, and a ``reading`` of them."""

    lines: list[str]
    reading: str


def precision_of(precision: str, extra: list[str]) -> str:
    """Return the precision that results from PRECISION= and the flags ``extra``.

    It is ``precision``, or a mode of atc that is neither fp16 nor fp32, such as
    ``allow_mix_precision``. Raises ``ChainError`` where the two contradict each other.
    """
    modes = [flag.partition("=")[2] for flag in extra if flag.partition("=")[0] == _MODE]
    if not modes or modes[-1] == MODES[precision]:
        return precision
    if modes[-1] in MODES.values():
        raise ChainError(
            f"ATC_FLAGS has {_MODE}={modes[-1]} but PRECISION={precision}; choose one of them."
        )
    return modes[-1]


def flags(
    batch_size: int,
    soc_version: str,
    input_name: str,
    precision: str,
    aipp: bool,
    extra: list[str],
) -> list[str]:
    """Return atc's arguments: the guide's, those of the variables, then ``extra``, which win.

    Raises ``ChainError`` where ``extra`` sets what the chain decides itself.
    """
    chosen = {
        "--framework": "5",
        "--model": ONNX,
        "--output": OUTPUT,
        "--input_format": "NCHW",
        "--input_shape": f"{input_name}:{batch_size},3,{SIDE},{SIDE}",
        "--log": "error",
        "--soc_version": soc_version,
    }
    if precision != "fp16":
        chosen[_MODE] = MODES[precision]
    if aipp:
        chosen["--insert_op_conf"] = AIPP
        # Three input channels are its case; without AIPP it brings nothing.
        chosen["--enable_small_channel"] = "1"
    for flag in extra:
        name, equals, value = flag.partition("=")
        if name in _FIXED:
            raise ChainError(f"ATC_FLAGS must not set {name}; use {_FIXED[name]}.")
        if not (name.startswith("--") and equals and value):
            raise ChainError(f"ATC_FLAGS has {flag}; write each flag as --name=value.")
        chosen[name] = value
    return [f"{name}={value}" for name, value in chosen.items()]


def product(folder: Path) -> Path | None:
    """Return the .om that atc wrote into ``folder``, with or without ``_<os>_<arch>``."""
    written = [folder / f"{OUTPUT}.om", *sorted(folder.glob(f"{OUTPUT}_*.om"))]
    return next((path for path in written if path.is_file() and path.stat().st_size), None)


def judge(status: int, output: str, om: Path | None) -> Verdict | None:
    """Return None where atc succeeded: exit status, its own word, and a fresh .om agree."""
    if status == 0 and SUCCESS in output and FAILURE not in output and om:
        return None
    lines = [line.rstrip() for line in plain(output).splitlines() if line.strip()]
    relevant = [line for line in lines if _RELEVANT.search(line)] or lines
    codes = [code for line in relevant for code in _CODE.findall(line)]
    known = [code for code in codes if code in _CODES]
    if known:
        reading = f"{known[0]}: {_CODES[known[0]]}"
    elif codes:
        reading = f"error code {codes[0]}"
    elif status < 0:
        reading = f"it was killed by signal {-status}; often too little memory"
    elif status != 0 or FAILURE in output:
        reading = f"exit status {status}, no error code"
    elif SUCCESS not in output:
        reading = "it ended without saying that it succeeded"
    else:
        reading = "it says that it succeeded but wrote no .om; is the disk full?"
    return Verdict(relevant[-10:], reading)
