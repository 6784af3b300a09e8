"""The verification protocol against the reference's own figures and a plain restatement of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import ChainError
from evaluation import outcome
from evaluation.protocol import THRESHOLDS, evaluate, pair_distances
from support.project import expect_error, run_module
from support.sealing import seal


def test_equals_the_reference_bit_for_bit(shared: Path):
    golden = np.load(shared / "golden_evaluate.npz")
    result = evaluate(golden["dist"], golden["issame"])
    assert result.accuracy.tolist() == golden["accuracy"].tolist()
    assert result.threshold.tolist() == golden["best_thresholds"].tolist()
    np.testing.assert_allclose(result.tpr, golden["tpr"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.fpr, golden["fpr"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("pairs", [10, 23, 600])
def test_equals_a_plain_restatement(pairs: int):
    random = np.random.default_rng(pairs)
    issame = random.random(pairs) < 0.5
    # Distances on the thresholds themselves are the awkward ones.
    distances = np.where(issame, 1.0, 1.6) + random.choice(THRESHOLDS[:100], pairs)
    result = evaluate(distances, issame)
    folds = np.array_split(np.arange(pairs), 10)
    for k, test in enumerate(folds):
        train = np.setdiff1d(np.arange(pairs), test)
        scores = [np.mean((distances[train] < t) == issame[train]) for t in THRESHOLDS]
        best = THRESHOLDS[int(np.argmax(scores))]
        assert result.threshold[k] == best
        assert result.accuracy[k] == np.mean((distances[test] < best) == issame[test])


def test_pair_distances():
    embeddings = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], np.float32)
    assert pair_distances(embeddings).tolist() == [2, 0]


@pytest.fixture
def scored(tmp_path: Path):
    """Write embeddings and labels, run score, and return its result."""

    def run(embeddings: np.ndarray, labels: np.ndarray):
        np.save(tmp_path / "e.npy", embeddings)
        np.save(tmp_path / "l.npy", labels)
        (tmp_path / "run.json").write_text(json.dumps({"net": "x", "versions": {}}))
        seal(*(tmp_path / name for name in ("e.npy", "l.npy", "run.json")))
        out = tmp_path / "accuracy.json"
        result = run_module(
            "score", "--embeddings", tmp_path / "e.npy", "--run", tmp_path / "run.json",
            "--labels", tmp_path / "l.npy", "--out", out,
        )  # fmt: skip
        assert out.exists() == (result.returncode == 0)
        return result, json.loads(out.read_text()) if out.exists() else None

    return run


def unit(rows: int) -> np.ndarray:
    values = np.random.default_rng(rows).standard_normal((rows, 512)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_score_of_perfect_embeddings(scored):
    base = unit(40)
    labels = np.arange(20) % 2 == 0
    base[1::4] = base[0::4]
    _, result = scored(base, labels)
    assert (result["accuracy"], result["auc"], result["pairs"], result["folds"]) == (1, 1, 20, 10)
    assert len(result["fold_accuracy"]) == len(result["fold_threshold"]) == 10
    assert result["net"] == "x"


MIXED = np.arange(20) % 2 == 0


@pytest.mark.parametrize(
    ("labels", "fragment"),
    [
        (np.ones(20, bool), "all 20 pairs are of the same person"),
        (np.zeros(20, bool), "all 20 pairs are of different persons"),
        # The nine folds that choose a threshold for the second one see no pair of one person.
        (np.isin(np.arange(20), [2, 3]), "are among pairs 2 to 3"),
        (np.arange(9) % 2 == 0, "9 pairs; the protocol's 10 folds"),
    ],
)
def test_labels_that_leave_no_threshold_to_choose(scored, labels, fragment):
    expect_error(scored(unit(2 * len(labels)), labels)[0], "l.npy", fragment)


def test_embeddings_of_a_partial_run_are_refused(scored):
    expect_error(scored(unit(38), MIXED)[0], "e.npy", "20 pairs")


@pytest.mark.parametrize("block", [2, 6, 1 << 14])
def test_distances_do_not_depend_on_the_blocks_that_are_read(tmp_path, monkeypatch, block):
    monkeypatch.setattr(outcome, "BLOCK", block)
    embeddings = unit(40)
    np.save(tmp_path / "e.npy", embeddings)
    found = outcome.distances_of(outcome.load_embeddings(tmp_path / "e.npy", 20), tmp_path)
    assert found.tobytes() == pair_distances(embeddings).tobytes()
    embeddings[33] *= 1.01
    with pytest.raises(ChainError, match="image 33 is not finite or not of unit length"):
        outcome.distances_of(embeddings, tmp_path)


def test_nan_embeddings_are_refused(scored):
    embeddings = unit(40)
    embeddings[7, 3] = np.nan
    expect_error(scored(embeddings, MIXED)[0], "image 7", "not finite")


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_equal_embeddings_are_refused(scored, noise):
    # A network that ignores its input gets the accuracy of the more frequent answer.
    embeddings = np.repeat(unit(1), 40, axis=0) + noise * unit(40)
    embeddings[-10:] = unit(10)
    result, _ = scored(embeddings, np.arange(20) % 3 == 0)
    expect_error(result, "e.npy: 15 of 20 pairs have two equal embeddings", "the device")
