"""Every product in some folders, held against its seal, and every seal against what it names."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError
from seals.seal import FOLDER, Seal, check, digest, name_of, place, remedy

_NO_PRODUCTS = ("README.md", "log")
SOUND, ROTTEN, OUTDATED, UNKNOWN = "sound", "rotten", "outdated", "unknown"


class Finding(NamedTuple):
    """``state`` of the product ``path``; ``why``, and what to do, where it is not sound."""

    path: Path
    state: str
    why: str = ""


def walk(folders: list[Path]) -> Iterator[Finding]:
    """Yield what is known of each product below ``folders``, and of what nothing is known.

    A product is outdated where something that it was made of has changed since. A file that no step
    made is unknown, unless a product was made of it as it is.
    """
    sound: dict[str, Seal] = {}
    covered: set[Path] = set()
    for path in _sealed(folders):
        covered.add(path)
        try:
            seal = check(path, moved=True)
        except ChainError as error:
            yield Finding(path, ROTTEN, str(error))
            continue
        sound[name_of(path)] = seal
        covered |= {path.parent / part for part in seal.parts}
    sums: dict[str, str] = {name: seal.sha256 for name, seal in sound.items()}
    sources: set[str] = set()
    for name, seal in sound.items():
        changed = _changed(seal, sums)
        sources |= seal.sources.keys() - {changed}
        if not changed:
            yield Finding(Path(name), SOUND)
        else:
            why = f"{name} was made of another {changed}; {remedy(Path(name), seal)}."
            yield Finding(Path(name), OUTDATED, why)
    for path in _products(folders):
        if path in covered or any(path in known.parents for known in covered):
            continue
        if name_of(path) in sources:
            yield Finding(path, SOUND)
        else:
            yield Finding(path, UNKNOWN, f"{path} has no seal, and nothing here was made of it.")


def _changed(seal: Seal, sums: dict[str, str]) -> str | None:
    """Return the first file that ``seal`` names and that is there with another content."""
    for name, expected in (seal.sources | seal.made_of).items():
        if name not in sums and Path(name).exists() and not place(Path(name)).exists():
            sums[name] = digest(Path(name))
        if sums.get(name, expected) != expected:
            return name
    return None


def _sealed(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for record in sorted(folder.rglob(f"{FOLDER}/*.json")):
            path = record.parent.parent / record.name.removesuffix(".json")
            # The seal of what was removed says nothing.
            if not record.name.startswith(".") and path.exists():
                yield path


def _products(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and path.name not in _NO_PRODUCTS:
                yield path
