"""A collection's manifest: begun, gone on with, completed; and which shards are still to do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collection import identity, layout, listing
from collection.kinds import open_source
from collection.settings import Settings
from collection.storage import Storage
from common.errors import ChainError
from common.machine import here_and_now

INFERENCE, READING = "inference", "reading"
# Of the time of a run: what the engine may wait for its supply before that is called the limit.
_MOST_WAITED = 0.03
# Of the table of unreadable inputs: how many are held before they are written.
_ROWS = 10_000


def begin(
    settings: Settings,
    configuration: dict[str, Any],
    shard_inputs: int,
    watch: Callable[[Iterable], Iterable],
) -> dict[str, Any]:
    """List the source and return the manifest of ``settings.out``, written there if it is new.

    ``configuration`` is a worker's; ``watch`` is laid around the shards as they are listed. Raises
    ``ChainError`` for an empty or damaged source, one that is not what it was, and where the
    folder has another collection.
    """
    storage, source = Storage(settings.out), open_source(Path(settings.source))
    old = layout.read_manifest(storage)
    mine = {
        "format": layout.FORMAT,
        "source": settings.source,
        "kind": source.kind,
        "shard_inputs": shard_inputs,
        "configuration": configuration,
        "dtype": settings.dtype,
    }
    if old is None and storage.names("embeddings"):
        raise ChainError(
            f"{settings.out} holds embeddings without {layout.MANIFEST}; give another OUT=."
        )
    if old is not None:
        identity.refuse_others(
            mine | {"listing_sha256": old.get("listing_sha256")}, old, settings.out
        )
        if old["shard_inputs"] != shard_inputs:
            raise ChainError(
                f"{settings.out} has SHARD={old['shard_inputs']}, not {shard_inputs}; "
                "give the same, or another OUT=."
            )
    tables = watch(listing.tables(source, shard_inputs))
    listed = listing.keep(tables, storage, old["shards"] if old else None)
    if old is not None:
        return old
    mine |= {
        "shards": listed.shards,
        "inputs": listed.inputs,
        "bytes": listed.bytes,
        "listing_sha256": listed.sha256,
    }
    mine |= {"identity": identity.of(mine), "complete": False} | here_and_now()
    layout.write_json(storage, layout.MANIFEST, mine)
    return mine


def remaining(
    storage: Storage, manifest: dict[str, Any], watch: Callable[[Iterable], Iterable]
) -> tuple[list[int], int]:
    """Return the shards that are to do, and how many of them are there but damaged.

    The files of those are removed. Raises ``ChainError`` for a shard of another collection.
    """
    todo, damaged = [], 0
    for shard in watch(range(manifest["shards"])):
        content = storage.read(layout.done_name(shard))
        if content is None:
            todo.append(shard)
        elif not _verified(storage, manifest, shard, content):
            storage.remove(layout.done_name(shard))
            storage.remove(layout.embeddings_name(shard))
            todo.append(shard)
            damaged += 1
    return todo, damaged


def _verified(storage: Storage, manifest: dict[str, Any], shard: int, content: bytes) -> bool:
    try:
        record = json.loads(content)
        of, size, digest = (record[key] for key in ("identity", "bytes", "sha256"))
    except (ValueError, KeyError, TypeError):
        return False
    if of != manifest["identity"]:
        raise ChainError(
            f"{storage.address}/{layout.done_name(shard)} is of another collection; give another "
            "OUT=."
        )
    embeddings = storage.read(layout.embeddings_name(shard))
    return embeddings is not None and (len(embeddings), layout.digest(embeddings)) == (size, digest)


def finish(
    storage: Storage, manifest: dict[str, Any], inputs: int, seconds: float, waited: float
) -> dict[str, Any]:
    """Write the table of unreadable inputs and the manifest of what is complete now; return it.

    ``inputs`` were read in this run, which took ``seconds``, of which the engine ``waited`` for
    its supply. A run that had nothing to do keeps the figures of the one before.
    """
    rows = unreadable = 0
    table, bad = io.BytesIO(), []
    with pq.ParquetWriter(table, layout.UNREADABLE_SCHEMA, compression="zstd") as writer:
        for record in _records(storage, manifest):
            rows += record["rows"]
            unreadable += len(record["unreadable"])
            bad += [one | {"shard": record["shard"]} for one in record["unreadable"]]
            if len(bad) >= _ROWS:
                writer.write_table(pa.Table.from_pylist(bad, layout.UNREADABLE_SCHEMA))
                bad.clear()
        writer.write_table(pa.Table.from_pylist(bad, layout.UNREADABLE_SCHEMA))
    if rows + unreadable != manifest["inputs"]:
        raise ChainError(
            f"{storage.address} has {rows} rows and {unreadable} unreadable inputs of "
            f"{manifest['inputs']}; give another OUT=."
        )
    storage.write(layout.UNREADABLE, table.getvalue())
    for name in storage.names(layout.PIECES):
        storage.remove(name)
    done = manifest | {"complete": True, "rows": rows, "unreadable": unreadable}
    if inputs:
        done |= {
            "seconds": round(seconds, 3),
            "rate": round(inputs / seconds, 2),
            "limit": READING if waited > _MOST_WAITED * seconds else INFERENCE,
        } | here_and_now()
    layout.write_json(storage, layout.MANIFEST, done)
    return done


def _records(storage: Storage, manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for shard in range(manifest["shards"]):
        content = storage.read(layout.done_name(shard))
        if content is None:
            raise ChainError(
                f"{storage.address}/{layout.done_name(shard)} is missing; run make embed again."
            )
        yield json.loads(content)
