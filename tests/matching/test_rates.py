"""How often the right person is found: by hand, and with a share of strangers."""

import numpy as np
import pyarrow as pa
import pytest

from evaluation.threshold_card import rate
from matching.identification import rates
from matching.search import Nearest


def chunked(values):
    return pa.chunked_array([pa.array(values, pa.string())])


def test_rates_by_hand():
    nearest = Nearest(6, 5)
    nearest.rows = np.array(
        [
            [0, 1, 2, 3, -1],  # a: right at once
            [2, 3, 0, 1, -1],  # a: right third
            [1, 3, 2, -1, -1],  # b, whose only picture is itself: unknown
            [3, 1, 0, 2, -1],  # x: unknown
            [0, 1, 2, 3, -1],  # no label
            [3, 0, 1, 2, -1],  # c: the first has no label
        ]
    )
    nearest.distances = np.tile([0.5, 0.6, 0.7, 0.8, np.inf], (6, 1))
    labels, mine = chunked(["a", "b", "c", None]), chunked(["a", "a", "b", "x", None, "c"])
    found = rates(nearest, labels, mine, np.array([-1, -1, 1, -1, -1, -1]))
    assert (found["mated"], found["unknown"], found["unlabelled_probes"]) == (3, 2, 1)
    assert found["rank_1"] == {"rate": 1 / 3, "interval": rate(1, 3)[1], "hits": 1}
    assert found["rank_5"]["hits"] == 3
    assert "dir_at_far" not in found
    few, unlabelled, no_dir = found["notes"]
    assert "few probes: 3" in few and unlabelled.startswith("1 gallery") and "100 are" in no_dir


@pytest.mark.parametrize("seed", range(4))
def test_dir_is_the_share_found_below_what_one_unknown_in_a_hundred_reaches(seed):
    random = np.random.default_rng(seed)
    people = [f"p{n}" for n in range(50)]
    mine = [f"p{n}" for n in random.integers(0, 100, 900)]
    nearest = Nearest(900, 2)
    nearest.rows = random.integers(0, 50, (900, 2))
    known = np.array([int(name[1:]) < 50 for name in mine])
    sure = known & (random.random(900) < 0.8)
    nearest.rows[sure, 0] = [int(mine[k][1:]) for k in np.flatnonzero(sure)]
    nearest.distances = np.sort(random.random((900, 2)) + 0.4 * ~sure[:, None], axis=1)
    found = rates(nearest, chunked(people), chunked(mine), np.full(900, -1))["dir_at_far"]
    unknown = np.sort(nearest.distances[~known, 0])
    threshold = unknown[int(len(unknown) * 0.01)]
    hits = 0
    for k in np.flatnonzero(known):
        right = people[nearest.rows[k, 0]] == mine[k]
        hits += right and nearest.distances[k, 0] < threshold
    assert (found["hits"], found["threshold"]) == (hits, threshold)
    assert found["rate"] == hits / known.sum() and found["interval"] == rate(hits, known.sum())[1]
    assert found["false_alarms"] == int(len(unknown) * 0.01) and found["few"]
