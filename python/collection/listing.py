"""Source -> shards: which inputs each of them is made of, the same ones whenever it is listed."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from collection import layout
from collection.sources import Input, Source
from collection.storage import Storage
from common.errors import ChainError


class Listed(NamedTuple):
    """``bytes``: of all inputs together, None where only reading tells; ``sha256``: of all."""

    shards: int
    inputs: int
    bytes: int | None
    sha256: str


def tables(source: Source, size: int) -> Iterator[pa.Table]:
    """Yield the listing of each shard of ``size`` inputs, the last one of those that are left."""
    inputs = source.inputs()
    while part := list(itertools.islice(inputs, size)):
        columns = zip(*part, strict=True)
        yield pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, layout.LISTING_SCHEMA, strict=True)],
            schema=layout.LISTING_SCHEMA,
        )


def digest(table: pa.Table) -> str:
    """Return the SHA-256 of what ``table`` lists, whichever pyarrow wrote it."""
    return layout.digest(json.dumps(table.to_pydict(), sort_keys=True).encode())


def keep(listing: Iterator[pa.Table], storage: Storage, known: int | None) -> Listed:
    """Write ``listing`` to ``storage``; where it has one of ``known`` shards, compare instead.

    Raises ``ChainError`` where there is no input, and where the source is not what it was.
    """
    every, shards, inputs, size = hashlib.sha256(), 0, 0, 0
    for table in listing:
        if known is None:
            storage.write(layout.listing_name(shards), layout.to_parquet(table))
        elif shards >= known or not _stored(storage, shards).equals(table):
            raise _changed(storage, shards)
        every.update(digest(table).encode())
        column = table.column("bytes").to_pylist()
        size = None if size is None or None in column else size + sum(column)
        shards, inputs = shards + 1, inputs + len(table)
    if not shards:
        raise ChainError("SRC= holds no input; give a folder or file of pictures.")
    if known is not None and shards < known:
        raise _changed(storage, shards)
    return Listed(shards, inputs, size, every.hexdigest())


def read(storage: Storage, shard: int) -> list[Input]:
    """Return the inputs of ``shard`` as the listing in ``storage`` has them."""
    return [Input(*row.values()) for row in _stored(storage, shard).to_pylist()]


def _stored(storage: Storage, shard: int) -> pa.Table:
    name = layout.listing_name(shard)
    content = storage.read(name)
    try:
        if content is None:
            raise pa.ArrowInvalid("missing")
        table = pq.read_table(io.BytesIO(content))
        if not table.schema.equals(layout.LISTING_SCHEMA):
            raise pa.ArrowInvalid("other columns")
    except (pa.ArrowException, OSError):
        raise ChainError(
            f"{storage.address}/{name} is missing or damaged; give another OUT=."
        ) from None
    return table


def _changed(storage: Storage, shard: int) -> ChainError:
    return ChainError(
        f"SRC= is not what it was when {storage.address} was begun: shard {shard} has other "
        "inputs; give another OUT=."
    )
