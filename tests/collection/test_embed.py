"""make embed: interrupted, run again, run twice, given what does not do; its figures and card."""

import json
import resource
import signal
import subprocess
import sys
import time

import pytest

from support import embedded
from support.project import PYTHON, Project, expect_error


@pytest.fixture(scope="module")
def model(ready):
    return ready / "model_m_bs16_sim.onnx"


@pytest.fixture(scope="module")
def source(tiny, tmp_path_factory):
    """A tar file of 200 members, five for each picture of the tiny set: seconds of work."""
    images = embedded.pictures(tiny, 200)
    folder = tmp_path_factory.mktemp("source")
    return embedded.tar(folder / "f.tar", {f"p/{k:03d}.jpg": b for k, b in enumerate(images)})


def wait_for_shards(out, count, process):
    """Wait until ``count`` shards of ``out`` are done; return their files as they are then."""
    deadline = time.monotonic() + 60
    while len(done := sorted(out.glob("embeddings/shard-*.json"))) < count:
        assert process.poll() is None and time.monotonic() < deadline, process.stderr
        time.sleep(0.01)
    return times(out, [record.stem for record in done])


def times(out, stems):
    files = [
        out / f"embeddings/{stem}{suffix}" for stem in stems for suffix in (".json", ".parquet")
    ]
    return {file: file.stat().st_mtime_ns for file in files}


