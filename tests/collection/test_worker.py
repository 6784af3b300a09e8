"""A worker: its embeddings are those of make accuracy; what cannot be read is counted."""

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
import pytest

from collection import driver, layout
from collection.settings import Settings
from collection.storage import Storage
from collection.worker import Worker
from common.errors import ChainError
from inference import pieces
from support import embedded, steps
from support.cut import Cut

SIZE = 6


def begin(ready, source, out, batch=16, size=SIZE, **options):
    """Return a worker for ``source``, its manifest written, and how many shards there are."""
    model = ready / f"model_m_bs{batch}_sim.onnx"
    settings = Settings(str(source), str(out), model, "openvino", "fp32", batch, **options)
    worker = Worker(settings)
    manifest = driver.begin(settings, worker.configuration, size, iter)
    return worker, manifest


@pytest.mark.parametrize("batch", [16, 7])
def test_embeddings_are_those_of_accuracy_bit_for_bit(batch, tiny, ready, tmp_path):
    done = steps.embed(ready, "openvino", batch, tmp_path, "--unique-index", ready / "unique.npy")
    assert done.returncode == 0, done.stderr
    worker, manifest = begin(ready, tiny / "faces.bin", tmp_path / "out", batch)
    assert manifest["shards"] == 7
    counts = list(worker.run(range(7)))
    assert [tuple(c) for c in counts] == [(k, SIZE, SIZE, 0) for k in range(6)] + [(6, 4, 4, 0)]
    expected = np.load(tmp_path / "e.npy")
    assert (embedded.embeddings(tmp_path / "out") == expected).all()
    rows = embedded.rows(tmp_path / "out")
    assert [(r["key"], r["shard"], r["row"]) for r in rows] == [
        (str(k), k // SIZE, k % SIZE) for k in range(40)
    ]
    # One shard alone, by another process's worker, is the same file.
    name = tmp_path / "out" / layout.embeddings_name(3)
    before = name.read_bytes()
    name.unlink()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        done = pool.submit(embedded.embed_shard, worker.settings, 3)
        assert done.result(timeout=60) == (3, SIZE, SIZE, 0)
    assert name.read_bytes() == before


def test_a_shard_that_was_cut_off_goes_on(tiny, ready, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "SECONDS", 0.0)
    images = embedded.pictures(tiny, 40)
    images[3] = images[25] = b"no picture"
    source = embedded.tree(tmp_path / "source", images)
    out, whole = tmp_path / "out", tmp_path / "whole"
    worker, _ = begin(ready, source, out, 7, 40)
    worker._engine = Cut(worker._engine, 10)
    with pytest.raises(KeyboardInterrupt):
        worker.embed(0)
    assert sorted(out.glob("pieces/shard-000000-*"))
    worker, _ = begin(ready, source, out, 7, 40)
    counts = worker.embed(0)
    assert counts[2:] == (38, 2) and 0 < counts.inputs <= 40 - 10 * 7 // 2
    assert not list(out.glob("pieces/*"))
    worker, _ = begin(ready, source, whole, 7, 40)
    assert worker.embed(0).inputs == 40
    for name in (layout.embeddings_name(0), layout.done_name(0)):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_norms_and_float16(tiny, ready, tmp_path):
    for dtype in layout.DTYPES:
        worker, _ = begin(ready, tiny / "faces.bin", tmp_path / dtype, dtype=dtype)
        worker.embed(0)
    full, half = (embedded.embeddings(tmp_path / dtype) for dtype in ("float32", "float16"))
    assert half.dtype == np.float16 and (full.astype(np.float16) == half).all()
    assert np.allclose(np.linalg.norm(full, axis=1), 1, atol=1e-6)
    norms = [row["norm"] for row in embedded.rows(tmp_path / "float32")]
    # Two unit vectors, of a face and its mirror image: the norm of the sum is at most 2.
    assert all(0.5 < norm <= 2.0001 for norm in norms)
    assert norms == [row["norm"] for row in embedded.rows(tmp_path / "float16")]


def test_unreadable_inputs_are_counted_with_their_reasons(tiny, ready, tmp_path):
    source = embedded.tree(tmp_path / "source", embedded.pictures(tiny, 8))
    wholes = sorted(source.glob("*/*"))
    large = cv2.imencode(".png", np.zeros((300, 200, 3), np.uint8))[1].tobytes()
    wholes[1].write_bytes(wholes[1].read_bytes()[:100])
    wholes[2].write_bytes(b"")
    wholes[3].write_bytes(large)
    for k in range(4, 8):
        wholes[k].write_bytes(b"GIF89a")  # a shard in which nothing can be read
    worker, manifest = begin(ready, source, tmp_path / "out", size=4)
    os.utime(wholes[0], ns=(0, 0))
    counts = list(worker.run([0, 1]))
    assert counts == [(0, 4, 0, 4), (1, 4, 0, 4)]
    done = driver.finish(Storage(str(tmp_path / "out")), manifest, 8, 1.0, 0.5)
    assert (done["rows"], done["unreadable"], done["limit"]) == (0, 8, "reading")
    found = embedded.unreadable(tmp_path / "out")
    assert [(one["shard"], one["row"]) for one in found] == [(k // 4, k % 4) for k in range(8)]
    reasons = [one["reason"] for one in found]
    said = ["changed since it was listed", "no whole JPEG", "is empty", "200x300, a whole photo"]
    for one, reason, words in zip(found, reasons, [*said, *["no whole JPEG"] * 4], strict=True):
        assert reason.startswith(f"{one['key']} ") and words in reason
        assert str(tmp_path) not in reason
    worker = Worker(worker.settings._replace(strict=True))
    with pytest.raises(
        ChainError, match=r"STRICT=1 takes no unreadable input: person_00/0000\.jpg"
    ):
        worker.embed(0)


def test_an_output_that_is_no_embedding_names_the_input(tiny, ready, tmp_path, monkeypatch):
    worker, _ = begin(ready, tiny / "faces.bin", tmp_path / "out")
    finish = worker._engine.finish

    def broken(value):
        return lambda started: finish(started) * value

    for value, said in ((np.float32("nan"), "image 6 is not finite"), (0, "image 6 has an embed")):
        monkeypatch.setattr(worker._engine, "finish", broken(value))
        with pytest.raises(ChainError, match=said):
            worker.embed(1)
        assert not (tmp_path / "out" / layout.embeddings_name(1)).exists()
    monkeypatch.undo()
    assert worker.embed(1).rows == SIZE


def test_a_worker_of_another_model_is_refused(tiny, ready, tmp_path):
    worker, _ = begin(ready, tiny / "faces.bin", tmp_path / "out")
    other = worker.settings._replace(model=ready / "model_m_bs7_sim.onnx", batch_size=7)
    with pytest.raises(ChainError, match=r"another batch size \(16, now 7\); give another OUT="):
        Worker(other).embed(0)
    with pytest.raises(ChainError, match=r"another dtype \(float32, now float16\)"):
        Worker(worker.settings._replace(dtype="float16")).embed(0)
    with pytest.raises(ChainError, match=r"another engine \(openvino, now onnxruntime\)"):
        Worker(worker.settings._replace(engine="onnxruntime")).embed(0)
    (tmp_path / "out/manifest.json").unlink()
    with pytest.raises(ChainError, match=r"has no manifest\.json"):
        Worker(worker.settings).embed(0)


def test_whole_photographs(shared, ready, tmp_path):
    shutil.unpack_archive(shared / "lfw_photos.tar", tmp_path / "photos", filter="data")
    names = sorted((tmp_path / "photos").rglob("*.jpg"))
    for name in names[4:]:
        name.unlink()
    cv2.imwrite(str(tmp_path / "photos/a_wall.png"), np.full((200, 300, 3), 90, np.uint8))
    detector = shared / "yunet_n_dynamic.onnx"
    worker, _ = begin(ready, tmp_path / "photos", tmp_path / "out", detector=detector)
    assert worker.embed(0) == (0, 5, 4, 1)
    (row,) = (
        row for row in range(5) if row not in {r["row"] for r in embedded.rows(tmp_path / "out")}
    )
    assert row == 0
    with pytest.raises(ChainError, match=r"no face was found in a_wall\.png"):
        Worker(worker.settings._replace(strict=True)).embed(0)
    with pytest.raises(ChainError, match="another aligned"):
        Worker(worker.settings._replace(detector=None)).embed(0)
