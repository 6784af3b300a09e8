"""What a threshold means: errors by hand, intervals, and what few pairs do not tell."""

import numpy as np
import pytest
from scipy import stats

from evaluation import metrics, threshold_card


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    issame = np.tile([True, False], 300)
    return np.where(issame, random.normal(1.0, 0.3, 600), random.normal(1.8, 0.3, 600)), issame


def test_a_cosine_is_that_of_the_distance():
    a, b = np.random.default_rng(2).normal(size=(2, 64))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assert threshold_card.cosine(np.square(a - b).sum()) == pytest.approx(a @ b)


def test_errors_at_a_threshold_are_counted():
    distances = np.array([0.5, 1.0, 1.5, 1.2, 1.4, 1.6, 1.8])
    issame = np.array([True, True, True, False, False, False, False])
    # Just at the threshold is not below it.
    found = threshold_card.operating_point(distances, issame, 1.4)
    assert (found["false_accepts"], found["different"]) == (1, 4)
    assert (found["false_rejects"], found["same"]) == (1, 3)
    assert (found["far"], found["frr"]) == (0.25, pytest.approx(1 / 3))
    assert found["cosine"] == pytest.approx(0.3)


def test_the_interval_is_clopper_and_pearsons():
    rate, (low, high) = threshold_card.rate(9, 3000)
    assert rate == 0.003
    assert low == pytest.approx(stats.beta.ppf(0.025, 9, 2992))
    assert high == pytest.approx(stats.beta.ppf(0.975, 10, 2991))
    # None of 3,000 does not mean never: the rule of three, a little more at 95% on both sides.
    rate, (low, high) = threshold_card.rate(0, 3000)
    assert (rate, low) == (0, 0)
    assert high == pytest.approx(1 - 0.025 ** (1 / 3000))
    assert threshold_card.rate(0, 0) == (None, None)


def test_the_threshold_of_a_rate_accepts_no_more_than_that(scored):
    distances, issame = scored
    different = distances[~issame]
    for far, allowed in ((1e-1, 30), (1e-2, 3)):
        found = threshold_card.at_far(distances, issame, far)
        assert found["false_accepts"] == (different < found["threshold"]).sum() == allowed
        assert found["tar"] == (distances[issame] < found["threshold"]).mean()
        assert found["few"] == (allowed < 30)
        # As the curve has it.
        curve = metrics.roc(distances, issame)
        assert found["tar"] == curve.tar[curve.far <= far].max()
        # A hair higher, and one more is accepted.
        assert (different <= found["threshold"]).sum() == allowed + 1


def test_equal_distances_are_not_accepted_beyond_the_rate():
    issame = np.array([True] * 10 + [False] * 20)
    distances = np.concatenate([np.linspace(0.1, 1, 10), np.full(20, 1.5)])
    found = threshold_card.at_far(distances, issame, 1e-1)
    assert (found["false_accepts"], found["threshold"], found["tar"]) == (0, 1.5, 1)


def test_rates_that_the_pairs_do_not_allow_are_not_given(scored):
    found = threshold_card.at_far(*scored, 1e-3)
    assert found == {
        "far": 1e-3,
        "tar": None,
        "note": "not enough different pairs for 1e-3: 300",
    }
    # One in 1,000 of 3,000 is three, whatever a float makes of it.
    issame = np.arange(6000) < 3000
    distances = np.concatenate([np.zeros(3000), np.linspace(1, 2, 3000)])
    assert threshold_card.at_far(distances, issame, 1e-3)["false_accepts"] == 3


def test_pairs_of_one_kind_have_no_rates():
    found = threshold_card.card(np.linspace(0, 2, 20), np.ones(20, bool), 1.0)
    assert found["tar_at_far"] == []
    assert found["operating_point"]["far"] is None
    assert found["operating_point"]["frr"] == 0.5


def test_golden_distances(shared):
    golden = np.load(shared / "golden_evaluate.npz")
    issame = golden["issame"].astype(bool)
    found = threshold_card.card(golden["dist"], issame, float(golden["best_thresholds"].mean()))
    assert [point["tar"] is None for point in found["tar_at_far"]] == [False] * 3 + [True]
    point = found["operating_point"]
    low, high = point["far_interval"]
    assert low < point["far"] < high
    assert f"below {point['threshold']:.3f}" in found["deploy"]
    assert f"above {point['cosine']:.3f}" in found["deploy"]
