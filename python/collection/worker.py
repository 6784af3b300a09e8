"""A shard's listing -> its embeddings and done record: read, decode, embed, write."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from collection import attempts, identity, layout, listing, pictures, shard
from collection.in_hand import ShardInHand
from collection.kinds import open_source
from collection.settings import Settings
from collection.storage import Storage
from common.errors import ChainError
from common.shapes import SIDE
from dataset.crops import in_batches, prefetch
from inference import configuration
from inference.embedding import answered, lengths
from inference.pieces import Pieces
from inference.schedule import Busy


class Counts(NamedTuple):
    """``rows`` of ``shard`` have an embedding, ``unreadable`` have none.

    Of its inputs ``inputs`` were read in this run.
    """

    shard: int
    inputs: int
    rows: int
    unreadable: int


class _Batch(NamedTuple):
    """A ``Batch`` of rows of ``work``; ``last``: no further one follows."""

    images: np.ndarray
    input: np.ndarray
    work: ShardInHand
    last: bool


def _as_they_are(items: Iterable[Any]) -> Iterable[Any]:
    return items


class Worker:
    """One engine, loaded once, for as many shards as come. ``waited`` grows by the seconds that
    the engine's supply had to be waited for.

    Raises ``ChainError`` as ``configuration.load_engine`` does.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.waited, self.startup = settings, 0.0, 0.0
        self._storage = Storage(settings.out)
        self._form = configuration.preprocessing_of(settings.model)
        self._engine = configuration.load_engine(settings, throughput=True)
        self.configuration = identity.of_engine(settings, self._engine)
        self._source = open_source(Path(settings.source))
        self._reader = pictures.Reader(self._source, settings.detector)
        self._careful = attempts.CarefulReader(Path(settings.source), settings.detector)
        self._identity: str | None = None

    def embed(self, number: int) -> Counts:
        """Write the embeddings of shard ``number`` and its done record.

        Raises ``ChainError`` where the manifest is of another model or machine's versions, where
        nothing can be written, where the network's output for an input is no embedding, and, with
        ``settings.strict``, at the first unreadable input.
        """
        (counts,) = self.run([number])
        return counts

    def run(
        self,
        shards: Iterable[int],
        watch: Callable[[Iterable[Any]], Iterable[Any]] = _as_they_are,
    ) -> Iterator[Counts]:
        """Do ``embed`` for each of ``shards``, the engine going on from one to the next.

        Yields the counts of each once it is written. ``watch`` is laid around the inputs.
        """
        self._check()
        batches = self._timed(prefetch(self._batches(shards, watch)))
        done = answered(
            self._engine, batches, Busy(), lambda b, row: b.work.inputs[b.images[row]].key
        )
        for batch, output in done:
            if batch.last:
                np.add.at(batch.work.sums, batch.images, output)
                yield self._write(batch.work)
            else:
                batch.work.add(batch.images, output)

    def _check(self) -> None:
        """Hold this worker against the manifest that it works for."""
        if self._identity is None:
            manifest = layout.read_manifest(self._storage)
            if manifest is None:
                raise ChainError(f"{self.settings.out} has no {layout.MANIFEST}; run make embed.")
            mine = manifest | {"configuration": self.configuration, "dtype": self.settings.dtype}
            identity.refuse_others(mine, manifest, self.settings.out)
            self._identity = manifest["identity"]

    def _timed(self, batches: Iterator[_Batch]) -> Iterator[_Batch]:
        first = True
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            # The first one cannot be there before it is asked for.
            self.waited += 0 if first else time.perf_counter() - start
            first = False
            yield batch

    def _batches(self, shards: Iterable[int], watch: Callable) -> Iterator[_Batch]:
        for work, crops in _by_work(watch(self._read(map(self._begin, shards)))):
            pending = None
            for batch in in_batches(
                self._readable(work, crops),
                self.settings.batch_size,
                self._form,
                self._engine.takes_pixels,
            ):
                if pending is not None:
                    yield _Batch(*pending, work, last=False)
                pending = batch
            if pending is None:  # nothing could be read: a batch that shows nothing
                kind = np.uint8 if self._engine.takes_pixels else np.float32
                empty = np.zeros((self.settings.batch_size, 3, SIDE, SIDE), kind)
                pending = np.array([], int), empty
            yield _Batch(*pending, work, last=True)

    def _begin(self, shard: int) -> ShardInHand:
        inputs = listing.read(self._storage, shard)
        again = attempts.begin(self._storage, shard)
        pieces = Pieces(
            self._storage, layout.piece_name(shard), self._identity, self.configuration["dimension"]
        )
        return ShardInHand(shard, inputs, pieces, again)

    def _read(self, works: Iterable[ShardInHand]) -> Iterator[tuple[tuple[ShardInHand, int], Any]]:
        """Yield the rows of ``works`` and what ``pictures.Reader.read`` makes of them."""
        for again, group in itertools.groupby(works, lambda work: work.again):
            entries = ((work, row) for work in group for row in range(work.first, len(work.inputs)))
            reader = self._careful if again else self._reader
            yield from reader.read(entries, lambda entry: entry[0].inputs[entry[1]])

    def _readable(
        self, work: ShardInHand, crops: Iterable[tuple[int, np.ndarray | str]]
    ) -> Iterator[tuple[int, np.ndarray]]:
        for row, crop in crops:
            if not isinstance(crop, str):
                yield row, crop
            elif self.settings.strict:
                raise ChainError(f"STRICT=1 takes no unreadable input: {crop}.")
            else:
                work.bad[row] = crop

    def _write(self, work: ShardInHand) -> Counts:
        rows = np.array([n for n in range(len(work.inputs)) if n not in work.bad], int)
        sums = work.sums[rows]
        norms = lengths(sums, [work.inputs[row].key for row in rows]) if len(rows) else sums[:, :1]
        values = (sums / norms).astype(self.settings.dtype)
        kept = [work.inputs[row] for row in rows]
        shard.write(
            self._storage,
            work.shard,
            self._identity,
            shard.Rows([one.key for one in kept], [one.label for one in kept], rows, values, norms),
            [
                {"row": row, "key": work.inputs[row].key, "reason": reason}
                for row, reason in sorted(work.bad.items())
            ],
        )
        work.pieces.remove()
        attempts.end(self._storage, work.shard)
        return Counts(work.shard, len(work.inputs) - work.first, len(rows), len(work.bad))


def _by_work(
    read: Iterable[tuple[tuple[ShardInHand, int], np.ndarray | str]],
) -> Iterator[tuple[ShardInHand, Iterator[tuple[int, np.ndarray | str]]]]:
    """Yield each shard and what was read of its rows, in the order in which they come."""
    for work, entries in itertools.groupby(read, key=lambda item: item[0][0]):
        yield work, ((row, crop) for (_, row), crop in entries)
