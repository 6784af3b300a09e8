"""A small verification .bin from the 100 LFW faces that scikit-image ships.

It checks the plumbing: a same-person pair is two perturbed views of one 25x25 picture.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from skimage.data import lfw_subset

from common.errors import exit_with
from common.shapes import SIDE
from dataset import verification_bin
from seals.products import product

FACES = 100  # lfw_subset holds 100 faces, then 100 patches that are none
SEED = 112


def view(face: np.ndarray, random: np.random.Generator) -> bytes:
    """Return ``face``, float (25, 25) in [0, 1], as a perturbed JPEG of 112x112 colour pixels.

    The perturbations are a shift of up to 3 pixels, a turn of up to 6 degrees, 5% of scale,
    brightness and contrast, and noise.
    """
    large = cv2.resize((face * 255).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    centre = (SIDE - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (centre, centre), random.uniform(-6, 6), random.uniform(0.95, 1.05)
    )
    matrix[:, 2] += random.uniform(-3, 3, 2)
    turned = cv2.warpAffine(large, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    lit = (turned - 128) * random.uniform(0.9, 1.1) + 128 + random.uniform(-12, 12)
    colour = lit[..., None] + random.normal(0, 4, (SIDE, SIDE, 3))
    _, jpeg = cv2.imencode(".jpg", colour.clip(0, 255).astype(np.uint8))
    return jpeg.tobytes()


def demo_pairs(pairs: int) -> tuple[list[bytes], list[bool]]:
    """Return ``2 * pairs`` JPEGs and ``pairs`` labels, same and different in turn; seeded."""
    random = np.random.default_rng(SEED)
    faces = lfw_subset()[:FACES]
    images, issame = [], []
    for k in range(pairs):
        same = k % 2 == 0
        first = random.integers(FACES)
        second = first if same else (first + random.integers(1, FACES)) % FACES
        images += [view(faces[first], random), view(faces[second], random)]
        issame.append(same)
    return images, issame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--out", type=Path, required=True, help="verification .bin to write")
    args = parser.parse_args()
    with product(args.out) as temporary:
        verification_bin.write(temporary, *demo_pairs(args.pairs))


if __name__ == "__main__":
    exit_with(main)
