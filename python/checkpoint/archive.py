"""The zip archive of a PyTorch checkpoint, its table of contents bounded before it is read."""

import zipfile
from pathlib import Path
from typing import BinaryIO, cast

from safe_pickle.reader import Refused

# What zipfile raises for damaged archives; RuntimeError: an encrypted entry, OverflowError and
# NotImplementedError: claims beyond any file.
DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
# An entry of the table takes 46 bytes and its name, and some 900 in memory. A checkpoint has some
# hundred tensors, and beside an optimizer three times as many.
_LARGEST_TABLE = 8 << 20


class _Bounded:
    """A file as zipfile uses it, that reads no more than the table may have while it is opened."""

    def __init__(self, file: BinaryIO):
        self._file, self.opened = file, False
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        if not self.opened and size > _LARGEST_TABLE:
            raise Refused("it has more entries than a checkpoint")
        return self._file.read(size)

    def seekable(self) -> bool:
        return True


def open_archive(path: Path) -> zipfile.ZipFile:
    """Return the zip archive ``path``; raises ``Refused`` where its table is too long, or one of
    ``DAMAGED``.
    """
    bounded = _Bounded(path.open("rb"))
    archive = zipfile.ZipFile(cast(BinaryIO, bounded))
    bounded.opened = True
    return archive


def entry(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return the content of entry ``name``, of at most ``most`` bytes, its CRC checked.

    Raises ``Refused`` where it is missing, longer, damaged or compressed.
    """
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise Refused("it is cut short or damaged") from None
    # PyTorch stores its entries as they are; a compressed one could be a bomb.
    if info.compress_type != zipfile.ZIP_STORED:
        raise Refused("it is a compressed zip archive, which PyTorch does not write")
    if info.file_size > most:
        raise Refused("its entries claim more bytes than the file has")
    try:
        return archive.read(info)
    except DAMAGED as error:
        raise Refused(f"it is damaged: {str(error) or type(error).__name__}") from None
