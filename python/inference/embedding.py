"""Crops -> one embedding for each, by an engine that runs arrays."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from common.arrays import read_npy
from common.errors import ChainError
from common.progress import progress
from common.shapes import VIEWS
from dataset.crop_store import Crops
from dataset.crops import Batch, batches, prefetch
from dataset.preprocessing import Preprocessing
from engines import Engine
from inference.pieces import Pieces
from inference.schedule import Busy, outputs

# A batch, or one that says more of itself.
AnyBatch = TypeVar("AnyBatch", bound=Batch)


class NotFinite(ChainError):
    """The output for ``image``, a number as its batch has it, is not finite."""

    def __init__(self, sentence: str, image: int = -1) -> None:  # as it is unpickled: alone
        super().__init__(sentence)
        self.image = image


def read_unique_index(path: Path | None, images: int) -> np.ndarray:
    """Return for each of ``images`` crops the first one of the same pixels, int (images,).

    ``path`` is what preprocess wrote; with None every crop is its own. Raises ``ChainError``
    where it belongs to another set.
    """
    every = np.arange(images)
    index = read_npy(path, "i", 1) if path else every
    if index.shape != every.shape:
        raise ChainError(f"{path} is not of this decoded set; run make preprocess.")
    return index


def lengths(sums: np.ndarray, names: Sequence[object]) -> np.ndarray:
    """Return the length of each row of ``sums``, float32 (n, D), as (n, 1).

    ``names`` are the n images that they are of; ``ChainError`` names one whose length is zero or
    beyond float32.
    """
    found = np.linalg.norm(sums, axis=1, keepdims=True)
    bad = ~((found > 0) & np.isfinite(found)).ravel()
    if bad.any():
        k = int(bad.argmax())
        raise ChainError(
            f"image {names[k]} has an embedding of length {found[k, 0]:g}, which has no direction; "
            "check the weights and the precision."
        )
    return found


def to_unit_length(sums: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return each row of ``sums`` divided by its length; both as ``lengths`` has them."""
    return sums / lengths(sums, which)


def answered(
    engine: Engine,
    batches: Iterable[AnyBatch],
    busy: Busy,
    name: Callable[[AnyBatch, int], object] = lambda batch, row: batch.images[row],
) -> Iterator[tuple[AnyBatch, np.ndarray]]:
    """Yield each of ``batches`` and the network's output for its rows, float32 (n, D), in order.

    ``NotFinite`` where an output is not; ``name`` says what a row of a batch shows.
    """
    # The batches that the engine has not answered yet.
    waiting: deque[AnyBatch] = deque()

    def inputs() -> Iterator[np.ndarray]:
        for batch in batches:
            waiting.append(batch)
            yield batch.input

    for output in outputs(engine, inputs(), busy):
        batch = waiting.popleft()
        output = output[: len(batch.images)]
        bad = ~np.isfinite(output).all(axis=1)
        if bad.any():
            k = int(bad.argmax())
            raise NotFinite(
                f"the network's output for image {name(batch, k)} is not finite; check the weights "
                "and the precision.",
                int(batch.images[k]),
            )
        yield batch, output


class Embedded(NamedTuple):
    """``embeddings``, float32 (images, D) of unit length, after ``seconds`` of a busy engine.

    Of all inferences ``kept`` were an earlier run's, which did not come to its end.
    """

    embeddings: np.ndarray
    seconds: float
    kept: int


def embed(
    engine: Engine,
    crops: Crops,
    unique_index: np.ndarray,
    batch_size: int,
    form: Preprocessing,
    pieces: Pieces | None = None,
) -> Embedded:
    """Return the embedding of each image.

    An embedding is the L2-normalised sum of the network's output for the crop and for its
    mirror image, as the reference protocol has it. ``unique_index``, int (images,), names for
    each crop the first one of the same pixels: only those are run. ``form`` is what the network
    expects of its input. What ``pieces`` hold is not computed again, and what is computed goes
    there meanwhile. Raises ``NotFinite`` naming
    the image where the network's output is not, ``ChainError`` where the sum has no direction.
    """
    sums = np.empty((0, 0), np.float32)
    which = np.unique(unique_index)
    first, done = 0, 0
    if pieces:
        begun, _ = pieces.read()
        first = done = len(begun)
        if first:
            sums = np.zeros((len(crops), begun.shape[1]), np.float32)
            sums[which[:first]] = begun
    total = -(-VIEWS * (len(which) - first) // batch_size)
    ready = prefetch(batches(crops, which[first:], batch_size, form, engine.takes_pixels))
    busy, views = Busy(), 0
    for batch, output in answered(engine, progress(ready, total), busy):
        if not sums.size:
            sums = np.zeros((len(crops), output.shape[1]), np.float32)
        np.add.at(sums, batch.images, output)
        views += len(batch.images)
        # Where images and batches end together, another run's batches are the same; and one is
        # left to it: what has no batch has no speed.
        now = first + views // VIEWS
        if pieces and pieces.due() and views % VIEWS == 0 and now < len(which):
            pieces.keep(sums[which[done:now]], {})
            done = now
    sums[which] = to_unit_length(sums[which], which)
    return Embedded(sums[unique_index], busy.seconds, VIEWS * first)
