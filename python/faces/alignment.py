"""Five landmarks -> the crop that the ArcFace networks were trained on."""

import numpy as np

from common.errors import ChainError
from common.shapes import SIDE
from dataset.decode import cv2

# Left eye, right eye, nose tip, left and right corner of the mouth as seen in the picture: (x, y)
# in a 112x112 crop. insightface, python-package/insightface/utils/face_align.py (arcface_dst).
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
# Pixels, root mean square, from the centre of the points: below it there is no direction.
_SMALLEST_SPREAD = 0.5


def similarity(points: np.ndarray, target: np.ndarray = TEMPLATE) -> np.ndarray:
    """Return the similarity transform, float64 (2, 3), that takes ``points`` nearest to ``target``.

    Both are (N, 2). Rotation, uniform scale and shift with the least sum of squares, never a
    reflection: S. Umeyama, Least-squares estimation of transformation parameters between two
    point patterns, IEEE PAMI 13(4), 1991, equations 34 to 43. Raises ``ChainError`` where the
    points lie on one spot.
    """
    points, target = np.asarray(points, np.float64), np.asarray(target, np.float64)
    centre, target_centre = points.mean(axis=0), target.mean(axis=0)
    around, target_around = points - centre, target - target_centre
    variance = np.square(around).sum() / len(points)
    if not variance > _SMALLEST_SPREAD**2:
        raise ChainError("the five points lie on one spot")
    u, singular, v = np.linalg.svd(target_around.T @ around / len(points))
    sign = np.ones(2)
    if np.linalg.det(u) * np.linalg.det(v) < 0:
        sign[1] = -1
    rotation = (u * sign) @ v
    scale = (singular * sign).sum() / variance
    shift = target_centre - scale * rotation @ centre
    return np.column_stack([scale * rotation, shift])


def crop(pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the aligned crop of ``pixels``, (height, width, 3), uint8: uint8 (112, 112, 3).

    ``points``, (5, 2), are the landmarks in the order of ``TEMPLATE``. Bilinear, and black where
    the crop reaches beyond the picture. Raises ``ChainError`` as ``similarity`` does.
    """
    return cv2.warpAffine(
        pixels,
        similarity(points),
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
