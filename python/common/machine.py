"""Facts about the machine that figures are measured on; importing it takes Python 3.7."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path
from typing import Any

# Features that decide how fast a convolution can be, as Linux names them on x86-64 and Arm.
_ARITHMETIC = re.compile(
    r"fma$|avx2$|avx512(f|_bf16|_fp16|_vnni)$|avx_vnni|amx_|(asimd|sve|i8mm|bf16|fphp)"
)


def cpu_name() -> str:
    """Return the processor's name as the kernel knows it, e.g. ``AMD EPYC 9355``."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() in ("model name", "hardware", "cpu model"):
                return value.strip()
    except OSError:
        pass  # not Linux: the portable, less precise name below
    return platform.processor() or platform.machine()


def cpu_flags() -> set[str]:
    """Return the processor's features as the kernel names them, e.g. ``avx512f``; else empty."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() in ("flags", "features"):
                return set(value.split())
    except OSError:
        pass  # not Linux
    return set()


def describe(*packages: str) -> dict[str, Any]:
    """Return what figures of this machine depend on: processor, memory, system, ``packages``.

    ``arithmetic`` are the processor's wide multiply-add instructions, ``memory_gib`` all memory.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu_name(),
        "arithmetic": sorted(flag for flag in cpu_flags() if _ARITHMETIC.match(flag)),
        "usable_cpus": usable_cpus(),
        "physical_cores": physical_cores(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": versions(*packages),
    }


def here_and_now() -> dict[str, Any]:
    """Return ``date`` (UTC), ``cpu`` and ``usable_cpus``: when and where a figure was measured."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": cpu_name(),
        "usable_cpus": usable_cpus(),
    }


def usable_cpus() -> int:
    """Return the number of logical CPUs this process may run on."""
    return len(os.sched_getaffinity(0))


def physical_cores() -> int:
    """Return the number of physical cores among the CPUs this process may run on.

    Counts the sibling sets in sysfs; where they are not shown every CPU counts as a core.
    """
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text(encoding="ascii").strip() if siblings.exists() else str(cpu))
    return len(cores)


def versions(*packages: str) -> dict[str, str]:
    """Return the installed version of Python and of each distribution in ``packages``."""
    from importlib.metadata import version  # the doctor's Python may be older

    return {"python": platform.python_version()} | {name: version(name) for name in packages}