def test_killed_and_run_again(model, source, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    done = embedded.embed(model, source, whole)
    assert (done.returncode, done.stderr) == (0, "")
    expected = embedded.embeddings(whole)
    assert len(expected) == 200
    before = {}
    for count in (2, 7):
        process = embedded.begin(model, source, out)
        before |= wait_for_shards(out, count, process)
        if count == 2:
            process.send_signal(signal.SIGSTOP)
            second = embedded.embed(model, source, out)
            expect_error(second, "another run writes into", "wait for it")
        process.kill()
        process.communicate()
    assert not embedded.manifest(out)["complete"]
    (out / "embeddings/.shard-000015.tmp-1.parquet").write_bytes(b"half")
    process = embedded.begin(model, source, out)
    before |= wait_for_shards(out, 8, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 1
    assert "of 20 shards are done, and the same command goes on from there." in said
    done = embedded.embed(model, source, out)
    assert done.returncode == 0 and "of 20 shards are done already" in done.stderr
    assert all(file.stat().st_mtime_ns == then for file, then in before.items())
    assert (embedded.embeddings(out) == expected).all()
    assert [r["key"] for r in embedded.rows(out)] == [r["key"] for r in embedded.rows(whole)]
    assert not [file for file in out.rglob(".*") if file.name != ".lock"]


def test_complete_run_again_damaged_and_of_another_model(model, ready, tiny, tmp_path):
    out, source = tmp_path / "out", tiny / "faces.bin"
    done = embedded.embed(model, source, out)
    card = embedded.card(out)
    lines = card.splitlines()
    assert all(len(line) <= 80 for line in lines if str(out) not in line)
    assert "40 of 40 inputs" in card and "4 shards, 512 numbers in float32" in card
    assert "img/s in the network; " in card and "make identify" in card
    manifest = embedded.manifest(out)
    assert manifest["complete"] and (manifest["rows"], manifest["unreadable"]) == (40, 0)
    assert manifest["rate"] == pytest.approx(40 / manifest["seconds"], rel=0.01)
    assert manifest["limit"] in ("inference", "reading")
    assert embedded.unreadable(out) == []
    expected, content = embedded.embeddings(out), (out / "manifest.json").read_bytes()
    assert embedded.embed(model, source, out).returncode == 0
    assert (out / "manifest.json").read_bytes() == content
    # A bit, a file that is gone, a record that is none: each is made again, and nothing else.
    kept = times(out, ["shard-000003"])
    parquet = out / "embeddings/shard-000000.parquet"
    damaged = bytearray(parquet.read_bytes())
    damaged[5000] ^= 1
    parquet.write_bytes(damaged)
    (out / "embeddings/shard-000001.parquet").unlink()
    (out / "embeddings/shard-000002.json").write_text("{")
    done = embedded.embed(model, source, out)
    assert "note: 3 shards of" in done.stderr and "are damaged" in done.stderr
    assert (embedded.embeddings(out) == expected).all()
    assert all(file.stat().st_mtime_ns == then for file, then in kept.items())
    # Whatever makes other embeddings is told by its name, and nothing is touched.
    small = ready / "model_m_bs7_sim.onnx"
    for options, said in (
        (("--batch-size", 7, "--model", small), "another batch size (16, now 7)"),
        (("--engine", "onnxruntime"), "another engine (openvino, now onnxruntime)"),
        (("--shard-inputs", 11), "has SHARD=10, not 11"),
    ):
        expect_error(embedded.embed(model, source, out, *options), str(out), said, "OUT=")
    record = json.loads((out / "embeddings/shard-000001.json").read_text())
    text = json.dumps(record | {"identity": "0" * 64})
    (out / "embeddings/shard-000001.json").write_text(text)
    expect_error(embedded.embed(model, source, out), "of another collection")
    assert (out / "embeddings/shard-000001.json").read_text() == text


def test_a_source_that_changed(model, tiny, tmp_path):
    images = embedded.pictures(tiny, 12)
    tree, out = embedded.tree(tmp_path / "tree", images), tmp_path / "out"
    assert embedded.embed(model, tree, out).returncode == 0
    (tree / "person_02/0011.jpg").write_bytes(images[0] + b"\0")
    done = embedded.embed(model, tree, out)
    expect_error(done, "shard 1 has other inputs", "give another OUT=")
    assert len(embedded.rows(out)) == 12


def test_a_full_disk(model, tiny, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (18_000, 18_000))

    source, out = tiny / "faces.bin", tmp_path / "out"
    command = [sys.executable, str(PYTHON / "embed_collection.py")]
    done = subprocess.run(
        [*command, *embedded.arguments(model, source, out)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    expect_error(done, "shard-000000.parquet", "the space there")
    assert [file.name for file in out.glob("embeddings/*")] == []
    # Nothing is lost: with space it goes on.
    assert embedded.embed(model, source, out).returncode == 0


def test_sources_that_do_not_do(model, tmp_path):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    expect_error(embedded.embed(model, tmp_path / "empty", out), "holds no pictures")
    embedded.tar(tmp_path / "none.tar", {"readme.txt": b"x"})
    expect_error(embedded.embed(model, tmp_path / "none.tar", out), "holds no input")
    assert not (out / "manifest.json").exists()


def test_through_make(tiny, tmp_path):
    project = Project(tmp_path / "project")
    embedded.tree(tmp_path / "faces", embedded.pictures(tiny, 5))
    (tmp_path / "faces/person_01/0004.jpg").write_bytes(b"none")
    settings = ["NET=mobilefacenet", f"WEIGHTS={tiny / 'mobilefacenet.pth'}", "BS=4"]
    given = [*settings, "embed", f"SRC={tmp_path / 'faces'}"]
    for wrong, said in (
        (given, "OUT= is empty"),
        ([*settings, "embed", "OUT=x"], "SRC= is missing"),
        (
            [*given, "OUT=x", "ENGINE=ascend"],
            "make embed needs an engine that runs in this process",
        ),
        ([*given, "OUT=x", "DTYPE=int8"], "choose one of: float32 float16"),
        ([*given, "OUT=x", "RAY_ADDRESS=ray://x:1"], "give auto, or host:port"),
        ([*given, "OUT=x", "SHARD=0"], "SHARD=0 is not allowed"),
        ([*given, "OUT=a b"], "OUT=a"),
        ([*given, "OUT=x", "LANDMARKS=y", "ALIGN=1"], "it is for make bin"),
        ([*given, "OUT=x", "DETECTOR=y"], "does nothing without ALIGN=1"),
    ):
        assert said in project.make(*wrong, ok=False).stderr
    said = project.make(*given, "OUT=out", "DTYPE=float16").stdout
    assert "4 of 5 inputs; 1 unreadable, see unreadable.parquet" in said
    out = project.root / "out"
    assert embedded.embeddings(out).shape == (4, 512)
    assert [row["label"] for row in embedded.rows(out)] == ["person_00"] * 4
    failed = project.make(*given, "OUT=strict", "STRICT=1", ok=False)
    expect_error(failed, "STRICT=1 takes no unreadable input: person_01/0004.jpg")
