"""A collection is read as it was written, or refused in a sentence that names what is wrong."""

import json

import numpy as np
import pyarrow as pa
import pytest

from collection import embeddings, layout
from collection.embeddings import Collection
from collection.storage import Storage
from common.errors import ChainError
from support.seeded_collections import faces, write


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "gallery", *faces(1, 20, 4))


def test_shards_come_in_order_and_together_are_the_whole(tmp_path):
    vectors, labels = faces(2, 20, 4)
    labels[3] = None
    collection = Collection(str(write(tmp_path / "g", vectors, labels, shards=4)))
    shards = list(collection.shards())
    assert len(shards) == 4
    whole = collection.load()
    assert whole.labels.to_pylist() == labels == [x for s in shards for x in s.labels.to_pylist()]
    assert whole.keys.to_pylist() == [x for s in shards for x in s.keys.to_pylist()]
    assert np.array_equal(whole.vectors, vectors) and whole.vectors.dtype == np.float32
    assert np.array_equal(np.concatenate([s.vectors for s in shards]), vectors)


def test_float16_is_made_of_unit_length_again(tmp_path):
    vectors, labels = faces(3, 20, 4)
    found = Collection(str(write(tmp_path / "g", vectors, labels, dtype="float16"))).load().vectors
    assert found.dtype == np.float32
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    assert np.abs(found - vectors).max() < 1e-3


def test_a_shard_without_rows_is_one(tmp_path):
    vectors, labels = faces(4, 2, 1)
    collection = Collection(str(write(tmp_path / "g", vectors, labels, shards=5)))
    assert [len(s.keys) for s in collection.shards()] == [1, 1, 0, 0, 0]
    assert np.array_equal(collection.load().vectors, vectors)


def refused(folder, *fragments):
    with pytest.raises(ChainError) as error:
        Collection(str(folder)).load()
    for fragment in (*fragments, "make embed"):
        assert fragment in str(error.value)


def changed(folder, **values):
    path = folder / layout.MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | values))


def test_what_is_no_finished_collection(folder, tmp_path):
    refused(tmp_path, "no manifest.json")
    changed(folder, complete=False)
    refused(folder, "is not complete")
    for value in ({"rows": "7"}, {"dtype": "int8"}, {"configuration": []}, {"identity": None}):
        changed(folder, **{"complete": True, "rows": 7, "dtype": "float32"} | value)
        refused(folder, "damaged")
    (folder / layout.MANIFEST).write_text("{")
    with pytest.raises(ChainError, match="not a manifest"):
        Collection(str(folder))


def test_shards_that_are_not_what_they_were(folder):
    name = folder / layout.embeddings_name(1)
    content = name.read_bytes()
    name.write_bytes(content[:-1])
    refused(folder, "shard-000001.parquet is not what its record says")
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    name.write_bytes(damaged)
    refused(folder, "shard-000001.parquet is not what its record says")
    name.unlink()
    refused(folder, "shard-000001.parquet is missing")
    name.write_bytes(content)
    done = folder / layout.done_name(1)
    record = json.loads(done.read_text())
    for bad in (json.dumps(record | {"identity": "0" * 64}), "[]", "{", "{}"):
        done.write_text(bad)
        refused(folder, "shard-000001.parquet is not what its record says")
    done.unlink()
    refused(folder, "has no record")


def sealed(folder, content: bytes) -> None:
    """Put ``content`` in the place of shard 0, with a record that says so."""
    identity = json.loads((folder / layout.MANIFEST).read_text())["identity"]
    storage = Storage(str(folder))
    storage.write(layout.embeddings_name(0), content)
    record = {"identity": identity, "bytes": len(content), "sha256": layout.digest(content)}
    layout.write_json(storage, layout.done_name(0), record)


def test_sealed_files_of_something_else(folder, tmp_path):
    sealed(folder, b"no Parquet")
    refused(folder, "is not a Parquet file")
    sealed(folder, layout.to_parquet(pa.table({"key": ["a"]})))
    refused(folder, "has other columns or rows")
    for worst in (np.nan, np.inf, 0.0, 2.0):
        vectors, labels = faces(1, 20, 4)
        vectors[5] *= worst
        refused(write(tmp_path / str(worst), vectors, labels), "not of unit length")
    changed(folder, rows=9)
    refused(folder, "has other columns or rows")
    changed(folder, rows=10_000)
    sealed(folder, (tmp_path / "2.0" / layout.embeddings_name(1)).read_bytes())
    refused(folder, "its manifest says 10000")


def test_too_many_to_hold_are_refused_before_anything_is_read(folder, monkeypatch):
    monkeypatch.setattr(embeddings, "MOST_BYTES", 2**10)
    with pytest.raises(ChainError, match="is the most"):
        Collection(str(folder)).load()


def test_a_store_is_read_like_a_folder(tmp_path):
    folder = write(tmp_path / "gallery", *faces(6, 10, 3))
    mine, theirs = Collection(str(folder)).load(), Collection(f"file://{folder}").load()
    assert mine.keys == theirs.keys and np.array_equal(mine.vectors, theirs.vectors)
