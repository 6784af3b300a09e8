"""The machine's own arithmetic peak in fp32, bf16 and int8, by the kernels in peak.c."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError, reason
from common.machine import cpu_flags

PRECISIONS = ("fp32", "bf16", "int8")
SOURCE = Path(__file__).with_name("peak.c")
COMPILERS = ("cc", "gcc", "clang")
# Processors with these multiply whole tiles, faster than any kernel in peak.c.
_TILES = {"bf16": "amx_bf16", "int8": "amx_int8"}


class Peak(NamedTuple):
    """What one measurement gave; a multiply-add counts as two operations."""

    kernel: str
    gflops: float


class NotMeasuredError(ChainError):
    """The peak of one precision cannot be measured here; the message is the reason."""


def compile_kernels(folder: Path) -> Path:
    """Compile peak.c into ``folder`` and return the program.

    Raises ``NotMeasuredError`` where the machine has no C compiler, or one that fails.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise NotMeasuredError(f"no C compiler (one of {', '.join(COMPILERS)}) is installed.")
    program = folder / "peak"
    command = [compiler, "-O2", "-pthread", str(SOURCE), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = reason(done.stderr)
        raise NotMeasuredError(f"{compiler} cannot compile {SOURCE.name} ({said}).")
    return program


def choose_cpus(threads: int) -> list[int]:
    """Return ``threads`` CPUs that this process may use, different physical cores first.

    Raises ``ChainError`` where there are fewer.
    """
    usable = sorted(os.sched_getaffinity(0))
    if threads > len(usable):
        raise ChainError(f"THREADS={threads} is more than the {len(usable)} CPUs usable here.")
    seen: set[str] = set()
    first, second = [], []
    for cpu in usable:
        file = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = file.read_text(encoding="ascii").strip() if file.exists() else str(cpu)
        (second if core in seen else first).append(cpu)
        seen.add(core)
    return (first + second)[:threads]


def measure(program: Path, precision: str, seconds: float, cpus: list[int]) -> Peak:
    """Run the kernel of ``precision`` on ``cpus`` at once for ``seconds``.

    Raises ``NotMeasuredError`` where the CPU has no instruction for it that peak.c knows, or a
    faster one that it does not, and ``ChainError`` where the arithmetic came out wrong.
    """
    if (tiles := _TILES.get(precision)) in cpu_flags():
        raise NotMeasuredError(f"the CPU has {tiles}, which peak.c does not drive.")
    command = [str(program), precision, str(seconds), *map(str, cpus)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 3:
        raise NotMeasuredError(f"{done.stderr.strip()}.")
    if done.returncode:
        said = reason(done.stderr or f"status {done.returncode}")
        raise ChainError(f"{SOURCE.name} failed in {precision}: {said}.")
    kernel, counted, expected, taken = done.stdout.strip().split("\t")
    if float(counted) != float(expected):
        raise ChainError(
            f"{SOURCE.name}: {kernel} counted {counted} multiply-adds instead of {expected}."
        )
    return Peak(kernel, 2 * float(counted) / float(taken) / 1e9)
