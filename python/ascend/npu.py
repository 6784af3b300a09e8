"""What ``npu-smi info`` says about the Ascend devices; standard library only."""

from __future__ import annotations

import re
import shutil
from typing import NamedTuple

from common.errors import ChainError, reason
from common.programs import ask

# Two rows a device: number, name and health, then chip number, on most boards the device
# number that tools take, and the bus. The process table has numbers in these places too, but
# neither a health nor a bus address.
_FIRST = re.compile(r"\|\s*(\d+)\s+(\S+)\s*\|\s*(OK|Warning|Alarm|Critical|UNKNOWN)\s*\|")
_SECOND = re.compile(r"\|\s*(\d+)(?:\s+(\d+))?\s*\|\s*(?:[0-9A-Fa-f]{4,8}:[0-9A-Fa-f:.]+|NA)\s*\|")


class Device(NamedTuple):
    """``index``: the number for DEVICE=; ``name``: e.g. 310P3; ``health``: OK, Warning, ..."""

    index: int
    name: str
    health: str


def parse(text: str) -> list[Device]:
    """Return the devices in ``text``, what ``npu-smi info`` printed, in its order."""
    devices = []
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        first = _FIRST.match(line)
        if first:
            second = _SECOND.match(lines[number + 1]) if number + 1 < len(lines) else None
            index = second[2] if second and second[2] else first[1]
            devices.append(Device(int(index), first[2], first[3]))
    return devices


def devices() -> list[Device]:
    """Return what ``npu-smi info`` lists on this machine.

    Raises ``ChainError`` where it is missing or fails.
    """
    if not shutil.which("npu-smi"):
        raise ChainError("npu-smi is not on PATH; install the Ascend driver, or name the CHIP=.")
    result = ask(["npu-smi", "info"], "check the driver")
    if result.returncode != 0:
        said = reason((result.stdout + result.stderr).strip() or "it printed nothing", line=-1)
        raise ChainError(
            f"npu-smi info failed with status {result.returncode} ({said}); "
            "check the driver and the permissions of /dev/davinci*."
        )
    return parse(result.stdout)


def chip(found: list[Device]) -> str:
    """Return the chip name that all of ``found`` share, e.g. ``310P3``.

    Raises ``ChainError`` where they differ, because a model is compiled for one chip, and
    where there is none.
    """
    names = sorted({device.name for device in found})
    if not names:
        raise ChainError("npu-smi info lists no device; check the driver, or name the CHIP=.")
    if len(names) != 1:
        raise ChainError(f"this machine has different chips; choose one: CHIP={' or '.join(names)}")
    return names[0]


def name_of(index: int) -> str:
    """Return the chip name of device ``index``; raises ``ChainError`` where it is not listed."""
    for device in devices():
        if device.index == index:
            return device.name
    raise ChainError(f"npu-smi lists no device {index}; choose another DEVICE=.")


def soc_version(name: str) -> str:
    """Return atc's name of the chip ``name``: ``310P3`` and ``Ascend310P3`` -> ``Ascend310P3``."""
    return name if name.startswith("Ascend") else f"Ascend{name}"
