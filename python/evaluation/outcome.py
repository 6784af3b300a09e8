"""One accuracy result with all that it was computed from, checked to belong together."""

import mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.arrays import read_npy
from common.errors import ChainError
from common.progress import progress
from evaluation.metrics import judged_right, thresholds_of_pairs
from evaluation.protocol import evaluate, pair_distances
from seals.products import read_json
from seals.seal import check, refuse_mixed

# Embeddings that are read at a time, an even number: 32 MB of 512 float32 each.
BLOCK = 1 << 14


class Outcome(NamedTuple):
    """``result``: accuracy.json of ``folder``; per pair, (N,): ``issame`` and ``right`` bool,
    ``distances`` and ``thresholds`` (of the pair's own fold) float; ``embeddings`` (2N, D), mapped.
    """

    folder: Path
    result: dict[str, Any]
    embeddings: np.ndarray
    issame: np.ndarray
    distances: np.ndarray
    thresholds: np.ndarray
    right: np.ndarray


def load_embeddings(path: Path, pairs: int) -> np.ndarray:
    """Return the embeddings in ``path``, mapped: float32 (2 * pairs, D).

    Raises ``ChainError`` where they are missing, too few or many.
    """
    if not path.exists():
        raise ChainError(f"{path} is missing; run make infer first.")
    embeddings = read_npy(path, "f", mapped=True)
    if embeddings.ndim != 2 or len(embeddings) != 2 * pairs:
        raise ChainError(
            f"{path} has shape {embeddings.shape} but the set has {pairs} pairs; "
            "remove it and run the set again."
        )
    return embeddings


def distances_of(embeddings: np.ndarray, path: Path) -> np.ndarray:
    """Return the ``pair_distances`` of ``embeddings``, those in ``path``, read block by block.

    Raises ``ChainError`` where one of them is not finite or not of unit length.
    """
    distances = np.empty(len(embeddings) // 2, embeddings.dtype)
    starts = range(0, len(embeddings), BLOCK)
    for start in progress(starts, len(starts), "block"):
        block = np.array(embeddings[start : start + BLOCK])
        # Pages that were read count as memory of this process for as long as they are mapped.
        if isinstance(embeddings, np.memmap):
            embeddings._mmap.madvise(mmap.MADV_DONTNEED)
        bad = ~(np.abs(np.linalg.norm(block, axis=1) - 1) < 1e-3)
        if bad.any():
            raise ChainError(
                f"{path}: the embedding of image {start + bad.argmax()} is not finite or not of "
                "unit length; check the weights, then remove it and run the set again."
            )
        distances[start // 2 : (start + BLOCK) // 2] = pair_distances(block)
    return distances


def load_outcome(folder: Path, data: Path) -> Outcome:
    """Load the result ``folder``, with the labels of its set from the folder ``data``.

    Raises ``ChainError`` where a file is missing, or where embeddings and labels do not give the
    accuracies that accuracy.json holds: they then come from different runs.
    """
    if not folder.is_dir():
        raise ChainError(
            f"{folder} is no folder; name a result's folder, such as those in result/."
        )
    result = read_json(folder / "accuracy.json", moved=True)
    refuse_mixed(folder)
    labels = data / f"{result['dataset']}_list.npy"
    for path in (folder / "embeddings.npy", labels):
        if not path.exists():
            raise ChainError(f"{path} is missing; run make accuracy for {folder.name} again.")
    check(labels)
    check(folder / "embeddings.npy", moved=True)
    issame = read_npy(labels, "b", 1)
    embeddings = load_embeddings(folder / "embeddings.npy", len(issame))
    distances = distances_of(embeddings, folder / "embeddings.npy")
    folds = len(result["fold_threshold"])
    found = evaluate(distances, issame, folds) if len(issame) >= folds else None
    if (
        found is None
        or not np.allclose(found.accuracy, result["fold_accuracy"], rtol=0, atol=1e-9)
        or not np.allclose(found.threshold, result["fold_threshold"], rtol=0, atol=1e-9)
    ):
        raise ChainError(
            f"{folder}: accuracy.json, embeddings.npy and {labels} do not belong together; "
            "run make accuracy for this configuration again."
        )
    thresholds = thresholds_of_pairs(found.threshold, len(issame))
    right = judged_right(distances, issame, thresholds)
    return Outcome(folder, result, embeddings, issame, distances, thresholds, right)
