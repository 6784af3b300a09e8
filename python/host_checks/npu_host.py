"""make doctor: the Ascend toolkit, devices and tools."""

import os
import shutil
import subprocess
from pathlib import Path

from ascend import npu
from common.errors import ChainError
from host_checks.check import Check

_UNRELATED = "ais-bench-benchmark"
# In the interpreter in question: which of the two packages of that name is it, and does it load?
_ASK_AIS = """
import importlib.metadata as m, sys
try: import ais_bench.infer
except ModuleNotFoundError as error:
    # Something that ais_bench itself needs, or ais_bench.infer.
    if not (error.name or "").startswith("ais_bench"): sys.exit(f"import fails: {error}")
    try: import ais_bench
    except ImportError: sys.exit("not installed")
    sys.exit("another package of that name")
"""
_ASK_ACL = "import aclruntime; aclruntime.InferenceSession, aclruntime.session_options"


def toolkit() -> list[Check]:
    """Check set_env.sh, which env.sh has sourced, and atc."""
    script = Path(os.environ.get("ASCEND_SET_ENV", "set_env.sh"))
    atc = shutil.which("atc")
    return [
        Check(
            f"set_env.sh: {script}",
            os.access(script, os.R_OK),
            "install the CANN toolkit, or name its script: export ASCEND_SET_ENV=.../set_env.sh",
            needed=atc is None,
        ),
        Check(
            f"atc{f': {atc}' if atc else ''}",
            atc is not None,
            "install the CANN toolkit, or name its script: export ASCEND_SET_ENV=.../set_env.sh",
        ),
    ]


def devices(numbers: list[int], chip: str | None) -> list[Check]:
    """Check npu-smi, the chip, and the presence and health of the devices ``numbers``.

    With ``chip`` given the chain does not need npu-smi, only the devices that it would list.
    """
    remedy = "install the Ascend driver, or name the chip with CHIP="
    try:
        found = npu.devices()
    except ChainError as error:
        return [Check(f"npu-smi: {error}", False, remedy, needed=chip is None)]
    checks = [Check(f"npu-smi: {len(found)} device(s)", bool(found), remedy)]
    if not found:
        return checks
    try:
        used = chip or npu.chip(found)
        note = "by CHIP=" if chip else ""
        checks.append(Check(f"chip: {npu.soc_version(used)}", True, note=note))
    except ChainError as error:
        checks.append(Check(f"chip: {error}", False, "choose one with CHIP="))
    by_index = {device.index: device for device in found}
    known = ", ".join(map(str, sorted(by_index)))
    for number in numbers:
        if number not in by_index:
            checks.append(Check(f"device {number}", False, f"there are {known}; choose by DEVICE="))
            continue
        device = by_index[number]
        # A warning is for the operator; the device computes.
        works = device.health in ("OK", "Warning")
        checks.append(
            Check(
                f"device {number} ({device.name}): {device.health}",
                works,
                f"look at npu-smi info -t health -i {number}, reset it, or use another DEVICE=",
                note="npu-smi info -t health tells why" if device.health == "Warning" else "",
            )
        )
        if chip is not None and npu.soc_version(device.name) != npu.soc_version(chip):
            what = f"device {number} is a {device.name}, not the {chip} of CHIP="
            checks.append(Check(what, False, "use the device's own chip name, or another DEVICE="))
    return checks


def ais_bench(python: str) -> list[Check]:
    """Check ais_bench.infer and aclruntime in the interpreter ``python``."""
    install = f"install its wheel, built against your toolkit: {python} -m pip install"
    if not shutil.which(python):
        return [Check(f"ais_bench: {python} is not there yet", False, f"make venv, then {install}")]
    said = _ask(python, _ASK_AIS)
    remedy = f"{install} ais_bench-*.whl; or name an interpreter that has it: AIS_PYTHON="
    if said == "another package of that name":
        said = f"this is {_UNRELATED}, which only shares the import name"
        remedy = f"{python} -m pip uninstall {_UNRELATED}, then {remedy}"
    runs = Check(f"ais_bench.infer{f': {said}' if said else ''}", not said, remedy)
    said = _ask(python, _ASK_ACL)
    remedy = f"{install} aclruntime-*.whl; or name an interpreter that has it: AIS_PYTHON="
    return [runs, Check(f"aclruntime{f': {said}' if said else ''}", not said, remedy)]


def _ask(python: str, code: str) -> str:
    asked = subprocess.run(
        [python, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if asked.returncode == 0:
        return ""
    return (asked.stderr.strip().splitlines() or [f"exit status {asked.returncode}"])[-1]
