"""Every pair: equal to a count of all of them, and an interval that knows the persons."""

import json

import numpy as np
import pyarrow as pa
import pytest

from collection.embeddings import Shard
from common.errors import ChainError
from evaluation import metrics
from evaluation.threshold_card import at_far
from matching import all_pairs, pair_counts, resampling
from matching.search import squared_distances
from support.project import expect_error, run_module
from support.seeded_collections import faces, write


def brute(vectors, labels):
    """Return distances and sameness of every pair, both (n (n-1) / 2,)."""
    product = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    upper = np.triu_indices(len(vectors), 1)
    same = np.array(labels)[:, None] == np.array(labels)
    return 2 - 2 * product[upper], same[upper]


def measured(vectors, labels):
    shard = Shard(pa.array([""] * len(labels)), pa.array(labels, pa.string()), vectors)
    pictures, counts = all_pairs.labelled(shard, "here")
    return all_pairs.measure(pictures, "here"), counts


def coarse(monkeypatch, a_unit):
    """Make bins so wide that a threshold's has many pairs."""
    monkeypatch.setattr(pair_counts, "BINS_A_UNIT", a_unit)
    monkeypatch.setattr(pair_counts, "BINS", 4 * a_unit)


@pytest.mark.parametrize("seed", range(6))
def test_points_and_eer_are_those_of_all_pairs_at_once(seed, monkeypatch):
    # Blocks that no person and no collection ends with.
    monkeypatch.setattr(pair_counts, "BLOCK", 97 + 40 * seed)
    coarse(monkeypatch, 2 ** (3 * seed + 3))
    vectors, labels = faces(seed, 150 + 30 * seed, 6, spread=0.8 + 0.3 * seed)
    found, counts = measured(vectors, labels)
    distances, same = brute(vectors, labels)
    assert counts["genuine"] == same.sum() and counts["impostor"] == (~same).sum()
    for point in found["tar_at_far"]:
        expected = at_far(distances, same, point["far"])
        exact = {
            key: value for key, value in expected.items() if key not in ("threshold", "cosine")
        }
        assert exact.items() <= point.items()
        if point["tar"] is not None:
            assert point["threshold"] == pytest.approx(expected["threshold"], abs=1e-7)
            assert point["cosine"] == pytest.approx(expected["cosine"], abs=1e-7)
            low, high = point["tar_interval"]
            assert low <= point["tar"] <= high
    assert found["eer"] == pytest.approx(metrics.eer(metrics.roc(distances, same)), abs=1e-12)
    # Of 1e-5 and 1e-6 there is nothing to see.
    assert [p["tar"] is None for p in found["tar_at_far"]].count(True) >= 1


def test_equal_pictures_are_equally_far_and_not_accepted_beyond_the_rate(monkeypatch):
    monkeypatch.setattr(pair_counts, "BLOCK", 64)
    vectors, labels = faces(7, 40, 3)
    # Everybody's pictures in many copies: most distances are there many times.
    vectors, labels = np.tile(vectors, (5, 1)), labels * 5
    found, _ = measured(vectors, labels)
    distances, same = brute(vectors, labels)
    distances = np.round(distances, 10)
    for point in found["tar_at_far"]:
        expected = at_far(distances, same, point["far"])
        assert point["tar"] == expected["tar"]
        assert point.get("false_accepts") == expected.get("false_accepts")


def test_the_order_of_the_pictures_changes_nothing():
    vectors, labels = faces(8, 200, 5)
    order = np.random.default_rng(0).permutation(len(labels))
    assert measured(vectors, labels) == measured(vectors[order], [labels[k] for k in order])


def test_resampled_rates_are_those_of_the_drawn_persons_pairs(monkeypatch):
    coarse(monkeypatch, 16)
    vectors, labels = faces(9, 30, 4, spread=2)
    shard = Shard(pa.array(labels), pa.array(labels), vectors)
    pictures, _ = all_pairs.labelled(shard, "here")
    resamples = resampling.Multiplicities(30, 50)
    upper = np.triu_indices(len(labels), 1)
    distances = squared_distances(pictures.vectors, pictures.vectors)[upper]
    a, b = (pictures.person[side] for side in upper)
    # As chosen for a rate: the distance of an impostor, in a bin with others.
    threshold = np.sort(distances[a != b])[300]
    bin_ = int(pair_counts.bins_of(threshold))
    second = pair_counts.Second(pictures, [bin_], {bin_}, resamples)
    genuine, impostor = second.below(bin_, threshold)
    total = resamples.impostor_pairs(np.bincount(pictures.person))
    drawn = resamples.of(0, 30).astype(int)
    assert (drawn.sum(axis=0) == 30).all()
    close = distances < threshold
    assert genuine.sum() == (close & (a == b)).sum()
    for k in range(50):
        weight = np.where(a == b, 0, drawn[a, k] * drawn[b, k])
        assert total[k] == weight.sum()
        assert impostor[k] == weight[close].sum()
        expected = (drawn[a, k] * (close & (a == b))).sum()
        assert resamples.total(genuine)[k] == expected


