"""Encoded image -> pixels, as the guide keeps them: BGR, 112x112, uint8."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from dataset.image_header import LARGEST_PIXELS

# A second lock behind the check of the header; OpenCV reads this limit when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(LARGEST_PIXELS))
import cv2

from common.errors import ChainError
from common.shapes import SIDE
from dataset import image_header


def decode(encoded: Any, index: int, path: Path) -> np.ndarray:
    """Return image ``index`` of file ``path`` as uint8 (3, 112, 112), channels in BGR order.

    ``encoded`` is a JPEG or PNG as bytes or 1-d uint8 array. Raises ``ChainError`` naming
    file and index where it cannot be decoded or has another size.
    """
    return pixels(encoded, f"{path}: image {index}").transpose(2, 0, 1)


def pixels(encoded: Any, name: str) -> np.ndarray:
    """Return ``encoded``, as for ``decode``, as uint8 (112, 112, 3) in BGR order.

    ``name`` is the image's, for messages. A header that claims another size is refused before
    decoding: a few bytes can claim a picture of gigabytes.
    """
    if isinstance(encoded, np.ndarray):
        data = encoded if encoded.dtype == np.uint8 and encoded.ndim == 1 else None
    else:
        data = np.frombuffer(encoded, np.uint8) if isinstance(encoded, bytes) else None
    if data is None:
        raise ChainError(f"{name} is a {type(encoded).__name__}, not JPEG or PNG.")
    size = image_header.size(encoded if isinstance(encoded, bytes) else memoryview(data))
    if size is not None and size != (SIDE, SIDE):
        raise ChainError(f"{name} is {size[0]}x{size[1]}; align the faces to {SIDE}x{SIDE} first.")
    try:
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if size is not None else None
    except cv2.error:
        decoded = None
    if decoded is None or decoded.shape != (SIDE, SIDE, 3):
        raise ChainError(f"{name} cannot be decoded; get a fresh copy of the file.")
    return decoded
