"""The CANN toolkit's version, and what it needs of Python; standard library only."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

# Modules that atc's compiler of operators imports, and the packages that bring them; from CANN's
# installation guides.
ATC_MODULES = {
    "numpy": "numpy",
    "decorator": "decorator",
    "sympy": "sympy",
    "cffi": "cffi",
    "attr": "attrs",
    "Cython": "cython",
    "yaml": "pyyaml",
    "pathlib2": "pathlib2",
    "google.protobuf": "protobuf",
    "scipy": "scipy",
    "requests": "requests",
    "psutil": "psutil",
    "absl": "absl-py",
}


class Needs(NamedTuple):
    """What releases of the series of ``cann``, from that one on, need: Python ``oldest`` to
    ``newest``, numpy from ``numpy_oldest`` to below ``numpy_below`` (empty: no such bound).
    """

    cann: str
    oldest: str
    newest: str
    numpy_oldest: str
    numpy_below: str


# From CANN's installation guides; a bound of a whole series counts its last release.
_NEEDS = (
    Needs("6.0.1", "3.7.0", "3.9.7", "1.14.3", ""),
    Needs("8.0.RC2", "3.7.0", "3.10.99", "1.19.2", "1.25"),
    Needs("8.0", "3.7.0", "3.11.4", "", "1.25"),
    Needs("8.5", "3.7.0", "3.13.99", "", "2.0"),
    Needs("9.1", "3.7.0", "3.14.99", "1.19.2", ""),
)


def cann_version() -> str | None:
    """Return the toolkit's version, e.g. ``8.0.RC2``, as its folder tells; None where it does not.

    The folder is that of ``ASCEND_HOME_PATH``, which set_env.sh sets.
    """
    home = Path(os.environ.get("ASCEND_HOME_PATH", "/nonexistent"))
    name = "ascend_toolkit_install.info"
    for path in (home / f"{platform.machine()}-linux" / name, home / name):
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("version="):
                    return line.partition("=")[2].strip()
    return None


def needs(cann: str | None) -> Needs | None:
    """Return what the version ``cann`` needs; None where it or its series is not known."""
    found = None
    for row in _NEEDS if cann else ():
        if _order(row.cann)[:2] == _order(cann)[:2] and _order(row.cann) <= _order(cann):
            found = row
    return found


def unmet(row: Needs, python: str, numpy: str | None) -> list[str]:
    """Return what of ``row`` the versions ``python`` and ``numpy`` do not meet, in words."""
    faults = []
    if not _order(row.oldest) <= _order(python) <= _order(row.newest):
        oldest, newest = row.oldest.replace(".0", ""), row.newest.replace(".99", "")
        faults.append(f"it takes Python {oldest} to {newest}")
    if numpy and row.numpy_below and _order(numpy) >= _order(row.numpy_below):
        faults.append(f"it takes numpy below {row.numpy_below}")
    if numpy and row.numpy_oldest and _order(numpy) < _order(row.numpy_oldest):
        faults.append(f"it takes numpy from {row.numpy_oldest}")
    return faults


def _order(version: str) -> list[tuple[int, int]]:
    # 8.0.RC2 comes before 8.0, and 8.0 before 8.0.1.
    parts = []
    for part in version.split("."):
        number = int(re.sub(r"\D", "", part) or 0)
        parts.append((1 if part.isdigit() else -1, number))
    return [*parts, (0, 0)]
