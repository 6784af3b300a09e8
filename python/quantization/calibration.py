"""The images INT8 is calibrated on and those it is judged by: seeded, none in common."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import ChainError
from dataset import verification_bin
from dataset.decode import decode
from dataset.preprocessing import Preprocessing

SEED = 112
CALIBRATION, HELD_OUT = 200, 100


class Images(NamedTuple):
    """The different encoded images of the set ``path``, with the index of each."""

    path: Path
    sha256: str
    different: dict[bytes, int]


def load(path: Path) -> Images:
    """Read the verification set ``path``."""
    content = verification_bin.content(path)
    images = verification_bin.parse(content, path).images
    different = {bytes(encoded): index for index, encoded in enumerate(images)}
    return Images(path, hashlib.sha256(content).hexdigest(), different)


def sample(
    images: Images, most: int, seed: int, unlike: set[bytes], form: Preprocessing
) -> dict[bytes, np.ndarray]:
    """Return up to ``most`` different ``images``, drawn with ``seed``.

    Each is float32 (3, 112, 112) in the network's ``form``, by its encoding, which is not in
    ``unlike``.
    """
    candidates = [encoded for encoded in images.different if encoded not in unlike]
    order = np.random.default_rng(seed).permutation(len(candidates))[:most]
    chosen = [candidates[k] for k in order]
    return {
        encoded: form.normalise(decode(encoded, images.different[encoded], images.path))
        for encoded in chosen
    }


def split(data: Images, calibration: Images, form: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Return the images to calibrate on and those to compare on, float32 (N, 3, 112, 112) each.

    Both are seeded samples, of ``calibration`` and of ``data``, with no image in common, in the
    network's ``form``.
    """
    count = len(calibration.different)
    most = min(CALIBRATION, count * 2 // 3 if calibration.sha256 == data.sha256 else count)
    learned = sample(calibration, most, SEED, set(), form)
    held = sample(data, HELD_OUT, SEED + 1, set(learned), form)
    if not learned or not held:
        raise ChainError(
            f"{calibration.path} has too few different images; give a larger set in CALIB="
        )
    return np.stack(list(learned.values())), np.stack(list(held.values()))
