"""Identification: exactly the nearest, rates by hand, indexes that are measured, refusals."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from collection.embeddings import Collection
from matching import search
from matching.approximate import recall
from matching.search import exact, of_candidates
from reporting.terminal import lines_of
from support.project import expect_error, run_module
from support.seeded_collections import faces, write


def nearest_by_sorting(probes, gallery, count, left_out):
    """Return the rows and distances of the ``count`` nearest, of all distances at once."""
    distances = 2 - 2 * (probes.astype(np.float64) @ gallery.astype(np.float64).T)
    distances = np.round(np.maximum(distances, 0), 11)
    for probe, row in enumerate(left_out):
        if row >= 0:
            distances[probe, row] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(distances, order, 1)


@pytest.mark.parametrize("seed", range(5))
def test_exact_search_is_the_whole_product_sorted(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "GALLERY_BLOCK", 13 + 8 * seed)
    monkeypatch.setattr(search, "PROBE_BLOCK", 11 + 5 * seed)
    random = np.random.default_rng(seed)
    vectors, labels = faces(seed, 60, 4)
    # Pictures that are there several times, in several blocks and shards.
    vectors, labels = np.tile(vectors, (3, 1)), labels * 3
    gallery = Collection(str(write(tmp_path / "g", vectors, labels, shards=5)))
    probes = np.concatenate([vectors[:40], faces(seed + 50, 40, 2)[0]])
    left_out = random.integers(-1, len(vectors), len(probes))
    for count in (1, 5, 40):
        found = exact(gallery, probes, count, left_out, "shard")
        rows, distances = nearest_by_sorting(probes, vectors, count, left_out)
        assert np.array_equal(found.rows, rows)
        assert np.allclose(found.distances, distances, atol=1e-7)
        # All as candidates is the same search.
        every = np.argsort(random.random((len(probes), len(vectors))), axis=1)
        again = of_candidates(gallery, probes, count, left_out, every)
        assert np.array_equal(again.rows, rows)
        assert np.array_equal(again.distances, found.distances)


def test_a_gallery_of_fewer_than_asked_for_gives_what_it_has(tmp_path):
    vectors, labels = faces(1, 3, 1)
    gallery = Collection(str(write(tmp_path / "g", vectors, labels)))
    found = exact(gallery, vectors, 3, np.arange(3), "shard")
    assert (found.rows[:, 2] == -1).all() and np.isinf(found.distances[:, 2]).all()
    assert (np.sort(found.rows[:, :2]) == [[1, 2], [0, 2], [0, 1]]).all()


def test_recall_counts_what_the_truth_has():
    truth = np.array([[4, 2, -1], [7, 8, 9]])
    assert recall(truth, truth) == {"at_1": 1, "at_k": 1}
    assert recall(np.array([[2, 4, -1], [7, 1, 9]]), truth) == {"at_1": 0.5, "at_k": 4 / 5}


def identify(gallery, probes, out, *options):
    arguments = ("--gallery", gallery, "--probes", probes, "--top", 3, "--out", out)
    return run_module("identify", *arguments, *options)


def record(out):
    return json.loads((out / "identify.json").read_text())


def test_matches_are_rows_nearest_first_and_a_picture_is_not_its_own(project):
    vectors, labels = faces(3, 150, 3)
    labels[9] = None
    folder = write(project.root / "gallery", vectors, labels)
    said = project.make("identify", "GALLERY=gallery", "PROBES=gallery/", "TOP=3").stdout
    out = project.root / "result/identify/gallery_in_gallery"
    table = pq.read_table(out / "matches.parquet")
    rows, distances = nearest_by_sorting(vectors, vectors, 3, np.arange(len(labels)))
    keys = Collection(str(folder)).load().keys.to_pylist()
    assert table["probe"].to_pylist() == [key for key in keys for _ in range(3)]
    assert table["rank"].to_pylist() == [1, 2, 3] * len(keys)
    assert table["gallery"].to_pylist() == [keys[row] for row in rows.ravel()]
    assert table["label"].to_pylist() == [labels[row] for row in rows.ravel()]
    assert np.allclose(table["squared_distance"], distances.ravel(), atol=1e-7)
    assert np.allclose(table["cosine"], 1 - distances.ravel() / 2, atol=1e-7)
    found = record(out)
    assert found["same_picture"] == len(labels)
    assert f"{len(labels)} probes are pictures of the gallery: not their own match" in said
    # Rank 5 is measured though three are written.
    rows, _ = nearest_by_sorting(vectors, vectors, 5, np.arange(len(labels)))
    mated = [label is not None and labels.count(label) > 1 for label in labels]
    hits = sum(labels[k] in [labels[r] for r in rows[k]] for k in np.flatnonzero(mated))
    assert found["identification"]["mated"] == sum(mated)
    assert found["identification"]["rank_5"]["hits"] == hits
    assert max(map(len, said.splitlines())) <= 80


def test_another_precision_of_the_same_pictures_is_named(tmp_path):
    vectors, labels = faces(4, 150, 3)
    gallery = write(tmp_path / "fp32", vectors, labels, source="photos")
    noisy = vectors + np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32) / 50
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    settings = {"source": "photos", "precision": "int8", "model_sha256": "3" * 64}
    probes = write(tmp_path / "int8", noisy, labels, **settings)
    assert identify(gallery, probes, tmp_path / "out").returncode == 0
    found = record(tmp_path / "out")
    assert found["asymmetric_precision"] == "gallery fp32, probes int8"
    assert found["same_picture"] == len(labels)
    said = "\n".join(lines_of(found))
    assert "asymmetric: gallery fp32, probes int8" in said
    # The same keys in another source are other pictures.
    other = write(tmp_path / "other", noisy, labels, source="elsewhere", engine="torch")
    assert identify(gallery, other, tmp_path / "out").returncode == 0
    found = record(tmp_path / "out")
    assert (found["same_picture"], found["identification"]["rank_1"]["rate"]) == (0, 1)
    assert "keys are in both collections" in found["identification"]["notes"][-1]
    assert found["asymmetric_precision"] == "gallery openvino fp32, probes torch fp32"


@pytest.mark.parametrize(
    "different",
    [
        {"net": "ir_se100"},
        {"weights_sha256": "4" * 64},
        {"preprocessing": {"colour": "rgb", "mean": 127.5, "scale": 127.5}},
    ],
)
def test_another_network_weights_or_preprocessing_is_refused(tmp_path, different):
    vectors, labels = faces(5, 5, 2)
    gallery = write(tmp_path / "a", vectors, labels)
    probes = write(tmp_path / "b", vectors, labels, **different)
    said = identify(gallery, probes, tmp_path / "out")
    expect_error(said, "differ in", next(iter(different)).replace("_", " "), "mean nothing")
    assert not (tmp_path / "out").exists()


def test_without_labels_there_are_matches_and_a_sentence(tmp_path):
    vectors, labels = faces(6, 20, 2)
    gallery = write(tmp_path / "a", vectors, [None] * len(labels))
    assert identify(gallery, gallery, tmp_path / "out").returncode == 0
    assert record(tmp_path / "out")["identification"]["notes"][0].startswith("no rank-1")
    assert any("no rank-1" in line for line in lines_of(record(tmp_path / "out")))
    assert pq.read_table(tmp_path / "out/matches.parquet").num_rows == 3 * len(labels)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder with collections: ivfpq of 10,000 faces, hnsw of 3,000, probes of 1,100 others."""
    folder = tmp_path_factory.mktemp("large")
    vectors, labels = faces(7, 4400, 5, spread=0.5)
    assert len(labels) > 11_100
    write(folder / "ivfpq", vectors[:10_000], labels[:10_000])
    write(folder / "hnsw", vectors[:3000], labels[:3000])
    write(folder / "probes", vectors[10_000:11_100], labels[10_000:11_100])
    return folder


