"""The pairs that a model got wrong, as pictures, worst first."""

import base64
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from common.errors import ChainError
from dataset.crop_store import Crops
from dataset.crops import SUFFIX, open_crops
from reporting.configuration import Configuration
from seals.seal import check

SHOWN = 100
QUALITY = 88  # JPEG: a crop is about 4 kB


class WrongPair(NamedTuple):
    """Pair ``index`` of a set, ``same`` or not, at its squared ``distance`` in the configuration
    that got it most wrong, with the ``threshold`` of its fold there; ``wrong_in`` names all that
    got it wrong; ``left`` and ``right`` are data URIs, None without the decoded set.
    """

    index: int
    same: bool
    distance: float
    threshold: float
    wrong_in: list[str]
    left: str | None
    right: str | None


def wrong_pairs(
    members: list[Configuration], data: Path
) -> tuple[list[WrongPair], int, str | None]:
    """Return the wrong pairs of a group that shares its set: up to 100, their number in all, and
    a note where there are no pictures. The furthest on the wrong side of its threshold is first.
    """
    members = [c for c in members if c.outcome]
    if not members:
        return [], 0, None
    worst: dict[int, tuple[float, Configuration]] = {}
    for c in members:
        excess = np.abs(c.outcome.distances - c.outcome.thresholds)
        for k in np.flatnonzero(~c.outcome.right):
            if int(k) not in worst or excess[k] > worst[int(k)][0]:
                worst[int(k)] = (float(excess[k]), c)
    order = sorted(worst, key=lambda k: (-worst[k][0], k))
    crops, note = _crops(members[0], data) if order else (None, None)
    pairs = []
    for k in order[:SHOWN]:
        outcome = worst[k][1].outcome
        pairs.append(
            WrongPair(
                index=k,
                same=bool(outcome.issame[k]),
                distance=float(outcome.distances[k]),
                threshold=float(outcome.thresholds[k]),
                wrong_in=[c.label for c in members if not c.outcome.right[k]],
                left=None if crops is None else data_uri(crops[2 * k]),
                right=None if crops is None else data_uri(crops[2 * k + 1]),
            )
        )
    return pairs, len(order), note


def _crops(c: Configuration, data: Path) -> tuple[Crops | None, str | None]:
    path = data / f"{c['dataset']}{SUFFIX}"
    try:
        crops = open_crops(path)
        check(path)
        if crops.attrs["source_sha256"] != c["data_sha256"]:
            raise ChainError(f"{path} holds another set than the one measured")
    except (ChainError, KeyError) as error:
        return None, f"no pictures: {error}"
    return crops, None


def data_uri(crop: np.ndarray) -> str:
    """Return ``crop``, uint8 (3, 112, 112) in BGR, as a JPEG in a data: address."""
    _, jpeg = cv2.imencode(
        ".jpg", np.ascontiguousarray(crop.transpose(1, 2, 0)), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
