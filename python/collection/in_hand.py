"""A shard that is being embedded: what is computed of it so far, and where an earlier try ended."""

from __future__ import annotations

import numpy as np

from collection.sources import Input
from common.shapes import VIEWS
from inference.pieces import Pieces


class ShardInHand:
    """A shard in hand, ``again`` if it was before. ``bad``: the reason of each unreadable row.

    What ``pieces`` hold of it is not done again: it goes on at row ``first``.
    """

    def __init__(self, shard: int, inputs: list[Input], pieces: Pieces, again: bool) -> None:
        self.shard, self.inputs, self.again, self.pieces = shard, inputs, again, pieces
        # Without a try before this one there is nothing, and a store need not be asked.
        sums, bad = pieces.read() if again else (np.empty((0, pieces.dimension)), {})
        self.first, self._views = len(sums), 0
        self.sums = np.zeros((len(inputs), pieces.dimension), np.float32)
        self.sums[: self.first] = sums
        self.bad = {int(row): reason for row, reason in bad.items()}

    def add(self, images: np.ndarray, output: np.ndarray) -> None:
        """Take ``output``, float32 (n, D), of a view of each of the rows ``images``."""
        np.add.at(self.sums, images, output)
        self._views += len(images)
        # Where rows and batches end together, another try's batches are the same.
        if self.pieces.due() and self._views % VIEWS == 0:
            rows = slice(self.pieces.rows, int(images[-1]) + 1)
            known = self.bad.copy()  # another thread adds to it
            self.pieces.keep(
                self.sums[rows], {row: known[row] for row in known if rows.start <= row < rows.stop}
            )
