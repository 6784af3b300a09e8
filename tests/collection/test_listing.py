"""Shards: the same inputs in the same order, and a source that changed is told."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collection import layout, listing
from collection.kinds import open_source
from collection.storage import Storage
from common.errors import ChainError
from support import embedded


@pytest.fixture
def source(tiny, tmp_path):
    return embedded.tree(tmp_path / "source", embedded.pictures(tiny, 10))


def keep(source, out, size=4, known=None):
    return listing.keep(listing.tables(open_source(source), size), Storage(str(out)), known)


def test_shards_are_listed_once_and_compared_then(source, tmp_path):
    out = tmp_path / "out"
    listed = keep(source, out)
    assert (listed.shards, listed.inputs) == (3, 10)
    assert listed.bytes == sum(file.stat().st_size for file in source.glob("*/*"))
    tables = [pq.read_table(out / layout.listing_name(k)) for k in range(3)]
    assert [len(table) for table in tables] == [4, 4, 2]
    assert all(table.schema.equals(layout.LISTING_SCHEMA) for table in tables)
    keys = [key for table in tables for key in table.column("key").to_pylist()]
    assert keys == sorted(file.relative_to(source).as_posix() for file in source.glob("*/*"))
    assert [one.key for one in listing.read(Storage(str(out)), 1)] == keys[4:8]
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.parquet")}
    assert keep(source, out, known=3) == listed
    assert {file: file.stat().st_mtime_ns for file in before} == before
    # The digest is of what is listed, not of how it is written.
    pq.write_table(tables[0], out / "again.parquet", compression="gzip", version="1.0")
    assert listing.digest(pq.read_table(out / "again.parquet")) == listing.digest(tables[0])
    assert len({listing.digest(table) for table in tables}) == 3


def test_the_shard_that_changed_is_named(source, tmp_path):
    out = tmp_path / "out"
    sixth = sorted(source.glob("*/*"))[5]
    shards = keep(source, out).shards
    was = sixth.stat().st_mtime_ns
    os.utime(sixth, ns=(was, was + 1))
    with pytest.raises(ChainError, match="shard 1 has other inputs; give another OUT="):
        keep(source, out, known=shards)
    os.utime(sixth, ns=(was, was))
    keep(source, out, known=shards)
    (source / "zz.jpg").write_bytes(b"")
    with pytest.raises(ChainError, match="shard 2 has"):
        keep(source, out, known=shards)
    (source / "zz.jpg").unlink()
    for file in sorted(source.glob("*/*"))[8:]:
        file.unlink()
    with pytest.raises(ChainError, match="shard 2 has"):
        keep(source, out, known=shards)


def test_a_listing_that_is_damaged_is_told(source, tmp_path):
    out = tmp_path / "out"
    keep(source, out)
    name = out / layout.listing_name(0)
    pq.write_table(pa.table({"x": [1]}), name)
    for damage in (lambda: None, lambda: name.write_bytes(b"PAR1"), name.unlink):
        damage()
        with pytest.raises(ChainError, match=r"shard-000000\.parquet is missing or damaged"):
            keep(source, out, known=3)
