"""Encoded image -> pixels, as the guide keeps them: BGR, 112x112, uint8."""

import os
from pathlib import Path
from typing import Any

import numpy as np

# A few bytes can claim a picture of gigabytes; OpenCV reads this limit when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(4096 * 4096))
import cv2

from errors import ChainError

SIDE = 112


def decode(encoded: Any, index: int, path: Path) -> np.ndarray:
    """Return image ``index`` of file ``path`` as uint8 (3, 112, 112), channels in BGR order.

    ``encoded`` is a JPEG or PNG as bytes or 1-d uint8 array. Raises ``ChainError`` naming
    file and index where it cannot be decoded or has another size.
    """
    if isinstance(encoded, np.ndarray):
        data = encoded if encoded.dtype == np.uint8 and encoded.ndim == 1 else None
    else:
        data = np.frombuffer(encoded, np.uint8) if isinstance(encoded, bytes) else None
    if data is None:
        raise ChainError(f"{path}: image {index} is a {type(encoded).__name__}, not JPEG or PNG.")
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ChainError(f"{path}: image {index} cannot be decoded; get a fresh copy of the file.")
    if pixels.shape != (SIDE, SIDE, 3):
        height, width = pixels.shape[:2]
        raise ChainError(
            f"{path}: image {index} is {width}x{height}; align the faces to {SIDE}x{SIDE} first."
        )
    return pixels.transpose(2, 0, 1)
