"""Protocol and measures on any distances: against slow restatements, scikit-learn and scipy.

Distances are those that hurt: on a threshold, beside it, rounded to float32, all equal.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from common.errors import ChainError
from evaluation import metrics, protocol, threshold_card
from evaluation.protocol import THRESHOLDS

# Seeded, so that every run tries the same.
tried = settings(derandomize=True, database=None, deadline=None, max_examples=60)

on_threshold = st.sampled_from(THRESHOLDS.tolist())
distance = st.one_of(
    on_threshold,
    on_threshold.map(lambda t: float(np.float32(t))),
    on_threshold.flatmap(lambda t: st.sampled_from([np.nextafter(t, -1), np.nextafter(t, 5)])),
    st.floats(0, 4, width=32),
    st.just(0.0),
)


@st.composite
def scored(draw, both=False):
    """Distances, float32 or float64 (N,), with ties, and labels; of ``both`` kinds where asked."""
    pairs = draw(st.integers(10, 37))
    few = draw(st.lists(distance, min_size=1, max_size=draw(st.sampled_from([1, 3, 40]))))
    picked = draw(st.lists(st.sampled_from(few), min_size=pairs, max_size=pairs))
    labels = draw(st.lists(st.booleans(), min_size=pairs, max_size=pairs))
    if both:
        labels[:2] = [True, False]
    kind = draw(st.sampled_from([np.float32, np.float64]))
    return np.maximum(np.array(picked, kind), 0), np.array(labels)


@given(st.integers(10, 200), st.integers(2, 10))
@tried
def test_folds_are_scikit_learns(pairs, folds):
    found = protocol.fold_slices(pairs, folds)
    expected = [test.tolist() for _, test in KFold(folds, shuffle=False).split(np.empty(pairs))]
    assert [list(range(fold.start, fold.stop)) for fold in found] == expected


@given(scored())
@tried
def test_the_protocol_is_its_restatement(given_):
    distances, issame = given_
    found = protocol.evaluate(distances, issame)
    # What numpy compares is a float64 with a float64, whatever the distances were computed in.
    said = np.array([[float(d) < t for d in distances] for t in THRESHOLDS.tolist()])
    right, tpr, fpr = said == issame, [], []
    for k, (train, test) in enumerate(KFold(10, shuffle=False).split(distances)):
        best = max(range(len(THRESHOLDS)), key=lambda t: (int(right[t, train].sum()), -t))
        assert found.threshold[k] == THRESHOLDS[best]
        assert found.accuracy[k] == right[best, test].sum() / len(test)
        tpr.append((said & issame)[:, test].sum(axis=1) / max(issame[test].sum(), 1))
        fpr.append((said & ~issame)[:, test].sum(axis=1) / max((~issame[test]).sum(), 1))
    np.testing.assert_allclose(found.tpr, np.mean(tpr, axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.fpr, np.mean(fpr, axis=0), rtol=0, atol=1e-12)


@given(scored())
@tried
def test_pairs_judged_by_their_fold_give_its_accuracy(given_):
    distances, issame = given_
    found = protocol.evaluate(distances, issame)
    right = metrics.judged_right(
        distances, issame, metrics.thresholds_of_pairs(found.threshold, len(issame))
    )
    for k, (_, test) in enumerate(KFold(10, shuffle=False).split(distances)):
        expected = [(float(distances[i]) < found.threshold[k]) == issame[i] for i in test]
        assert right[test].tolist() == expected
        assert found.accuracy[k] == sum(expected) / len(test)


@given(st.integers(1, 40), st.data())
@tried
def test_a_set_is_refused_where_some_folds_see_one_kind_alone(pairs, data):
    few = data.draw(st.integers(0, 4))
    where = data.draw(st.lists(st.integers(0, pairs - 1), min_size=few, max_size=few))
    issame = np.isin(np.arange(pairs), where) ^ data.draw(st.booleans())
    fine = pairs >= 10 and all(
        0 < issame[train].sum() < len(train) for train, _ in KFold(10).split(issame)
    )
    try:
        protocol.refuse_unscorable(issame, Path("set"))
        assert fine
    except ChainError as error:
        assert not fine and str(error).startswith("set")


@given(scored(both=True))
@tried
def test_the_curve_is_every_step_of_the_threshold(given_):
    distances, issame = given_
    curve = metrics.roc(distances, issame)
    steps = [-1.0, *sorted(set(distances.tolist()))]
    said = np.array([[d <= t for d in distances.tolist()] for t in steps])
    assert curve.far.tolist() == (said[:, ~issame].sum(axis=1) / (~issame).sum()).tolist()
    assert curve.tar.tolist() == (said[:, issame].sum(axis=1) / issame.sum()).tolist()


@given(scored(both=True))
@tried
def test_auc_and_eer(given_):
    distances, issame = given_
    found = metrics.measures(distances, issame, np.full(10, 1.0))
    same, different = distances[issame], distances[~issame]
    # Mann and Whitney: rightly ordered couples, half of those that are equal.
    couples = (same[:, None] < different).mean() + (same[:, None] == different).mean() / 2
    assert found["auc"] == pytest.approx(couples, abs=1e-12)
    assert found["auc"] == pytest.approx(roc_auc_score(issame, -distances), abs=1e-12)
    curve = metrics.roc(distances, issame)
    at = np.arange(len(curve.far))

    def excess(t):
        return np.interp(t, at, curve.far) - (1 - np.interp(t, at, curve.tar))

    crossing = brentq(excess, 0, at[-1], xtol=1e-12)
    assert found["eer"] == pytest.approx(np.interp(crossing, at, curve.far), abs=1e-9)


@given(scored(both=True), distance)
@tried
def test_errors_at_a_threshold(given_, threshold):
    distances, issame = given_
    found = threshold_card.operating_point(distances, issame, threshold)
    pairs = list(zip(distances.tolist(), issame.tolist(), strict=True))
    assert found["false_accepts"] == sum(d < threshold and not same for d, same in pairs)
    assert found["false_rejects"] == sum(not d < threshold and same for d, same in pairs)
    for rate, wrong, of in (
        ("far", found["false_accepts"], int((~issame).sum())),
        ("frr", found["false_rejects"], int(issame.sum())),
    ):
        low = stats.beta.ppf(0.025, wrong, of - wrong + 1) if wrong else 0
        high = stats.beta.ppf(0.975, wrong + 1, of - wrong) if wrong < of else 1
        assert found[rate] == wrong / of
        assert found[f"{rate}_interval"] == pytest.approx([low, high], abs=1e-9)


@given(scored(both=True), st.sampled_from(["1e-1", "0.25", "0.5", "1e-2"]))
@tried
def test_the_threshold_of_a_rate_is_the_highest(given_, far):
    distances, issame = given_
    different, same = distances[~issame].tolist(), distances[issame].tolist()
    allowed = int(len(different) * Fraction(far))
    found = threshold_card.at_far(distances, issame, float(far))
    if not allowed:
        assert found["tar"] is None and str(len(different)) in found["note"]
        return
    threshold = found["threshold"]
    assert found["false_accepts"] == sum(d < threshold for d in different) <= allowed
    assert sum(d <= threshold for d in different) > allowed
    assert found["tar"] == pytest.approx(sum(d < threshold for d in same) / len(same))


@given(st.integers(10, 5000), st.floats(0.02, 0.98))
@tried
def test_the_interval_has_the_binomial_distributions_ends(pairs, share):
    right = np.arange(pairs) < round(pairs * share)
    low, high = metrics.mean_interval(right)
    p = right.mean()
    # Four standard errors of a quantile of 9,999 resamples.
    slack = 4 * (0.025 * 0.975 / metrics.RESAMPLES) ** 0.5
    for end, level in ((low, 0.025), (high, 0.975)):
        below, above = np.floor(end * pairs + 1e-6), np.ceil(end * pairs - 1e-6)
        assert stats.binom.cdf(above, pairs, p) >= level - slack
        assert stats.binom.cdf(below - 1, pairs, p) <= level + slack


def test_the_interval_of_differences_is_that_of_a_bootstrap_over_pairs():
    values = np.repeat([-1.0, 0.0, 1.0], [70, 1900, 30])
    found = metrics.mean_interval(values)
    plain = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", batch=200, rng=1
    ).confidence_interval
    # Of one resampling and of another; the ends lie 0.005 from the mean each.
    assert found == pytest.approx(tuple(plain), abs=3e-4)
