"""Crops -> one embedding for each, by an engine that runs arrays."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.errors import ChainError
from common.progress import progress
from common.shapes import VIEWS
from dataset.crop_store import Crops
from dataset.crops import batches, prefetch
from dataset.preprocessing import Preprocessing
from engines import Engine
from inference.schedule import Busy, outputs


def read_unique_index(path: Path | None, images: int) -> np.ndarray:
    """Return for each of ``images`` crops the first one of the same pixels, int (images,).

    ``path`` is what preprocess wrote; with None every crop is its own. Raises ``ChainError``
    where it belongs to another set.
    """
    every = np.arange(images)
    index = np.load(path, allow_pickle=False) if path else every
    if index.shape != every.shape:
        raise ChainError(f"{path} is not of this decoded set; run make preprocess.")
    return index


def to_unit_length(sums: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return each row of ``sums``, float32 (n, D), divided by its length.

    ``which``, int (n,), are the images that they are of; ``ChainError`` names one of length zero.
    """
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    if not lengths.all():
        raise ChainError(f"image {which[lengths.argmin()]} has an embedding of length zero.")
    return sums / lengths


def embed(
    engine: Engine,
    crops: Crops,
    unique_index: np.ndarray,
    batch_size: int,
    form: Preprocessing,
) -> tuple[np.ndarray, float]:
    """Return float32 (images, D) unit-length embeddings and the seconds the engine was busy.

    An embedding is the L2-normalised sum of the network's output for the crop and for its
    mirror image, as the reference protocol has it. ``unique_index``, int (images,), names for
    each crop the first one of the same pixels: only those are run. ``form`` is what the network
    expects of its input. Raises ``ChainError`` naming
    the image where the network's output is not finite.
    """
    sums = np.empty((0, 0), np.float32)
    which = np.unique(unique_index)
    total = -(-VIEWS * len(which) // batch_size)
    # The crops of the batches that the engine has not answered yet.
    waiting: deque[np.ndarray] = deque()

    def inputs() -> Iterator[np.ndarray]:
        ready = prefetch(batches(crops, which, batch_size, form, engine.takes_pixels))
        for batch in progress(ready, total):
            waiting.append(batch.images)
            yield batch.input

    busy = Busy()
    for output in outputs(engine, inputs(), busy):
        images = waiting.popleft()
        output = output[: len(images)]
        bad = ~np.isfinite(output).all(axis=1)
        if bad.any():
            raise ChainError(
                f"the network's output for image {images[bad][0]} is not finite; check the "
                "weights and the precision."
            )
        if not sums.size:
            sums = np.zeros((len(crops), output.shape[1]), np.float32)
        np.add.at(sums, images, output)
    sums[which] = to_unit_length(sums[which], which)
    return sums[unique_index], busy.seconds
