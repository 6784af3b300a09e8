"""What a collection of embeddings looks like, in a folder or in a store.

    manifest.json                        what it is of, what made it; "complete" once all is there
    listing/shard-000000.parquet         the inputs of a shard, in order
    embeddings/shard-000000.parquet      their embeddings
    embeddings/shard-000000.json         the done record: what that file must be, to be believed
    attempts/shard-000000.json           there while that shard is begun and not done (attempts.py)
    pieces/shard-000000-000000.piece     what of it is computed, every ten seconds (pieces.py)
    unreadable.parquet                   the inputs that have no embedding, with the reasons

A shard is done when its record is there, is of this manifest, and the file it seals has its size
and SHA-256. The record is written after the file, so that a store needs no rename.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collection.storage import Storage
from common.errors import ChainError

FORMAT = 1
MANIFEST = "manifest.json"
UNREADABLE = "unreadable.parquet"
PIECES = "pieces"
DTYPES = {"float32": pa.float32(), "float16": pa.float16()}
# Of a listing: where an input is, and what it was when it was listed. `file` is below the source;
# `offset` is where it begins in that file, a row for Parquet and an image for a .bin.
LISTING_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("label", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("bytes", pa.int64()),
        ("modified_ns", pa.int64()),
    ]
)
UNREADABLE_SCHEMA = pa.schema(
    [("key", pa.string()), ("reason", pa.string()), ("shard", pa.int32()), ("row", pa.int32())]
)


def embeddings_schema(dimension: int, dtype: str) -> pa.Schema:
    """Return the columns of a shard of embeddings, ``dimension`` numbers of ``dtype`` each.

    ``row`` is the input's place in the shard's listing; inputs that cannot be read have no row
    here. ``norm`` is the length of the sum of both views' outputs before it is made 1.
    """
    return pa.schema(
        [
            ("key", pa.string()),
            ("label", pa.string()),
            ("embedding", pa.list_(DTYPES[dtype], dimension)),
            ("norm", pa.float32()),
            ("shard", pa.int32()),
            ("row", pa.int32()),
        ]
    )


def listing_name(shard: int) -> str:
    """Return the name of the listing of ``shard``."""
    return f"listing/shard-{shard:06d}.parquet"


def embeddings_name(shard: int) -> str:
    """Return the name of the embeddings of ``shard``."""
    return f"embeddings/shard-{shard:06d}.parquet"


def done_name(shard: int) -> str:
    """Return the name of the done record of ``shard``."""
    return f"embeddings/shard-{shard:06d}.json"


def attempt_name(shard: int) -> str:
    """Return the name of the note that ``shard`` is begun."""
    return f"attempts/shard-{shard:06d}.json"


def piece_name(shard: int) -> str:
    """Return how the names of the pieces of ``shard`` begin."""
    return f"{PIECES}/shard-{shard:06d}"


def digest(content: bytes) -> str:
    """Return the SHA-256 of ``content`` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def identity(values: dict[str, Any]) -> str:
    """Return the SHA-256 of ``values``, whatever their order: what makes a collection one."""
    return digest(json.dumps(values, sort_keys=True, allow_nan=False).encode())


def to_parquet(table: pa.Table) -> bytes:
    """Return ``table`` as a Parquet file. Embeddings are noise to a compressor, keys are not."""
    columns = table.column_names
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        compression={name: "zstd" for name in ("key", "label", "file") if name in columns}
        or "none",
        # A dictionary of numbers that are all different would be stored beside them.
        use_dictionary=[name for name in columns if name not in ("embedding", "norm")],
    )
    return buffer.getvalue()


def read_manifest(storage: Storage) -> dict[str, Any] | None:
    """Return the manifest of the collection in ``storage``, None where there is none.

    Raises ``ChainError`` where it is not one, or has another format.
    """
    content = storage.read(MANIFEST)
    if content is None:
        return None
    try:
        manifest = json.loads(content)
        known = manifest["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ChainError(
            f"{storage.address}/{MANIFEST} is not a manifest of this version; give another folder."
        )
    return manifest


def write_json(storage: Storage, name: str, value: dict[str, Any]) -> None:
    """Write ``value`` as the file ``name``."""
    storage.write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())
