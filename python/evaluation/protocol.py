"""The verification protocol: ten unshuffled folds, threshold from nine, accuracy on the tenth.

Agrees with ``evaluate`` of the public reference (InsightFace_Pytorch, verifacation.py) bit for
bit in accuracy and threshold.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

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


def fold_slices(pairs: int, folds: int = FOLDS) -> list[slice]:
    """Return the pairs of each fold, one after the other and as many in each as in the others.

    The first ones have one more where the number does not divide (scikit-learn's ``KFold``).
    """
    ends = np.cumsum([pairs // folds + (k < pairs % folds) for k in range(folds)]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def refuse_unscorable(issame: np.ndarray, source: Path) -> None:
    """Raise ``ChainError`` where the protocol has no threshold to choose for ``issame``, bool (N,).

    That is with fewer pairs than folds, and where the nine folds that choose one have pairs of one
    kind alone: any threshold at the end of the scale is then the best. ``source`` has the labels.
    """
    pairs, same = len(issame), int(issame.sum())
    if pairs < FOLDS:
        raise ChainError(
            f"{source} has {pairs} pairs; the protocol's {FOLDS} folds need {FOLDS} or more."
        )
    if same in (0, pairs):
        kind = "the same person" if same else "different persons"
        raise ChainError(
            f"{source}: all {pairs} pairs are of {kind}, so that there is no threshold to choose; "
            "give a set with pairs of both kinds."
        )
    for fold in fold_slices(pairs):
        inside, size = int(issame[fold].sum()), fold.stop - fold.start
        if inside == same or size - inside == pairs - same:
            kind = "the same person" if inside == same else "different persons"
            raise ChainError(
                f"{source}: all pairs of {kind} are among pairs {fold.start} to {fold.stop - 1}, "
                "one fold, for which the others have no threshold to choose; mix the pairs."
            )


def refuse_repeats(unique_index: np.ndarray, source: Path) -> None:
    """Raise ``ChainError`` where the pairs of a set are of too few different pictures.

    ``unique_index``, int (2N,), names for each picture the first one of the same pixels.
    """
    pairs = np.sort(unique_index.reshape(-1, 2), axis=1)
    alike = int((pairs[:, 0] == pairs[:, 1]).sum())
    if 2 * alike > len(pairs):
        raise ChainError(
            f"{source}: {alike} of {len(pairs)} pairs show one picture twice, whose distance is 0 "
            "for any network; give a set of different pictures."
        )
    different = len(np.unique(pairs, axis=0))
    if different < FOLDS:
        raise ChainError(
            f"{source}: only {different} of its {len(pairs)} pairs are different, the others "
            f"repeat them; the protocol's {FOLDS} folds need {FOLDS} or more."
        )


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
        return np.bincount(of_kind, minlength=count + 1)[:count].cumsum()

    issame = np.asarray(issame, bool)
    true_positives = np.empty((folds, count))
    false_positives = np.empty((folds, count))
    same, size = np.empty(folds), np.empty(folds)
    for k, test in enumerate(fold_slices(len(first), folds)):
        inside = issame[test]
        true_positives[k] = predicted_same(first[test][inside])
        false_positives[k] = predicted_same(first[test][~inside])
        same[k], size[k] = inside.sum(), len(inside)

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
