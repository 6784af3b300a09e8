"""make doctor: the chain's interpreter and its packages."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
from pathlib import Path

from common import parts
from common.check import Check
from engines import least_glibc

ROOT = Path(__file__).resolve().parents[2]

# Runs in the interpreter in question: its version and the packages that are asked for.
_ASK = """
import json, platform, sys
found = dict.fromkeys(sys.argv[1:])
try: import importlib.metadata as m
except ImportError: m = None  # older than any that the packages are for
for name in found if m else ():
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps([sys.version_info[:2], platform.machine(), found]))
"""
# Distributions that bring the same modules.
_INSTEAD = {"onnxruntime": ("onnxruntime-cann", "onnxruntime-gpu"),
            "opencv-python-headless": ("opencv-python",)}  # fmt: skip


def python_versions() -> tuple[int, int]:
    """Return the least and the greatest minor version of Python 3 that the packages exist for."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', text, re.M)
    return int(found[1]), int(found[2]) - 1


def checks(python: str, needed: list[str]) -> list[Check]:
    """Check the interpreter ``python``: its version, and the packages of the parts ``needed``."""
    if not shutil.which(python):
        return [Check(f"Python packages: {python} is made by the first target", True)]
    names = [name for part in needed for name in parts.by_part()[part]]
    names += [name for others in _INSTEAD.values() for name in others]
    asked = subprocess.run(
        [python, "-s", "-c", _ASK, *names], capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        return [Check(f"{python} runs", False, "name an interpreter with PYTHON=")]
    version, machine, found = json.loads(asked.stdout)
    pins = parts.pinned(needed, tuple(version), machine)
    low, high = python_versions()
    shown = ".".join(map(str, version))
    missing = [
        name
        for name in pins
        if not found[name] and not any(found[other] for other in _INSTEAD.get(name, ()))
    ]
    files = " ".join(f"-r requirements/{part}.txt" for part in needed)
    # 2.13.0+cpu is a build of 2.13.0.
    differing = [
        f"{n} {found[n]}"
        for n, pin in pins.items()
        if found[n] and found[n].partition("+")[0] != pin
    ]
    return [
        Check(
            f"Python {shown}",
            low <= version[1] <= high and version[0] == 3,
            f"use Python 3.{low} to 3.{high}: PYTHON=",
        ),
        Check(
            "Python packages" + (f": {', '.join(missing)} missing" if missing else ""),
            not missing,
            f"run make venv, or {python} -m pip install {files}",
            note=f"not the pinned versions: {', '.join(differing)}" if differing else "",
        ),
    ]


def libc(engine: str) -> list[Check]:
    """Check that the wheel of ``engine`` can be installed with this machine's glibc."""
    machine, (name, version) = platform.machine(), platform.libc_ver()
    least = least_glibc(engine, machine)
    if not least or name != "glibc":
        return []
    enough = _numbers(version) >= _numbers(least)
    what = f"glibc {version}" + ("" if enough else f"; ENGINE={engine} needs {least} on {machine}")
    return [Check(what, enough, "choose ENGINE=onnxruntime, or a newer system")]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def provider(python: str, name: str) -> list[Check]:
    """Check that the onnxruntime of ``python`` has the execution provider ``name``."""
    code = f"import onnxruntime as o, sys; sys.exit({name!r} not in o.get_available_providers())"
    asked = subprocess.run([python, "-s", "-c", code], capture_output=True, check=False)
    remedy = f"in {python}: pip uninstall onnxruntime, then pip install onnxruntime-cann"
    return [Check(f"onnxruntime has {name}", asked.returncode == 0, remedy)]
