"""The parts that are installed, a file each in requirements/, and what each package is pinned to.

Standard library only, and in old Python: make and the doctor read it where nothing is installed.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "requirements"
PINS = FOLDER / "constraints.txt"
CORE = "core"
# Import names of distributions that are called otherwise.
_IMPORTS = {
    "bcolz": "bcolz-zipline",
    "cv2": "opencv-python-headless",
    "faiss": "faiss-cpu",
    "google": "protobuf",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
# A line of a requirements file: name, version where pinned, environment marker where it has one.
_LINE = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:==([^\s;]+))?(?: *; *(.+))?$", re.M)
_MARKER = re.compile(r'^(python_version|platform_machine) (<|>=|==) "([\w.]+)"$')


def normal(name: str) -> str:
    """Return the distribution ``name`` as indexes spell it: ``Jinja2`` is ``jinja2``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def by_part() -> dict[str, list[str]]:
    """Return the distributions of each part, whatever machine they are for, by the part's name."""
    files = sorted(path for path in FOLDER.glob("*.txt") if path != PINS)
    return {path.stem: [name for name, _, _ in _lines(path)] for path in files}


def of_imports(modules: set[str]) -> list[str]:
    """Return the parts, sorted, that bring ``modules``, names of top-level modules."""
    wanted = {normal(_IMPORTS.get(module, module)) for module in modules}
    return [part for part, names in by_part().items() if wanted & set(map(normal, names))]


def pinned(parts: list[str], version: tuple[int, int], machine: str) -> dict[str, str]:
    """Return the version of each distribution of ``parts`` for a Python and a machine.

    ``version`` is (3, 12), ``machine`` as ``platform.machine()`` has it, e.g. ``aarch64``.
    """
    pins = pins_for(version, machine)
    found = {}
    for part in parts:
        for name, _, marker in _lines(FOLDER / f"{part}.txt"):
            if _holds(marker, version, machine):
                found[name] = pins[normal(name)]
    return found


def pins_for(version: tuple[int, int], machine: str) -> dict[str, str]:
    """Return the pinned version of every distribution, by its normal name."""
    lines = _lines(PINS)
    return {normal(name): pin for name, pin, marker in lines if _holds(marker, version, machine)}


def _lines(path: Path) -> list[tuple[str, str, str]]:
    return _LINE.findall(path.read_text(encoding="utf-8"))


def _holds(marker: str, version: tuple[int, int], machine: str) -> bool:
    # Of markers only what the files use: python_version and platform_machine, joined by "and".
    for term in filter(None, marker.split(" and ")):
        name, sign, value = _MARKER.match(term.strip()).groups()
        if name == "platform_machine":
            holds = machine == value
        else:
            wanted = tuple(map(int, value.split(".")))
            holds = {"<": version < wanted, ">=": version >= wanted, "==": version == wanted}[sign]
        if not holds:
            return False
    return True
