"""A finished collection of embeddings, verified and read shard by shard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collection import layout
from collection.storage import Storage
from common.errors import ChainError

# What float16 makes of a length of 1 is within 2**-11 of it.
UNIT = 1e-3
# Of what is held in float32 at a time: a million of 512 numbers.
MOST_BYTES = 2**31
_REMEDY = "run make embed again with that OUT="
_NAMES = ("net", "checkpoint", "engine", "precision", "weights_sha256")
_NEEDED = {"shards": int, "inputs": int, "rows": int, "dtype": str, "identity": str}


class Shard(NamedTuple):
    """``keys`` and ``labels``: Arrow strings (n,), labels null where unknown; ``vectors``:
    float32 (n, D), of unit length."""

    keys: pa.Array | pa.ChunkedArray
    labels: pa.Array | pa.ChunkedArray
    vectors: np.ndarray


class Collection:
    """The collection at ``address``: its ``manifest``, ``rows``, ``dimension`` and shards.

    Raises ``ChainError`` where there is none, or one that make embed has not finished.
    """

    def __init__(self, address: str) -> None:
        self.storage = Storage(address)
        self.address = self.storage.address
        manifest = layout.read_manifest(self.storage)
        if manifest is None:
            raise ChainError(
                f"{address} is not a collection of embeddings, for it has no {layout.MANIFEST}; "
                "make one with make embed SRC=... OUT=..."
            )
        if manifest.get("complete") is not True:
            raise ChainError(f"{address} is not complete; {_REMEDY}, which goes on where it ended.")
        configuration = manifest.get("configuration")
        if (
            not isinstance(configuration, dict)
            or any(type(manifest.get(name)) is not kind for name, kind in _NEEDED.items())
            or any(type(configuration.get(name)) is not str for name in _NAMES)
            or type(configuration.get("dimension")) is not int
            or configuration["dimension"] < 1
            or manifest["dtype"] not in layout.DTYPES
        ):
            raise ChainError(f"{address}/{layout.MANIFEST} is damaged; {_REMEDY}.")
        if not manifest["rows"]:
            raise ChainError(f"{address} holds no embedding; look at its {layout.UNREADABLE}.")
        self.manifest = manifest
        self.configuration: dict[str, Any] = configuration
        self.rows: int = manifest["rows"]
        self.dimension: int = configuration["dimension"]

    def shards(self) -> Iterator[Shard]:
        """Yield every shard in order, each verified; ``ChainError`` at the first that is not.

        Memory is that of one shard.
        """
        rows = 0
        for number in range(self.manifest["shards"]):
            shard = self._shard(number)
            rows += len(shard.keys)
            yield shard
        if rows != self.rows:
            raise ChainError(
                f"{self.address} has {rows} embeddings, and its manifest says {self.rows}; "
                f"{_REMEDY}."
            )

    def load(self) -> Shard:
        """Return all shards as one; ``ChainError`` where their vectors take more than 2 GiB."""
        size = self.rows * self.dimension * 4
        if size > MOST_BYTES:
            raise ChainError(
                f"{self.address}: {self.rows:,} embeddings take {size / 2**20:,.0f} MiB, and "
                f"{MOST_BYTES >> 20:,} MiB is the most for this; give a part of the collection."
            )
        vectors = np.empty((self.rows, self.dimension), np.float32)
        keys, labels, first = [], [], 0
        for shard in self.shards():
            vectors[first : first + len(shard.keys)] = shard.vectors
            first += len(shard.keys)
            keys.append(shard.keys)
            labels.append(shard.labels)
        return Shard(pa.chunked_array(keys), pa.chunked_array(labels), vectors)

    def _shard(self, number: int) -> Shard:
        name = layout.embeddings_name(number)
        content = self.storage.read(name)
        sealed = self.storage.read(layout.done_name(number))
        if content is None or sealed is None:
            raise ChainError(f"{self.address}/{name} is missing or has no record; {_REMEDY}.")
        try:
            record = json.loads(sealed)
            believed = (
                record["identity"] == self.manifest["identity"]
                and record["bytes"] == len(content)
                and record["sha256"] == layout.digest(content)
            )
        except (ValueError, KeyError, TypeError):
            believed = False
        if not believed:
            raise ChainError(f"{self.address}/{name} is not what its record says; {_REMEDY}.")
        wanted = layout.embeddings_schema(self.dimension, self.manifest["dtype"])
        try:
            file = pq.ParquetFile(pa.BufferReader(content))
            # Looked at before anything is unpacked.
            fits = file.schema_arrow.equals(wanted) and file.metadata.num_rows <= self.rows
            table = file.read() if fits else None
        except (pa.ArrowException, OSError):
            raise ChainError(f"{self.address}/{name} is not a Parquet file; {_REMEDY}.") from None
        if table is None:
            raise ChainError(f"{self.address}/{name} has other columns or rows; {_REMEDY}.")
        return Shard(
            table["key"].combine_chunks(),
            table["label"].combine_chunks(),
            self._vectors(name, table["embedding"]),
        )

    def _vectors(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        values = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = values.astype(np.float32).reshape(-1, self.dimension)
        lengths = np.linalg.norm(vectors, axis=1)
        # So that NaN is caught too.
        if len(vectors) != len(column) or not (np.abs(lengths - 1) < UNIT).all():
            raise ChainError(
                f"{self.address}/{name} holds embeddings that are not of unit length; {_REMEDY}."
            )
        # float16 rounds the length too; a cosine is of the directions.
        return vectors / lengths[:, None] if self.manifest["dtype"] == "float16" else vectors