@pytest.mark.parametrize("index", ["hnsw", "ivfpq"])
def test_an_index_gives_the_same_twice_and_its_recall_is_told(index, large, tmp_path):
    gallery, probes = large / index, large / "probes"
    for out in ("once", "twice"):
        said = identify(gallery, probes, tmp_path / out, "--index", index)
        assert said.returncode == 0, said.stderr
    once, twice = (tmp_path / out / "matches.parquet" for out in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()
    found = record(tmp_path / "once")["index"]
    assert found["name"] == index and found["recall_probes"] == 1000
    # What it finds has its true distance, and the recall is what a count gives.
    got = pq.read_table(once).to_pylist()
    searched, mine = Collection(str(gallery)), Collection(str(probes)).load()
    true = exact(searched, mine.vectors, 3, np.full(len(mine.keys), -1), "shard")
    keys, rows = searched.load().keys.to_pylist(), true.rows.ravel()
    of = zip(np.repeat(mine.keys.to_pylist(), 3), (keys[row] for row in rows), strict=True)
    distances = dict(zip(of, true.distances.ravel(), strict=True))
    common = [row for row in got if (row["probe"], row["gallery"]) in distances]
    assert all(distances[row["probe"], row["gallery"]] == row["squared_distance"] for row in common)
    assert len(common) / len(rows) == pytest.approx(found["recall"]["at_k"], abs=0.03)
    assert found["recall"]["at_1"] > 0.9
    said = lines_of(record(tmp_path / "once"))
    text = " ".join(" ".join(said).split())
    assert f"by {index} against the exact answer for 1,000 probes" in text
    assert all(len(line) <= 80 for line in said if str(tmp_path.parent) not in line)


def test_a_gallery_too_small_for_an_index(tmp_path):
    gallery = write(tmp_path / "a", *faces(8, 50, 3))
    said = identify(gallery, gallery, tmp_path / "out", "--index", "ivfpq")
    expect_error(said, "too small to train INDEX=ivfpq", "9,984")
    assert identify(gallery, gallery, tmp_path / "out", "--index", "hnsw").returncode == 0
    assert record(tmp_path / "out")["index"]["recall"] == {"at_1": 1, "at_k": 1}


def test_make_says_what_is_missing(project, tmp_path):
    for arguments, what in (
        (["PROBES=x"], "GALLERY= is empty"),
        ([f"GALLERY={tmp_path}", "PROBES=nowhere"], "PROBES=nowhere is missing"),
        (["GALLERY=a b"], "name one file or folder, or an address"),
        (["INDEX=lsh"], "choose one of: hnsw ivfpq"),
        (["TOP=0"], "choose from 1 to 1000"),
        ([f"GALLERY={tmp_path}", f"PROBES={tmp_path}"], "is not a collection of embeddings"),
    ):
        assert what in project.make("identify", *arguments, ok=False).stderr
    planned = project.make(
        "-n", "identify", f"GALLERY={tmp_path}", f"PROBES={tmp_path}", "VENV=.venv"
    )
    assert "install collection" in planned.stdout and "install faiss" not in planned.stdout
    planned = project.make(
        "-n", "identify", f"GALLERY={tmp_path}", f"PROBES={tmp_path}", "VENV=.venv", "INDEX=hnsw"
    )
    assert "install faiss" in planned.stdout
