"""OUT= in a store without rename: the same collection as in a folder, believed by its records."""

import json

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from collection.storage import Storage
from common.errors import ChainError
from support import embedded
from support.project import expect_error

OUT = "s3://bucket/some/out"


@pytest.fixture(scope="module")
def store():
    """An S3 server on the loopback with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        files = fsspec.filesystem("s3")
        files.mkdir("bucket")
        yield files
    server.stop()


@pytest.fixture(scope="module")
def source(tiny, tmp_path_factory):
    return embedded.tree(tmp_path_factory.mktemp("source"), embedded.pictures(tiny, 40))


def fetched(store, folder):
    """Return the collection at OUT as a folder."""
    store.invalidate_cache()
    store.get("bucket/some/out", str(folder), recursive=True)
    return folder


def written(store):
    """Return when each file at OUT was written."""
    store.invalidate_cache()
    found = store.find("bucket/some/out", detail=True)
    return {name: entry["LastModified"] for name, entry in found.items()}


def test_files_by_name(store):
    storage = Storage("s3://bucket/files/")
    assert storage.read("a/b.json") is None and storage.names("a") == []
    for content in (b"one", b"another"):
        storage.write("a/b.json", content)
        assert storage.read("a/b.json") == content
    storage.write("a/a.json", b"")
    assert storage.names("a") == ["a/a.json", "a/b.json"]
    for _ in range(2):
        storage.remove("a/b.json")
        assert storage.read("a/b.json") is None


def test_the_collection_is_that_of_a_folder_and_torn_files_are_made_again(
    store, ready, source, tmp_path
):
    model = ready / "model_m_bs16_sim.onnx"
    assert embedded.embed(model, source, tmp_path / "folder").returncode == 0
    done = embedded.embed(model, source, OUT)
    assert (done.returncode, done.stderr) == (0, "")
    here = fetched(store, tmp_path / "first")
    assert embedded.manifest(here)["complete"]
    rows = embedded.rows(tmp_path / "folder")
    assert len(rows) == 40 and embedded.rows(here) == rows
    assert not list(here.glob("attempts/*"))
    before = written(store)
    done = embedded.embed(model, source, OUT)
    assert (done.returncode, done.stderr, written(store)) == (0, "", before)
    # What a store shows of a write that was cut short, or of writes that crossed.
    storage = Storage(OUT)
    name = "embeddings/shard-00000{}.{}".format
    storage.write(name(0, "parquet"), storage.read(name(0, "parquet"))[:-100])
    storage.remove(name(1, "json"))
    record = json.loads(storage.read(name(2, "json")))
    storage.write(name(2, "json"), json.dumps(record | {"sha256": "0" * 64}).encode())
    done = embedded.embed(model, source, OUT)
    assert done.returncode == 0 and "2 shards of s3://bucket/some/out are damaged" in done.stderr
    again = fetched(store, tmp_path / "again")
    assert embedded.rows(again) == rows
    kept = {file for file, then in written(store).items() if before[file] == then}
    assert {f"bucket/some/out/{name(3, end)}" for end in ("json", "parquet")} <= kept


def test_stores_that_do_not_do(store, ready, source, monkeypatch):
    model = ready / "model_m_bs16_sim.onnx"
    done = embedded.embed(model, source, "s3://absent/out")
    expect_error(done, "s3://absent/out/", "does not exist; check the address")
    with pytest.raises(ChainError, match="nosuch://x cannot be used"):
        Storage("nosuch://x")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    done = embedded.embed(model, source, OUT)
    expect_error(done, f"{OUT}/manifest.json: Unable to locate credentials; check the address")
