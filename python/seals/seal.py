"""One seal: its form on disk, its place, and whether its product still is what it says."""

import hashlib
import json
import os
import shlex
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.checksum import sha256
from common.errors import ChainError
from common.machine import usable_cpus

FOLDER = ".seal"
# Made by make for its steps: goals, then VARIABLE=value, each on a line of its own.
_COMMAND = "MAKE_COMMAND_LINE"


@dataclass(frozen=True)
class Seal:
    """``sha256`` of the product ``name``, of its further files (``parts``), of what the step read
    and had written before (``made_of``), and of what people brought for all of that (``sources``),
    of which ``seen`` has size and time in ns.

    ``step`` is the door that wrote it, ``command`` the make command that ran it.
    """

    name: str
    sha256: str
    step: str
    command: list[str]
    made_of: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    seen: dict[str, list[int]] = field(default_factory=dict)


class Rotten(ChainError):
    """A product that is not as it was written, or whose seal is not."""


class Unsealed(ChainError):
    """A product without a seal."""


def name_of(path: Path) -> str:
    """Return how seals name ``path``: as seen from the working folder, if it is below that."""
    # Not resolved: a folder may be a link to a larger disk.
    absolute = Path(os.path.normpath(path.absolute()))
    inside = absolute.is_relative_to(Path.cwd())
    return str(absolute.relative_to(Path.cwd()) if inside else absolute)


def place(path: Path) -> Path:
    """Return where the seal of ``path`` is."""
    return path.parent / FOLDER / f"{path.name}.json"


def digest(path: Path) -> str:
    """Return the SHA-256 of the file ``path``; of a folder, that of its files' names and sums."""
    if not path.is_dir():
        return sha256(path)
    # Only where it is needed: what prints results starts at once.
    from concurrent.futures import ThreadPoolExecutor

    files = sorted(entry for entry in path.rglob("*") if not entry.is_dir())
    with ThreadPoolExecutor(usable_cpus()) as pool:
        sums = pool.map(sha256, files)
        lines = [f"{one} {file.relative_to(path)}\n" for one, file in zip(sums, files, strict=True)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def make_command() -> list[str]:
    """Return the goals and variables that make was called with; nothing where it was not."""
    lines = os.environ.get(_COMMAND, "").split("\n")
    return [word for line in lines if (word := line.strip())]


def encode(seal: Seal) -> str:
    """Return ``seal`` as its file holds it, with a checksum of its own."""
    content = asdict(seal)
    return json.dumps(content | {"seal": _own(content)}, indent=1) + "\n"


def _own(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load(path: Path) -> Seal:
    """Return the seal of ``path``; raises ``Unsealed`` where there is none, else ``Rotten``."""
    found = _read(path)
    if found is None:
        what = f"{place(path)} is damaged, so nothing says that {path} is whole"
        raise Rotten(f"{what}; {remedy(path)}.")
    return found


def _read(path: Path) -> Seal | None:
    try:
        content = json.loads(place(path).read_text(encoding="utf-8"))
        return Seal(**content) if content.pop("seal") == _own(content) else None
    except FileNotFoundError:
        raise Unsealed(
            f"{path} has no seal, so nothing says that it is whole; remove it and run make again."
        ) from None
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None


def check(path: Path, moved: bool = False) -> Seal:
    """Return the seal of ``path`` once product and parts have proved to be as it says.

    With ``moved`` its folder may have another name than when it was sealed. Raises ``Rotten`` or
    ``Unsealed``.
    """
    seal = load(path)
    # Folder and name: the project as a whole may be anywhere.
    parts = Path(seal.name).parts[-1 if moved else -2 :]
    if path.absolute().parts[-len(parts) :] != parts:
        raise Rotten(f"{path} has the seal of {seal.name}; {remedy(path)}.")
    if not path.exists():
        raise Rotten(f"{path} is missing; {remedy(path, seal)}.")
    if digest(path) != seal.sha256:
        # A step that is writing it puts the seal in place first.
        time.sleep(0.2)
        seal = load(path)
        if digest(path) != seal.sha256:
            raise Rotten(f"{path} is not as {seal.step} wrote it; {remedy(path, seal)}.")
    for part, expected in seal.parts.items():
        beside = path.parent / part
        if not beside.exists() or digest(beside) != expected:
            state = "is not as it was written" if beside.exists() else "is missing"
            raise Rotten(f"{beside}, a part of {path}, {state}; {remedy(beside, seal)}.")
    return seal


def refuse_mixed(folder: Path) -> None:
    """Raise ``Rotten`` where files in ``folder`` were written in folders of different names.

    A folder of results may be renamed; its files stay together.
    """
    names = set()
    for record in (folder / FOLDER).glob("[!.]*.json"):
        product = folder / record.name.removesuffix(".json")
        found = _read(product) if product.exists() else None
        names |= {Path(found.name).parent.name} if found else set()
    if len(names) > 1:
        raise Rotten(
            f"the files in {folder} were written in {' and '.join(sorted(names))}; remove it and "
            "run make again."
        )


def refuse_rotten_source(seal: Seal, path: Path) -> None:
    """Raise ``Rotten`` where a source of ``seal``, which ``path`` is to get, has changed since the
    seal that is there, though neither its size nor its time have.
    """
    try:
        before = _read(path)
    except Unsealed:
        return
    for name, found in seal.sources.items() if before else ():
        same = before.seen.get(name) == seal.seen.get(name)
        if same and before.sources.get(name, found) != found:
            raise Rotten(
                f"{name} has changed since {path} was made of it, though not its size and time; "
                f"get a fresh copy, or touch {name} if that was meant, and run make again."
            )


def remedy(path: Path, seal: Seal | None = None) -> str:
    """Return the command that makes ``path`` anew, as a clause.

    Beside ``path`` it removes what was made of it in the same folder, which make would otherwise
    take as it is.
    """
    remove = {path}
    for other in sorted(path.parent.glob(f"{FOLDER}/*.json")):
        product = path.parent / other.name.removesuffix(".json")
        known = _read(product)
        if known is None:
            continue
        if path.name in known.parts or name_of(path) in known.made_of:
            remove.add(product)
        seal = seal or known
    paths = shlex.join(map(str, sorted(remove)))
    if not seal or not seal.command:
        return f"run rm -rf {paths} and then make as before"
    return f"to make it anew: rm -rf {paths} && {shlex.join(['make', *seal.command])}"
