"""The verification protocol: ten unshuffled folds, threshold from nine, accuracy on the tenth.

Agrees with ``evaluate`` of the public reference (InsightFace_Pytorch, verifacation.py) bit for
bit in accuracy and threshold.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import KFold

from common.errors import ChainError

FOLDS = 10
THRESHOLDS = np.arange(0, 4, 0.01)
# Squared distance of what is equal but for rounding; pictures that differ are 1e-3 apart and more.
EQUAL = 1e-6


class Evaluation(NamedTuple):
    """``accuracy`` and ``threshold``: float64 (folds,); ``tpr`` and ``fpr``: float64 (400,)."""

    accuracy: np.ndarray
    threshold: np.ndarray
    tpr: np.ndarray
    fpr: np.ndarray


def pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distance of rows 2k and 2k+1: (2N, D) -> (N,), same dtype."""
    return np.square(embeddings[0::2] - embeddings[1::2]).sum(axis=1)


def refuse_equal(distances: np.ndarray, source: Path) -> None:
    """Raise ``ChainError`` where most of ``distances``, (N,), are zero: of equal embeddings.

    A network that ignores its input would be scored as any other. ``source`` is what they are of.
    """
    equal = int((distances < EQUAL).sum())
    if 2 * equal > len(distances):
        raise ChainError(
            f"{source}: {equal} of {len(distances)} pairs have two equal embeddings: the network "
            "does not see its input; check the weights, the precision and the device."
        )


def evaluate(distances: np.ndarray, issame: np.ndarray, folds: int = FOLDS) -> Evaluation:
    """Score squared ``distances`` (N,) against the labels ``issame``, bool (N,); N >= folds.

    A pair counts as the same person where its distance is below the threshold. For each fold
    the threshold is the lowest of ``THRESHOLDS`` with the best accuracy on the other folds.
    ``tpr`` and ``fpr`` are means over folds for each threshold; a fold with no pair of a kind
    contributes 0, as in the reference.
    """
    thresholds = THRESHOLDS
    # The first threshold above the distance: from there on, the pair is predicted to be same.
    first = np.searchsorted(thresholds, distances.astype(np.float64), side="right")
    count = len(thresholds)

    def predicted_same(of_kind: np.ndarray) -> np.ndarray:
        return np.bincount(first[of_kind], minlength=count + 1)[:count].cumsum()

    issame = np.asarray(issame, bool)
    true_positives = np.empty((folds, count))
    false_positives = np.empty((folds, count))
    same, size = np.empty(folds), np.empty(folds)
    for k, (_, test) in enumerate(KFold(folds, shuffle=False).split(first)):
        inside = np.zeros(len(first), bool)
        inside[test] = True
        true_positives[k] = predicted_same(inside & issame)
        false_positives[k] = predicted_same(inside & ~issame)
        same[k], size[k] = issame[test].sum(), len(test)

    different = size - same
    correct = true_positives + different[:, None] - false_positives
    train_accuracy = (correct.sum(axis=0) - correct) / (size.sum() - size)[:, None]
    best = train_accuracy.argmax(axis=1)
    return Evaluation(
        accuracy=correct[np.arange(folds), best] / size,
        threshold=thresholds[best],
        tpr=(true_positives / np.maximum(same, 1)[:, None]).mean(axis=0),
        fpr=(false_positives / np.maximum(different, 1)[:, None]).mean(axis=0),
    )
