"""A backend in a process of its own, stopped whenever it is not its turn.

Runtimes keep their threads spinning for a while after a call; in one process, or awake, they
would slow down whoever is measured next.
"""

import ctypes
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from bench import backends
from common.errors import ChainError, reason

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class BackendProcess:
    """Loads a backend, then measures it on request; a context manager that ends the process.

    ``used`` is what the backend says of itself, ``output`` what it computed for the batch,
    float32 (B, D). Raises ``ChainError`` where it cannot be loaded or dies.
    """

    def __init__(self, backend: backends.Backend, batch: np.ndarray) -> None:
        self.backend = backend
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, backend), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._connection.send(batch)
            self.used, self.output = self._receive()
        except BaseException:
            self._process.kill()
            raise
        self._signal(signal.SIGSTOP)

    def __enter__(self) -> "BackendProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # reaches a stopped process too
        self._process.join()

    def images_per_second(self, seconds: float) -> float:
        """Run the batch for at least ``seconds`` after one untimed call; return its rate."""
        self._signal(signal.SIGCONT)
        self._connection.send(seconds)
        calls, taken = self._receive()
        self._signal(signal.SIGSTOP)
        return calls * self.backend.batch_size / taken

    def _signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def _receive(self) -> Any:
        try:
            value = self._connection.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            raise ChainError(
                f"{self.backend.name} died with status {self._process.exitcode}; "
                "check the free memory."
            ) from None
        if isinstance(value, Exception):
            raise ChainError(
                f"{self.backend.name} cannot run {self.backend.model} ({value})."
            ) from None
        return value


def _serve(connection: Connection, backend: backends.Backend) -> None:
    # A stopped process would outlive a parent that was killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        batch = connection.recv()
        loaded = backends.load(backend)
        connection.send((loaded.used, np.array(loaded.run(batch))))
        while True:
            connection.send(_measure(loaded, batch, connection.recv()))
    except (EOFError, KeyboardInterrupt):
        pass
    except Exception as error:
        connection.send(ChainError(reason(error)))


def _measure(loaded: backends.Loaded, batch: np.ndarray, seconds: float) -> tuple[int, float]:
    loaded.run(batch)  # wakes threads and fills caches
    calls, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < seconds:
        loaded.run(batch)
        calls += 1
    return calls, taken
