"""Has every package that a part brings a wheel, for other Pythons and machines than this one too?

For each Python and machine pip looks for a wheel of every pinned package; nothing is installed, and
of most wheels only the metadata is read. From these it is followed what each part brings in turn.
"""

import argparse
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, NamedTuple

from packaging.requirements import Requirement

import engines
from common import parts
from common.errors import ChainError, exit_with

# What the oldest system that is served has; engines.mk names the wheels that need more.
_GLIBC = (2, 28)
# PEP 600: glibc 2.<minor>, the oldest first, so that the least demanding wheel is found; and the
# names that the first three had before.
_MINORS = range(5, 40)
_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


class Host(NamedTuple):
    """A Python, e.g. (3, 12), on a machine of Linux, e.g. ``aarch64``."""

    version: tuple[int, int]
    machine: str

    def __str__(self) -> str:
        return f"Python {_text(self.version)} on {self.machine}"


class Wheel(NamedTuple):
    """``version``, the least ``glibc`` it runs with, and what it requires."""

    version: str
    glibc: tuple[int, int]
    requires: list[Requirement]


def find(host: Host, names: set[str]) -> dict[str, Wheel]:
    """Return the wheels of the pinned packages ``names`` for ``host``, by normal name.

    Raises ``ChainError`` where one is not pinned, or pip finds no wheel of it, or no index.
    """
    version, machine = host
    pins = parts.pins_for(version, machine)
    loose = names - pins.keys()
    if loose:
        raise ChainError(f"{host}: {' '.join(sorted(loose))} must be pinned in {parts.PINS.name}.")
    command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--report=-"]
    command += ["--target=none", "--implementation=cp", f"--python-version={_text(version)}"]
    tags = [*_LEGACY, *(f"manylinux_2_{minor}" for minor in _MINORS)]
    command += [f"--platform={tag}_{machine}" for tag in tags]
    command += [f"{name}=={pins[name]}" for name in sorted(names)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        lacking = re.search(r"No matching distribution found for (\S+)", asked.stderr)
        what = f"no wheel of {lacking[1]}" if lacking else "no package index"
        raise ChainError(f"{host}: pip finds {what}; check the network and {parts.PINS.name}.")
    return {
        parts.normal(entry["metadata"]["name"]): _wheel(entry)
        for entry in json.loads(asked.stdout)["install"]
    }


def _wheel(entry: dict[str, Any]) -> Wheel:
    name = entry["download_info"]["url"].rpartition("/")[2]
    known = [_LEGACY[tag] for tag in re.findall(r"manylinux\d+(?=_)", name) if tag in _LEGACY]
    known += [(int(a), int(b)) for a, b in re.findall(r"manylinux_(\d+)_(\d+)_", name)]
    required = [Requirement(text) for text in entry["metadata"].get("requires_dist", [])]
    return Wheel(entry["metadata"]["version"], min(known, default=(0, 0)), required)


def needs(host: Host, wheel: Wheel, extras: frozenset[str]) -> list[Requirement]:
    """Return what ``wheel`` with its ``extras`` requires on ``host``.

    Not what pip would say, which takes the markers' values from the interpreter that it runs on.
    """
    version = _text(host.version)
    known = {"python_version": version, "python_full_version": f"{version}.0"}
    known |= {"platform_machine": host.machine, "platform_system": "Linux", "sys_platform": "linux"}
    known |= {"os_name": "posix", "implementation_name": "cpython"}
    known |= {"platform_python_implementation": "CPython"}
    return [
        need
        for need in wheel.requires
        if not need.marker
        or any(need.marker.evaluate(known | {"extra": extra}) for extra in ("", *extras))
    ]


def follow(which: list[str], host: Host, wheels: dict[str, Wheel]) -> dict[str, Wheel]:
    """Return all that the parts ``which`` bring on ``host``; what ``wheels`` lacks is added.

    Raises ``ChainError`` as ``find`` does, and where a pin is not a version that is asked for.
    """
    found: dict[str, Wheel] = {}
    queue = {(parts.normal(name), frozenset()) for name in parts.pinned(which, *host)}
    seen = set(queue)
    while queue:
        lacking = {name for name, _ in queue} - wheels.keys()
        wheels |= find(host, lacking) if lacking else {}
        found |= {name: wheels[name] for name, _ in queue}
        following = [(name, need) for name, e in queue for need in needs(host, wheels[name], e)]
        queue = {(parts.normal(need.name), frozenset(need.extras)) for _, need in following} - seen
        seen |= queue
        pins = parts.pins_for(*host)
        for name, need in following:
            pin = pins.get(parts.normal(need.name))
            if pin and not need.specifier.contains(pin, prereleases=True):
                raise ChainError(f"{host}: {name} needs {need}, and the pin is {pin}; change one.")
    return found


def check(host: Host, names: list[str]) -> str:
    """Return a line that says what glibc each part of ``names`` needs on ``host``.

    Raises ``ChainError`` as ``follow`` does, and where that is more than the project says.
    """
    wheels: dict[str, Wheel] = {}
    follow(names, host, wheels)  # together: pip is asked a few times, not a few times a part
    line = []
    for part in names:
        glibc = max(wheel.glibc for wheel in follow([part], host, wheels).values())
        line.append(f"{part} {_text(glibc)}")
        said = engines.least_glibc(part, host.machine)
        if glibc > _GLIBC and _text(glibc) != said:
            raise ChainError(f"{host}: {part} needs glibc {_text(glibc)}; say so in engines.mk.")
    return f"{host}: wheels of all that is needed; glibc for {', '.join(line)}"


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pythons", nargs="+", required=True, help="such as 3.10 3.11")
    parser.add_argument("--machines", nargs="+", required=True, help="such as x86_64 aarch64")
    parser.add_argument("--parts", nargs="+", default=list(parts.by_part()))
    args = parser.parse_args()
    versions = [tuple(map(int, text.split("."))) for text in args.pythons]
    hosts = [Host(*both) for both in product(versions, args.machines)]
    with ThreadPoolExecutor(4) as pool:
        for line in pool.map(lambda host: check(host, args.parts), hosts):
            print(line, flush=True)


if __name__ == "__main__":
    exit_with(main)
