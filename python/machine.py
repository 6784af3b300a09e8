"""Facts about the machine that figures are measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


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
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
