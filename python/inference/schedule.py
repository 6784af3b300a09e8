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

    The engine works on as many batches at a time as it has infer requests; further ones are
    taken from ``inputs`` meanwhile. ``busy.seconds`` grows as results are yielded.
    """
    flight: deque = deque()
    since = time.perf_counter()

    def oldest() -> np.ndarray:
        output = engine.finish(flight.popleft())
        if not flight:
            busy.seconds += time.perf_counter() - since
        return output

    for batch in inputs:
        if not flight:
            since = time.perf_counter()
        flight.append(engine.start(batch))
        if len(flight) >= engine.infer_requests:
            yield oldest()
    while flight:
        yield oldest()
