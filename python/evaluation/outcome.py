"""One accuracy result with all that it was computed from, checked to belong together."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from errors import ChainError
from evaluate import evaluate, pair_distances
from metrics import judged_right, thresholds_of_pairs
from score import load_embeddings


class Outcome(NamedTuple):
    """``result``: accuracy.json of ``folder``; per pair, (N,): ``issame`` and ``right`` bool,
    ``distances`` and ``thresholds`` (of the pair's own fold) float; ``embeddings`` (2N, 512).
    """

    folder: Path
    result: dict[str, Any]
    embeddings: np.ndarray
    issame: np.ndarray
    distances: np.ndarray
    thresholds: np.ndarray
    right: np.ndarray


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``; raises ``ChainError`` where it holds anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChainError(f"{path} is missing; run the configuration first.") from None
    except ValueError as error:
        raise ChainError(f"{path} is no JSON ({error}); remove it and run make again.") from None
    if not isinstance(value, dict):
        raise ChainError(f"{path} holds no JSON object; remove it and run make again.")
    return value


def load_outcome(folder: Path, data: Path) -> Outcome:
    """Load the result ``folder``, with the labels of its set from the folder ``data``.

    Raises ``ChainError`` where a file is missing, or where embeddings and labels do not give the
    accuracies that accuracy.json holds: they then come from different runs.
    """
    result = read_json(folder / "accuracy.json")
    labels = data / f"{result['dataset']}_list.npy"
    for path in (folder / "embeddings.npy", labels):
        if not path.exists():
            raise ChainError(f"{path} is missing; run make accuracy for {folder.name} again.")
    issame = np.load(labels, allow_pickle=False)
    embeddings = load_embeddings(folder / "embeddings.npy", len(issame))
    distances = pair_distances(embeddings)
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
