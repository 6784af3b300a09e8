"""A picture file of any size -> pixels: JPEG, PNG, BMP or WebP, grey, alpha, 8 or 16 bit."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import ChainError
from common.shapes import SIDE
from dataset import image_header
from dataset.decode import cv2
from dataset.image_header import LARGEST_PIXELS

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
# cv2.warpAffine counts pixels in 16 bits.
LARGEST_SIDE = (1 << 15) - 2
LARGEST_FILE = 256 << 20
# Crops for recognition are square: 96, 112, 128, 144, 160, 182, 192, 224. LFW's photographs are
# square too, and 250 pixels wide.
LARGEST_CROP = 224


class Photograph(NamedTuple):
    """``content``: the file's bytes; ``pixels``: uint8 (height, width, 3), BGR, upright."""

    content: bytes
    pixels: np.ndarray


def read(path: Path) -> Photograph:
    """Return the picture in the file ``path``, turned as its EXIF orientation says.

    Alpha is dropped, 16 bits become their upper 8, grey becomes three equal channels. Raises
    ``ChainError``, before anything is decoded, where the file or its picture is too large, is
    animated or is none of the formats; and where it is damaged. At most 256 MiB are read and 67
    million pixels (192 MiB) decoded.
    """
    with path.open("rb") as file:
        return decoded(file.read(LARGEST_FILE + 1), path)


def decoded(content: bytes, path: Path | str) -> Photograph:
    """Return the picture whose file is ``content`` as ``read`` does; messages name it ``path``."""
    if len(content) > LARGEST_FILE:
        raise ChainError(f"{path} is larger than {LARGEST_FILE >> 20} MiB; shrink the picture.")
    header = image_header.read(content)
    if header is None:
        raise ChainError(
            f"{path} is no whole JPEG, PNG, BMP or WebP picture; get a fresh copy or convert it."
        )
    if header.animated:
        raise ChainError(f"{path} is an animated {header.kind}; save one frame of it as a picture.")
    width, height = header.width, header.height
    if width * height > LARGEST_PIXELS or max(width, height) > LARGEST_SIDE:
        raise ChainError(
            f"{path} is {width}x{height}, and at most {LARGEST_PIXELS / 1e6:.0f} million pixels "
            f"and {LARGEST_SIDE} on a side can be read; shrink the picture."
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None or sorted(pixels.shape[:2]) != sorted((height, width)):
        raise ChainError(f"{path} cannot be decoded; get a fresh copy of the file.")
    return Photograph(content, pixels)


def read_crop(path: Path) -> Photograph:
    """Return the aligned crop in ``path``, as ``read`` does; ``ChainError`` unless it is 112x112.

    A square picture of at most 224 pixels is taken for a crop of another size, any other for a
    whole photograph.
    """
    return as_crop(read(path), path)


def as_crop(picture: Photograph, path: Path | str) -> Photograph:
    """Return ``picture`` if it is 112x112; else ``ChainError`` as of ``read_crop``."""
    height, width = picture.pixels.shape[:2]
    if (height, width) == (SIDE, SIDE):
        return picture
    if height == width <= LARGEST_CROP:
        raise ChainError(
            f"{path} is a crop of {width}x{height}; resize it to {SIDE}x{SIDE} if it was aligned "
            "to the ArcFace template, or align again from the photograph with ALIGN=1."
        )
    raise ChainError(
        f"{path} is {width}x{height}, a whole photograph; add ALIGN=1 to find and align its face."
    )


def as_png(pixels: np.ndarray) -> bytes:
    """Return ``pixels``, uint8 (height, width, 3) in BGR, as PNG: nothing is lost."""
    return cv2.imencode(".png", pixels)[1].tobytes()
