"""Parquet files with a column of pictures, as HuggingFace's data sets have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collection import sources
from collection.sources import Input, Source, UnreadableError
from common.errors import ChainError

PICTURE, LABEL, KEYS = "image", "label", ("key", "__key__", "path")
# Rows that are held at a time, of pictures and of keys.
_ROWS, _KEYS = 64, 10_000


class ParquetSource(Source):
    """Key: the column key, __key__ or path, else the file's name and the row. Offset: the row.

    Label: the column label. The pictures are the column image, or the only one of bytes.
    """

    kind = sources.PARQUET

    def __init__(self, root: Path, only: str | None = None) -> None:
        super().__init__(root, only)
        self._rows: Iterator[Any] = iter(())
        # Of the file that is open: which row comes next, and what kind of file it is.
        self._next, self._parquet, self._column = 0, None, ""

    def inputs(self) -> Iterator[Input]:
        for path in self.paths():
            with path.open("rb") as file:
                yield from self._inputs_of(path, opened(file, path))

    def _inputs_of(self, path: Path, parquet: pq.ParquetFile) -> Iterator[Input]:
        name, modified = sources.below(self.root, path), path.stat().st_mtime_ns
        picture_column(parquet.schema_arrow, path)
        names = parquet.schema_arrow.names
        wanted = [column for column in KEYS if column in names][:1]
        wanted += [LABEL] if LABEL in names else []
        row = 0
        try:
            if not wanted:
                for row in range(parquet.metadata.num_rows):
                    yield Input(f"{name}/{row}", None, name, row, None, modified)
                return
            for batch in parquet.iter_batches(_KEYS, columns=wanted):
                columns = {column: batch.column(column).to_pylist() for column in wanted}
                keys = columns[wanted[0]] if wanted[0] != LABEL else [None] * len(batch)
                labels = columns.get(LABEL, [None] * len(batch))
                for key, label in zip(keys, labels, strict=True):
                    text = f"{name}/{row}" if key is None else str(key)
                    said = None if label is None else str(label)
                    yield Input(text, said, name, row, None, modified)
                    row += 1
        except (pa.ArrowException, UnicodeDecodeError):
            raise _damaged(path) from None

    def content(self, one: Input) -> bytes:
        known = self._name == one.file and self._file is not None
        file = self.opened(one)
        try:
            if not known:
                self._parquet = opened(file, self.root / one.file)
                self._column = picture_column(self._parquet.schema_arrow, self.root / one.file)
            if not known or one.offset < self._next:
                self._begin(one.offset)
            while self._next <= one.offset:
                value = next(self._rows)
                self._next += 1
        except (pa.ArrowException, OSError, ChainError, StopIteration):
            self.close()
            raise UnreadableError(f"{one.key} cannot be read: its file is damaged") from None
        if not value:
            raise UnreadableError(f"{one.key} is empty")
        return value

    def _begin(self, row: int) -> None:
        """Read on from the group of rows that ``row`` is in."""
        groups = self._parquet.metadata
        first, group = 0, 0
        while row >= first + groups.row_group(group).num_rows:
            first += groups.row_group(group).num_rows
            group += 1
        self._next = first
        self._rows = self._values(range(group, groups.num_row_groups))

    def _values(self, groups: range) -> Iterator[bytes | None]:
        batches = self._parquet.iter_batches(
            _ROWS, row_groups=groups, columns=[self._column], use_threads=False
        )
        for batch in batches:
            column = batch.column(0)
            yield from (column.field(0) if pa.types.is_struct(column.type) else column).to_pylist()


def opened(file: Any, path: Path) -> pq.ParquetFile:
    """Return the Parquet file ``path``, open as ``file``; a group of rows is read bit by bit."""
    try:
        return pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowException, OSError):
        raise _damaged(path) from None


def picture_column(schema: pa.Schema, path: Path) -> str:
    """Return the column of ``schema`` that holds pictures, as Parquet names it.

    Raises ``ChainError``, which names the columns, where there is none, or several.
    """
    found = {field.name: column for field in schema if (column := _of_bytes(field))}
    if PICTURE in found:
        return found[PICTURE]
    if len(found) == 1 and PICTURE not in schema.names:
        return next(iter(found.values()))
    what = f"several columns of bytes ({', '.join(found)})" if found else "no column of pictures"
    if PICTURE in schema.names:
        what = f"a column {PICTURE} of {schema.field(PICTURE).type}, which holds no pictures"
    raise ChainError(
        f"{path} has {what}; give one with a column {PICTURE} of bytes (its columns: "
        f"{', '.join(schema.names[:20])})."
    )


def _of_bytes(field: pa.Field) -> str | None:
    kind = field.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return field.name
    if pa.types.is_struct(kind):
        inner = [f for f in kind if f.name == "bytes"]
        if inner and _of_bytes(inner[0]):
            return f"{field.name}.bytes"
    return None


def _damaged(path: Path) -> ChainError:
    return ChainError(f"{path} is no Parquet file, damaged or cut short; get a fresh copy.")
