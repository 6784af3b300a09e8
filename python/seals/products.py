"""Writing products: whole or not at all, on the disk and not only in memory, and sealed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import files, records
from seals.ledger import seal_for
from seals.seal import check, digest, encode, place, refuse_rotten_source


@contextmanager
def product(path: Path, parts: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; on success it replaces ``path`` and is sealed.

    As ``common.files.replacing``. ``parts`` are further files in its folder that it is of no use
    without; they are looked at when all is written.
    """
    with files.replacing(path) as temporary:
        yield temporary
        seal(path, temporary, {part.name: part for part in parts})


def begin(target: Path) -> None:
    """Remove ``target``, what make looks at, before the first of what is written beside it.

    Where a step runs because one of those was gone, the target alone would not have it run again
    after it was killed among them.
    """
    files.remove(target)


def seal(
    path: Path, content: Path, parts: dict[str, Path] | None = None, kept: bool = True
) -> None:
    """Seal ``path``, which will hold what is in ``content``; ``parts`` by name likewise.

    Unless it is ``kept``, as a cache is not, later products do not count as made of it.

    The seal comes first: a step that is killed in between is run again, because its target is
    still the old one, and then seals anew.
    """
    sums = {name: digest(part) for name, part in (parts or {}).items()}
    made = seal_for(path, digest(content), sums, kept)
    refuse_rotten_source(made, path)
    with files.replacing(place(path)) as temporary:
        temporary.write_text(encode(made), encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write and seal ``value`` as ``common.files.write_json`` does."""
    with product(path) as temporary:
        temporary.write_text(files.as_json(value), encoding="utf-8")


def read_json(path: Path, moved: bool = False) -> dict[str, Any]:
    """Return the JSON object in ``path``, checked against its seal, as ``seals.seal.check`` does.

    Raises ``ChainError`` where it is missing, rotten, or holds anything else.
    """
    if path.exists():
        check(path, moved)
    return records.read_json(path)
