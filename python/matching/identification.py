"""Probes searched in a gallery: may they be compared, and how often is the right person found?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collection.embeddings import Collection
from common.errors import ChainError
from evaluation.metrics import far_name
from evaluation.threshold_card import FEW, allowed_accepts, at_far, rate
from matching.search import Nearest

RANKS = (1, 5)
FAR = 1e-2
# What two collections must share for their embeddings to lie in one space.
_SPACE = ("net", "weights_sha256", "preprocessing", "dimension")
_DESCRIBED = ("net", "checkpoint", "engine", "precision", "model_sha256", "weights_sha256")


def described(collection: Collection) -> dict[str, Any]:
    """Return what a record says of ``collection``."""
    configuration = collection.configuration
    return {
        "address": collection.address,
        "identity": collection.manifest["identity"],
        "source": collection.manifest.get("source"),
        "rows": collection.rows,
        "unreadable": collection.manifest.get("unreadable"),
        "dtype": collection.manifest["dtype"],
        "dimension": collection.dimension,
    } | {name: configuration.get(name) for name in _DESCRIBED}


def refuse_other_space(gallery: Collection, probes: Collection) -> None:
    """Raise ``ChainError`` unless both are of one network, its weights and its preprocessing."""
    for name in _SPACE:
        a, b = gallery.configuration.get(name), probes.configuration.get(name)
        if a != b:
            raise ChainError(
                f"GALLERY={gallery.address} and PROBES={probes.address} differ in "
                f"{name.replace('_', ' ')} ({_shown(a)} and {_shown(b)}), so that their distances "
                "mean nothing; embed both with one network, its weights and its preprocessing."
            )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {part}" for name, part in value.items())
    return value[:8] if isinstance(value, str) and len(value) == 64 else str(value)


def asymmetric(gallery: Collection, probes: Collection) -> str | None:
    """Return in words how the arithmetic of both differs; None where it is the same."""
    a, b = gallery.configuration, probes.configuration
    for name in (("precision",), ("engine", "precision")):
        one, other = (" ".join(str(of.get(part)) for part in name) for of in (a, b))
        if one != other:
            return f"gallery {one}, probes {other}"
    return None


def same_pictures(
    gallery: Collection, probes: Collection, keys: pa.ChunkedArray, mine: pa.ChunkedArray
) -> tuple[np.ndarray, str | None]:
    """Return for each probe the gallery's row of the same picture, int64 (P,), -1 for none.

    ``keys`` are the gallery's, ``mine`` the probes'. A picture is the same where its key is the
    same and both collections are of one source or one listing. Other sources may use a key again:
    where they do, no picture is the same, and a note, else None, says so.
    """
    places = _codes(mine, keys)
    if not (places >= 0).any():
        return places, None
    a, b = gallery.manifest, probes.manifest
    if any(a.get(name) and a.get(name) == b.get(name) for name in ("source", "listing_sha256")):
        return places, None
    note = (
        f"{(places >= 0).sum():,} keys are in both collections, which are of two sources "
        f"({a.get('source')} and {b.get('source')}): taken as different pictures"
    )
    return np.full(len(mine), -1, np.int64), note


def _codes(values: Any, among: Any) -> np.ndarray:
    """Return the place of each of ``values`` in ``among``, -1 where it is not: int64."""
    places = pc.index_in(values, value_set=among)
    return pc.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def rates(nearest: Nearest, labels: pa.ChunkedArray, mine: pa.ChunkedArray, same: np.ndarray):
    """Return how often the right person is found, a dict; ``notes`` say what is left out and why.

    ``labels`` are the gallery's, ``mine`` the probes', nulls being unknown; ``same`` is as
    ``same_pictures`` gives it. ``rank_k`` is over the *mated* probes, whose person the gallery has
    in another picture, with its exact interval (Clopper and Pearson). ``dir_at_far`` is the
    detection and identification rate at rank 1 (Grother and Phillips, ISO/IEC 19795-1): the share
    of mated probes whose nearest is right and below a threshold that at most one in a hundred
    of the *unknown* probes, whose person the gallery does not have, comes below.
    """
    names = pc.drop_null(pc.unique(labels))
    of_gallery, of_probes = _codes(labels, names), _codes(mine, names)
    labelled = mine.is_valid().to_numpy(zero_copy_only=False)
    # Null would be found as the place of a null, and there is none in names.
    size = np.bincount(of_gallery[of_gallery >= 0], minlength=len(names) + 1)
    own = (same >= 0) & (of_gallery[same] == of_probes)
    mated = labelled & (of_probes >= 0) & (size[of_probes] - own > 0)
    unknown = labelled & ~mated
    right = (nearest.rows >= 0) & (of_gallery[nearest.rows] == of_probes[:, None])
    found: dict[str, Any] = {
        "mated": int(mated.sum()),
        "unknown": int(unknown.sum()),
        "unlabelled_probes": int((~labelled).sum()),
        "unlabelled_gallery": int((of_gallery < 0).sum()),
    }
    notes = []
    if found["mated"]:
        for rank in RANKS:
            hits = int(right[mated, :rank].any(axis=1).sum())
            share, interval = rate(hits, found["mated"])
            found[f"rank_{rank}"] = {"rate": share, "interval": interval, "hits": hits}
        if found["mated"] < FEW:
            notes.append(f"few probes: {found['mated']} have their person in the gallery")
        if found["unlabelled_gallery"]:
            notes.append(
                f"{found['unlabelled_gallery']:,} gallery entries have no label: counted as others"
            )
    else:
        notes.append("no rank-1: no probe has a label that another picture of the gallery has")
    if found["mated"] and allowed_accepts(found["unknown"], FAR):
        found["dir_at_far"] = _dir(nearest.distances[:, 0], mated, unknown, right[:, 0])
    elif found["mated"]:
        notes.append(
            f"no DIR at FAR {far_name(FAR)}: {found['unknown']} probes have a label that the "
            f"gallery has not, and {round(1 / FAR)} are the least"
        )
    return found | {"notes": notes}


def _dir(distances: np.ndarray, mated: np.ndarray, unknown: np.ndarray, right: np.ndarray):
    # A wrong identity is not detected at any threshold.
    detected = np.where(right, distances, np.inf)[mated]
    point = at_far(
        np.concatenate([detected, distances[unknown]]),
        np.arange(len(detected) + unknown.sum()) < len(detected),
        FAR,
    )
    hits = int((detected < point["threshold"]).sum())
    return {
        "far": FAR,
        "rate": hits / len(detected),
        "interval": rate(hits, len(detected))[1],
        "hits": hits,
        "threshold": point["threshold"],
        "cosine": point["cosine"],
        "false_alarms": point["false_accepts"],
        "few": point["few"],
    }
