"""Tar files as WebDataset has them: the members of one name before the suffix belong together."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from collection import sources
from collection.sources import Input, Source, UnreadableError
from common.errors import ChainError

LABEL = ".cls"
# A label is a class number or a name.
_LONGEST_LABEL = 1 << 10


class _Member(NamedTuple):
    stem: str
    suffix: str
    offset: int
    size: int


class TarSource(Source):
    """Key: a member's name without its suffix. Offset: where its bytes begin in the tar file.

    Label: what the member of the same key and the suffix .cls holds, else the member's folder.
    """

    kind = sources.TAR

    def inputs(self) -> Iterator[Input]:
        for path in self.paths():
            yield from self._inputs_of(path)

    def _inputs_of(self, path: Path) -> Iterator[Input]:
        name, modified = sources.below(self.root, path), path.stat().st_mtime_ns
        with path.open("rb") as file:
            together: list[_Member] = []
            for member in _members(path):
                if together and member.stem != together[0].stem:
                    yield from self._sample(together, file, name, modified)
                    together = []
                together.append(member)
            yield from self._sample(together, file, name, modified)

    @staticmethod
    def _sample(members: list[_Member], file, name: str, modified: int) -> Iterator[Input]:
        label = members[0].stem.rpartition("/")[0] or None if members else None
        for member in members:
            if member.suffix == LABEL:
                file.seek(member.offset)
                text = file.read(min(member.size, _LONGEST_LABEL))
                label = text.decode("utf-8", "replace").strip() or label
        for member in members:
            if sources.kind_of(f"x{member.suffix}") == sources.PICTURES:
                yield Input(member.stem, label, name, member.offset, member.size, modified)

    def content(self, one: Input) -> bytes:
        content = sources.at(self.opened(one), one, one.bytes) if one.bytes else b""
        if not content:
            raise UnreadableError(f"{one.key} is empty")
        return content


def _members(path: Path) -> Iterator[_Member]:
    """Yield what the tar file ``path`` holds; memory does not grow with it.

    Raises ``ChainError`` for a compressed or damaged one, and for one that lacks its end: the
    ``tarfile`` module takes a damaged header for the end, and loses what is behind it.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()
                folder, slash, name = member.name.rpartition("/")
                stem, dot, suffix = name.rpartition(".")
                if not dot or name.startswith("."):
                    continue
                # A link has no bytes of its own: it is told as empty, not left out.
                size = member.size if member.isreg() and not member.sparse else 0
                whole = _printable(folder + slash + stem)
                yield _Member(whole, f".{suffix.lower()}", member.offset_data, size)
            tar.fileobj.seek(tar.offset)
            end = tar.fileobj.read(tarfile.BLOCKSIZE)
    except (tarfile.TarError, EOFError, ValueError) as error:
        empty = isinstance(error, tarfile.ReadError) and not path.stat().st_size
        said = "it is empty" if empty else "no tar file, compressed, damaged or cut short"
        raise ChainError(f"{path} cannot be read ({said}); get a fresh copy.") from None
    if end != bytes(tarfile.BLOCKSIZE):
        raise ChainError(
            f"{path} is damaged or cut short at byte {tar.offset:,}; get a fresh copy."
        )


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
