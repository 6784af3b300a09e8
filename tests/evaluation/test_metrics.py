"""Measures against independent formulas, on golden distances where they are at hand."""

import numpy as np
import pytest

from evaluation import metrics
from evaluation.protocol import evaluate


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    issame = np.tile([True, False], 300)
    return np.where(issame, random.normal(1.0, 0.3, 600), random.normal(1.8, 0.3, 600)), issame


def test_auc_is_the_share_of_rightly_ordered_couples(scored):
    distances, issame = scored
    same, different = distances[issame], distances[~issame]
    expected = (same[:, None] < different).mean()
    found = metrics.measures(distances, issame, evaluate(distances, issame).threshold)
    assert found["auc"] == pytest.approx(expected, abs=1e-12)


def test_equal_error_rate():
    # Accepting the lowest three: one of four same pairs refused, none of four different accepted;
    # one step further one different is accepted as well: FAR = 1 - TAR = 0.25.
    issame = np.array([True, True, True, False, True, False, False, False])
    distances = np.arange(8.0)
    assert metrics.eer(metrics.roc(distances, issame)) == pytest.approx(0.25)
    assert metrics.eer(metrics.roc(np.arange(4.0), np.array([True, True, False, False]))) == 0


def test_pairs_are_judged_by_the_threshold_of_their_own_fold(scored):
    distances, issame = scored
    found = evaluate(distances, issame)
    thresholds = metrics.thresholds_of_pairs(found.threshold, 600)
    right = metrics.judged_right(distances, issame, thresholds)
    np.testing.assert_allclose(right.reshape(10, 60).mean(axis=1), found.accuracy, atol=1e-12)


def test_interval_is_seeded_and_near_the_binomial_one():
    right = np.arange(2000) % 20 != 0
    found = metrics.accuracy_interval(right)
    assert found == metrics.accuracy_interval(right)
    spread = 1.96 * (0.95 * 0.05 / 2000) ** 0.5
    assert found["low"] == pytest.approx(0.95 - spread, abs=0.001)
    assert found["high"] == pytest.approx(0.95 + spread, abs=0.001)


def test_interval_with_no_wrong_pair_is_not_a_point():
    found = metrics.accuracy_interval(np.ones(100, bool))
    assert found["method"] == "exact binomial"
    # Clopper-Pearson at n of n: (alpha/2)^(1/n).
    assert found["low"] == pytest.approx(0.025 ** (1 / 100))
    assert found["high"] == 1


def test_pairs_of_one_kind_have_no_curve():
    found = metrics.measures(np.linspace(0, 2, 20), np.ones(20, bool), np.full(10, 1.0))
    assert found["auc"] is None
    assert found["eer"] is None


def test_golden_distances(shared):
    golden = np.load(shared / "golden_evaluate.npz")
    issame = golden["issame"].astype(bool)
    found = metrics.measures(golden["dist"], issame, golden["best_thresholds"])
    interval = found["accuracy_interval"]
    assert interval["low"] < golden["accuracy"].mean() < interval["high"]
