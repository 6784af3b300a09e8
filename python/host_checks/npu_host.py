"""make doctor: the Ascend toolkit, devices and tools."""

from __future__ import annotations

import os
import shutil

from ascend import interpreter, npu, toolkit
from ascend.interpreter import Interpreter
from common.check import Check
from common.errors import ChainError

_INSTALL = "install the CANN toolkit, or name its script: export ASCEND_SET_ENV=.../set_env.sh"


def converter() -> list[Check]:
    """Check set_env.sh, which env.sh has sourced, atc, and the Python that atc compiles with."""
    script = os.environ.get("ASCEND_SET_ENV", "")
    atc = shutil.which("atc")
    checks = [
        Check(
            f"set_env.sh: {script or 'in none of its usual places'}",
            os.access(script, os.R_OK),
            _INSTALL,
            needed=atc is None,
        ),
        Check(f"atc{f': {atc}' if atc else ''}", atc is not None, _INSTALL),
    ]
    if not atc:
        return checks
    cann = toolkit.cann_version()
    row = toolkit.needs(cann)
    if not row:
        known = f"CANN {cann}: nothing known about it" if cann else "CANN: its version is not told"
        checks.append(Check(known, False, "look up which Python it takes", needed=False))
    else:
        checks.append(Check(f"CANN {cann}", True))
    python3 = shutil.which("python3") or "python3"
    found = interpreter.describe(python3, "numpy")
    if not found:
        return [*checks, Check("python3 on PATH, which atc compiles with", False, "install one")]
    checks += [_fits(row, found, f"python3 of atc: {python3}")] if row else []
    lacking = interpreter.modules_lacking(python3, list(toolkit.ATC_MODULES))
    packages = [toolkit.ATC_MODULES[name] for name in lacking]
    checks.append(
        Check(
            "packages of atc" + (f": {', '.join(packages)} missing" if packages else ""),
            not packages,
            f"{python3} -m pip install {' '.join(packages)}",
            note=f"in {python3}",
        )
    )
    return checks


def _fits(row: toolkit.Needs, python: Interpreter, what: str) -> Check:
    # Is this interpreter one that the toolkit takes?
    numpy = python.packages.get("numpy")
    faults = toolkit.unmet(row, python.version, numpy)
    shown = f"{what}, Python {python.version}" + (f", numpy {numpy}" if numpy else "")
    return Check(
        shown + (f"; {' and '.join(faults)}" if faults else ""),
        not faults,
        f"use what this series of CANN is documented for, from {row.cann} on",
        needed=False,
    )


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
    found = interpreter.describe(python, "ais_bench", "aclruntime", "numpy")
    remedy = "name the interpreter that has ais_bench and aclruntime: AIS_PYTHON="
    if not found:
        return [Check(f"ais_bench: {python} cannot be run", False, remedy)]
    row = toolkit.needs(toolkit.cann_version())
    what = f"interpreter of ais_bench: {python}"
    checks = [_fits(row, found, what) if row else Check(f"{what}, Python {found.version}", True)]
    wheels = {"ais_bench.infer": "ais_bench", "aclruntime": "aclruntime"}
    for name, said in interpreter.tools_lacking(python).items():
        wheel = wheels[name]
        shown = f"{name}: {said}" if said else f"{name} {found.packages.get(wheel, '')}".rstrip()
        install = f"{python} -m pip install {wheel}-*.whl, built for your toolkit"
        if interpreter.UNRELATED in said:
            install = f"{python} -m pip uninstall {interpreter.UNRELATED}, then {install}"
        checks.append(Check(shown, not said, f"{install}; or {remedy}"))
    return checks
