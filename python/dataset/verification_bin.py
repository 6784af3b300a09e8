"""The verification .bin: a pickle of (2N encoded images, N booleans), pair k being 2k and 2k+1.

The file is read as a description (``safe_pickle``), from which the few forms that images and
labels come in are picked out; whatever else a pickle may ask for is refused by name.
"""

import hashlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import ChainError
from common.files import replacing
from dataset.bin_values import ALLOWED, Values
from safe_pickle import reader
from safe_pickle.reader import Refused

# The file is read into memory; LFW as it is published has 64 MB.
LARGEST = 4 << 30
# Three million pairs. A decoded image takes 37 KB on disk, wherever the file lists it again.
MAX_IMAGES = 6_000_000
# Up to this many, an image may be listed as often as one likes: half a gigabyte of crops.
FEW_IMAGES = 15_000


class Pairs(NamedTuple):
    """``images``: 2N encoded images (bytes or 1-d uint8 arrays); ``issame``: bool (N,)."""

    images: list[Any]
    issame: np.ndarray


def read(path: Path) -> Pairs:
    """Read the pairs of the verification file ``path`` without executing anything it holds.

    Raises ``ChainError`` where the file is not a pickle, is truncated, asks for any name outside
    the format, is not a pair (2N images, N booleans) with N >= 1, or lists its images more often
    than a set has a use for (``check_repeats``).
    """
    return parse(content(path), path)


def content(path: Path) -> bytes:
    """Return the bytes of ``path``; ``ChainError`` where they are more than ``LARGEST``."""
    with path.open("rb") as file:
        data = file.read(min(path.stat().st_size, LARGEST) + 1)
    if len(data) > LARGEST:
        raise ChainError(f"{path} is larger than {LARGEST >> 30} GiB; split the set.")
    return data


def parse(data: bytes, path: Path) -> Pairs:
    """Return the pairs in ``data``, the content of ``path``, as ``read`` does."""
    try:
        value, _ = reader.load(data, ALLOWED)
        values = Values(len(data))
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise ChainError(f"{path} holds no (images, issame) pair; give a verification .bin.")
        images, issame = values.items(value[0]), values.items(value[1])
    except Refused as error:
        raise ChainError(
            f"{path} cannot be read as a verification .bin ({error}); "
            "get a fresh copy or give another file with DATA=."
        ) from None
    if images is None or len(images) == 0:
        raise ChainError(
            f"{path}: its first part is not a list of images; give a verification .bin."
        )
    check_repeats(images, path)
    return Pairs(list(images), _labels(issame, len(images), path))


def check_repeats(images: Sequence[Any], path: Path) -> None:
    """Raise ``ChainError`` where ``images``, of ``path``, are too many to decode.

    A byte or two list an image again, and it is decoded each time. Of n different images there
    are n (n + 1) / 2 different pairs; a large set that has more repeats itself. So does any of
    more than ``MAX_IMAGES``, or it should be split.
    """
    if len(images) > MAX_IMAGES:
        raise ChainError(
            f"{path} lists {len(images):,} images, and at most {MAX_IMAGES:,} are decoded; "
            "split the set."
        )
    if len(images) <= FEW_IMAGES:
        return
    each = {id(image): image for image in images}.values()
    known = (image for image in each if isinstance(image, (bytes, np.ndarray)))
    different = len({hashlib.blake2b(image, digest_size=16).digest() for image in known})
    if len(images) > different * (different + 1):
        raise ChainError(
            f"{path} lists {len(images):,} images, of which only {different:,} differ: more pairs "
            "than there can be of them; leave out what is repeated."
        )


def _labels(issame: Any, images: int, path: Path) -> np.ndarray:
    if issame is None:
        raise ChainError(
            f"{path}: its second part is not a list of labels; give a verification .bin."
        )
    if len(issame) * 2 != images:
        raise ChainError(
            f"{path} has {images} images but {len(issame)} labels; "
            "a verification .bin has two images for each label."
        )
    if not all(isinstance(s, (bool, np.bool_, int, np.integer)) and s in (0, 1) for s in issame):
        raise ChainError(f"{path} has labels other than true and false; give a verification .bin.")
    return np.array([bool(s) for s in issame])


def write(path: Path, images: Sequence[bytes], issame: Sequence[bool]) -> None:
    """Write ``images`` (2N encoded images) and ``issame`` (N labels) as protocol-2 pickle."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        pickle.dump((list(images), [bool(s) for s in issame]), file, protocol=2)
