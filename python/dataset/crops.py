"""Decoded crops -> batches for the network: normalised, both views, fixed batch size."""

import queue
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from common.errors import ChainError
from common.shapes import SIDE
from dataset import crop_store
from dataset.crop_store import Crops
from dataset.preprocessing import Preprocessing

# A decoded set is data/<name>_crops.
SUFFIX = "_crops"
Item = TypeVar("Item")


class Batch(NamedTuple):
    """``input``: (B, 3, 112, 112), float32 or uint8 pixels.

    Row r shows crop ``images[r]``, further rows nothing.
    """

    images: np.ndarray
    input: np.ndarray


def open_crops(path: Path) -> Crops:
    """Open the decoded set ``path``: uint8 (images, 3, 112, 112), BGR.

    Raises ``ChainError`` where it is missing or has another layout.
    """
    try:
        crops = crop_store.open_set(path)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ChainError(f"{path} is not a decoded set ({error}); run make preprocess.") from None
    if crops.dtype != np.uint8 or crops.shape[1:] != (3, SIDE, SIDE):
        raise ChainError(
            f"{path} holds {crops.dtype} {crops.shape} instead of uint8 (N, 3, {SIDE}, {SIDE}); "
            "remove it and run make preprocess."
        )
    return crops


def set_name(path: Path) -> str:
    """Return the name of the set whose decoded crops are in the folder ``path``."""
    return path.name.removesuffix(SUFFIX)


def batches(
    crops: Crops,
    which: np.ndarray,
    batch_size: int,
    preprocessing: Preprocessing,
    as_pixels: bool = False,
) -> Iterator[Batch]:
    """Yield the crops ``which``, int (n,) ascending: each crop, then its mirror image.

    Channels are in the network's order. Inputs are normalised float32, or uint8 ``as_pixels``
    for an engine that normalises itself.

    Every input has exactly ``batch_size`` rows; the last one is padded with zeros. No more
    than a chunk of crops and a batch are held at a time.
    """
    yield from in_batches(_each(crops, which), batch_size, preprocessing, as_pixels)


def _each(crops: Crops, which: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    pixels, offset = np.empty((0, 3, SIDE, SIDE), np.uint8), 0
    for image in map(int, which):
        if image >= offset + len(pixels):
            offset = image
            pixels = crops[offset : offset + crops.chunklen]
        yield image, pixels[image - offset]


def in_batches(
    crops: Iterable[tuple[int, np.ndarray]],
    batch_size: int,
    preprocessing: Preprocessing,
    as_pixels: bool = False,
) -> Iterator[Batch]:
    """Yield ``crops``, each a number and uint8 (3, 112, 112) in BGR, as ``batches`` does."""
    kind = np.uint8 if as_pixels else np.float32
    images, values = [], np.zeros((batch_size, 3, SIDE, SIDE), kind)
    for image, crop in crops:
        value = preprocessing.pixels(crop) if as_pixels else preprocessing.normalise(crop)
        for view in (value, value[..., ::-1]):
            values[len(images)] = view
            images.append(image)
            if len(images) == batch_size:
                yield Batch(np.array(images), values)
                images, values = [], np.zeros_like(values)
    if images:
        yield Batch(np.array(images), values)


def first_batch(
    path: Path, batch_size: int, preprocessing: Preprocessing, as_pixels: bool = False
) -> np.ndarray:
    """Return a batch of the first crops of the decoded set ``path``, as ``batches`` makes it.

    Timings want real pixels: zeros or noise can take another path through the arithmetic.
    """
    crops = open_crops(path)
    which = np.arange(min(len(crops), batch_size))
    return next(batches(crops, which, batch_size, preprocessing, as_pixels)).input


def prefetch(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield from ``items`` while a thread prepares up to ``depth`` further ones.

    What the thread raises is raised here; leaving the loop early ends the thread.
    """
    ready: queue.Queue = queue.Queue(depth)
    left = threading.Event()

    def put(entry: tuple[bool, object]) -> bool:
        while not left.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            more, value = ready.get()
            if more:
                yield value
            elif value is None:
                return
            else:
                raise value
    finally:
        left.set()
        thread.join()
