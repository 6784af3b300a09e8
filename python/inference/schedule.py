"""Batches through an engine, several at a time where it can, results in order."""

import time
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from engines import Engine


class Busy:
    """``seconds`` during which the engine had at least one batch to work on."""

    def __init__(self) -> None:
        self.seconds = 0.0


def outputs(engine: Engine, inputs: Iterable[np.ndarray], busy: Busy) -> Iterator[np.ndarray]:
    """Yield the output for each of ``inputs``, float32 (B, 3, 112, 112), in their order.

    An engine with ``slots``, ``start`` and ``finish`` gets that many batches at a time; they
    are taken from ``inputs`` while it works. Any other engine gets one after the other.
    ``busy.seconds`` grows as results are yielded.
    """
    if not hasattr(engine, "slots"):
        for batch in inputs:
            start = time.perf_counter()
            output = engine.run(batch)
            busy.seconds += time.perf_counter() - start
            yield output
        return
    flight: deque = deque()
    since = time.perf_counter()
    for batch in inputs:
        if not flight:
            since = time.perf_counter()
        flight.append(engine.start(batch))
        if len(flight) < engine.slots:
            continue
        output = engine.finish(flight.popleft())
        if not flight:
            busy.seconds += time.perf_counter() - since
        yield output
    while flight:
        output = engine.finish(flight.popleft())
        if not flight:
            busy.seconds += time.perf_counter() - since
        yield output
