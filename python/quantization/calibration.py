"""The images INT8 is calibrated on and those it is judged by: seeded, none in common."""

from pathlib import Path

import numpy as np

import verification_bin
from checksum import sha256
from crops import normalise
from decode import decode
from errors import ChainError

SEED = 112
CALIBRATION, HELD_OUT = 200, 100


def sample(path: Path, most: int, seed: int, unlike: set[bytes]) -> dict[bytes, np.ndarray]:
    """Return up to ``most`` different images of the set ``path``, drawn with ``seed``.

    Each is float32 (3, 112, 112), by its encoding, which is not in ``unlike``.
    """
    images = verification_bin.read(path).images
    different = {bytes(encoded): index for index, encoded in enumerate(images)}
    candidates = [encoded for encoded in different if encoded not in unlike]
    order = np.random.default_rng(seed).permutation(len(candidates))[:most]
    chosen = [candidates[k] for k in order]
    return {encoded: normalise(decode(encoded, different[encoded], path)) for encoded in chosen}


def split(data: Path, calibration: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the images to calibrate on and those to compare on, float32 (N, 3, 112, 112) each.

    Both are seeded samples, of ``calibration`` and of ``data``, with no image in common.
    """
    count = len({bytes(encoded) for encoded in verification_bin.read(calibration).images})
    same = sha256(calibration) == sha256(data)
    most = min(CALIBRATION, count * 2 // 3 if same else count)
    learned = sample(calibration, most, SEED, set())
    held = sample(data, HELD_OUT, SEED + 1, set(learned))
    if not learned or not held:
        raise ChainError(f"{calibration} has too few different images; give a larger set in CALIB=")
    return np.stack(list(learned.values())), np.stack(list(held.values()))
