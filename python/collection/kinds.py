"""SRC -> the source that it is: found out by looking at what is there."""

from pathlib import Path

from collection import sources
from collection.bin_source import BinSource
from collection.folder_source import FolderSource
from collection.parquet_source import ParquetSource
from collection.sources import Source
from collection.tar_source import TarSource
from common.errors import ChainError


def open_source(path: Path) -> Source:
    """Return the source ``path``: a folder of one kind of files, a .bin, .tar or .parquet.

    Raises ``ChainError`` where it is missing, none of these, or a folder without any.
    """
    if path.is_dir():
        kind = sources.first_kind(path)
        of = {
            sources.PICTURES: FolderSource,
            sources.TAR: TarSource,
            sources.PARQUET: ParquetSource,
        }
        return of[kind](path)
    if not path.exists():
        raise ChainError(f"SRC={path} is missing; give a folder or file of pictures.")
    alone = {".bin": BinSource, ".tar": TarSource, ".parquet": ParquetSource}
    if path.suffix.lower() not in alone:
        raise ChainError(
            f"SRC={path} is no .bin, .tar or .parquet; give one of these, or a folder."
        )
    return alone[path.suffix.lower()](path.parent, path.name)
