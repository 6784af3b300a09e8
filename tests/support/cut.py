"""An engine whose work is cut off."""

import numpy as np

from engines import Engine


class Cut:
    """An engine that is interrupted before it has finished ``count`` batches."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine, self._left = engine, count

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def finish(self, handle: object) -> np.ndarray:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return self._engine.finish(handle)
