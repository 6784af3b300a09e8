"""A source of inputs: what kind it is, its inputs in a fixed order, and the bytes of each."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from common.errors import ChainError
from dataset import photograph

PICTURES, TAR, PARQUET, BIN = "pictures", "tar", "Parquet", "verification .bin"
_SUFFIXES = dict.fromkeys(photograph.SUFFIXES, PICTURES) | {".tar": TAR, ".parquet": PARQUET}
KINDS = f"pictures ({' '.join(photograph.SUFFIXES)}), .tar files or .parquet files"


class Input(NamedTuple):
    """A row of a listing (``layout.LISTING_SCHEMA``). ``bytes`` is None where only reading tells.

    ``modified_ns`` is of the file; ``offset`` is where in the file the input is, as its kind
    counts.
    """

    key: str
    label: str | None
    file: str
    offset: int
    bytes: int | None
    modified_ns: int


class UnreadableError(Exception):
    """One clause that says why an input cannot be read; it names the input by its key."""


class Source(ABC):
    """Inputs in the files below ``root``, or in the file ``only``, in one order whenever listed.

    Files are found again by their names below ``root``; the last one that was read stays open.
    """

    kind: str

    def __init__(self, root: Path, only: str | None = None) -> None:
        self.root, self._only = root, only
        self._name: str | None = None
        self._file: IO[bytes] | None = None

    @abstractmethod
    def inputs(self) -> Iterator[Input]:
        """Yield the inputs; ``ChainError`` where a file is not what its name says."""

    @abstractmethod
    def content(self, one: Input) -> bytes:
        """Return the encoded picture of ``one``, at most a byte more than a picture may have.

        Raises ``UnreadableError`` where it is not what was listed. In one thread at a time.
        """

    def paths(self) -> Iterator[Path]:
        """Yield the files that are to be listed."""
        if self._only:
            yield self.root / self._only
        else:
            yield from (Path(entry.path) for entry in files(self.root, self.kind))

    def opened(self, one: Input) -> IO[bytes]:
        """Return the file that holds ``one``; ``UnreadableError`` if it is gone or has changed."""
        if self._name != one.file or self._file is None:
            self.close()
            try:
                self._file = (self.root / one.file).open("rb")
            except OSError as error:
                raise UnreadableError(
                    f"{one.key} cannot be opened any more ({error.strerror})"
                ) from None
            self._name = one.file
        if os.fstat(self._file.fileno()).st_mtime_ns != one.modified_ns:
            raise UnreadableError(f"{one.key} has changed since it was listed")
        return self._file

    def close(self) -> None:
        """Close the file that was read last."""
        if self._file is not None:
            self._file.close()
        self._name = self._file = None


def at(file: IO[bytes], one: Input, length: int) -> bytes:
    """Return ``length`` bytes of ``file`` from ``one.offset`` on, or what a picture may have."""
    try:
        file.seek(one.offset)
        content = file.read(min(length, photograph.LARGEST_FILE + 1))
    except OSError as error:
        raise UnreadableError(f"{one.key} cannot be read ({error.strerror})") from None
    if not content:
        raise UnreadableError(f"{one.key} is empty")
    return content


def kind_of(name: str) -> str | None:
    """Return what a file ``name`` below a source is by its suffix; None for anything else."""
    # Without pathlib: this and ``below`` are most of what it costs to list a tree.
    stem, _, suffix = name.rpartition(".")
    return _SUFFIXES.get(f".{suffix.lower()}") if stem else None


def files(root: Path, kind: str) -> Iterator[os.DirEntry]:
    """Yield the files of ``kind`` below ``root`` in the order of their names, folder by folder.

    Raises ``ChainError`` where there are files of another kind too: they would be left out.
    """
    for entry in _walk(root, ()):
        found = kind_of(entry.name)
        if found == kind:
            yield entry
        elif found:
            raise ChainError(
                f"SRC={root} holds {kind} files and {found} files ({entry.path}); give one kind at "
                "a time."
            )


def first_kind(root: Path) -> str:
    """Return the kind of the first file below ``root`` that is of one; ``ChainError`` if none."""
    for entry in _walk(root, ()):
        if found := kind_of(entry.name):
            return found
    raise ChainError(f"SRC={root} holds no {KINDS}; give a folder that does.")


def _walk(folder: Path | str, around: tuple[tuple[int, int], ...]) -> Iterator[os.DirEntry]:
    # Names of one folder at a time, and of those around it.
    try:
        with os.scandir(folder) as found:
            entries = sorted(
                (e for e in found if not e.name.startswith(".")), key=lambda entry: entry.name
            )
    except OSError as error:
        raise ChainError(f"{folder} cannot be listed ({error.strerror}).") from None
    here = Path(folder).stat()
    around = (*around, (here.st_dev, here.st_ino))
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise ChainError(
                f"a name in {folder} is not UTF-8 ({entry.name!a}); rename it."
            ) from None
        if entry.is_dir():
            inside = entry.stat()
            if (inside.st_dev, inside.st_ino) in around:
                raise ChainError(f"{entry.path} is a link to a folder around it; remove the link.")
            yield from _walk(entry.path, around)
        elif kind_of(entry.name):
            yield entry


def below(root: Path, path: str | Path) -> str:
    """Return ``path``, which is in ``root``, as it is called below it."""
    return os.fspath(path).removeprefix(os.fspath(root)).lstrip("/")