def test_pairs_of_few_persons_make_wide_intervals():
    """A thousand pairs of five persons say less than a thousand of hundreds."""
    random = np.random.default_rng(10)

    def width(persons, pictures):
        # Some persons are recognised, others are not: what a pair shows, the person's others do.
        hard = random.permutation(np.repeat([0.5, 3.0], persons - persons // 2)[:persons])
        person = np.repeat(np.arange(persons), pictures)
        means = random.normal(size=(persons, 64))
        vectors = means[person] + hard[person, None] * random.normal(size=(len(person), 64))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found, _ = measured(vectors.astype(np.float32), [str(n) for n in person])
        low, high = found["tar_at_far"][1]["tar_interval"]
        return high - low, found["tar_at_far"][1]["few_persons"]

    few, many = width(8, 16), width(320, 3)
    assert few[0] > 3 * many[0]
    assert (few[1], many[1]) == (True, False)


def test_where_everything_is_right_the_interval_is_that_of_the_persons():
    vectors, labels = faces(11, 60, 4, spread=0.01)
    found, _ = measured(vectors, labels)
    point = found["tar_at_far"][0]
    assert point["tar"] == 1 and found["eer"] == 0
    assert point["tar_interval"] == pytest.approx([0.025 ** (1 / point["persons"]), 1])


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (["a"] * 6, "no impostor pair"),
        (list("abcdef"), "no genuine pair"),
        ([None] * 6, "0 labelled pictures"),
        (["a", None, None, None, None, None], "make no"),
    ],
)
def test_labels_that_make_no_pairs(labels, what):
    with pytest.raises(ChainError, match=what):
        measured(faces(12, 6, 1)[0], labels)


def test_a_network_that_does_not_see_its_input():
    vectors = np.tile(faces(13, 1, 1)[0], (40, 1))
    with pytest.raises(
        ChainError, match="persons have equal embeddings: the network does not see its input"
    ):
        measured(vectors, [str(n // 2) for n in range(40)])


def test_pairs_beside_a_threshold_are_bounded(monkeypatch):
    monkeypatch.setattr(pair_counts, "MOST_KEPT", 3)
    with pytest.raises(ChainError, match="give a part"):
        measured(*faces(14, 200, 4))


def test_the_target_writes_a_record_and_a_card_of_80_columns(project, tmp_path):
    vectors, labels = faces(15, 300, 4)
    labels[7] = None
    write(project.root / "lfw", vectors, labels, dtype="float16")
    said = project.make("all-pairs", "EMBEDDINGS=lfw/").stdout
    record = json.loads((project.root / "result/all_pairs/lfw/all_pairs.json").read_text())
    counts = record["counts"]
    assert counts["pictures"] + counts["unlabelled"] == len(labels) and counts["unlabelled"] == 1
    pairs = len(labels[1:]) * (len(labels) - 2) // 2
    assert counts["genuine"] + counts["impostor"] == pairs
    assert record["embeddings"]["precision"] == "fp32" and record["embeddings"]["rows"] == len(
        labels
    )
    assert "pictures without a label: 1" in said and "not enough different pairs for 1e-6" in said
    assert max(map(len, said.splitlines())) <= 80
    project.make("all-pairs", "EMBEDDINGS=lfw", "OUT=result/mine")
    assert (project.root / "result/mine/all_pairs.json").exists()
    for value, what in (("", "EMBEDDINGS= is empty"), (tmp_path / "none", "is missing")):
        assert what in project.make("all-pairs", f"EMBEDDINGS={value}", ok=False).stderr
    expect_error(run_module("all_pairs", "--embeddings", tmp_path, "--out", tmp_path), "make embed")
