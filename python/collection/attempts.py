"""Shards that were begun and not ended, and inputs read where they can end no process but a child.

The first try of a shard leaves a note behind until the shard is done. Where one is found, something
ended that try: a person, a machine, or an input that ends whatever reads it. The inputs of such a
shard are read one by one in a child process, so that the last kind is found and set aside.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import numpy as np

from collection import layout
from collection.kinds import open_source
from collection.pictures import Reader
from collection.sources import Input
from collection.storage import Storage
from common.errors import ChainError

Entry = TypeVar("Entry")
_TRIES = 3
# Linux: of all processes the first that is ended where memory runs out.
_SCORE, _FIRST = Path("/proc/self/oom_score_adj"), "1000"


def begin(storage: Storage, shard: int) -> bool:
    """Note that ``shard`` is begun; return whether it was before, and not ended."""
    name = layout.attempt_name(shard)
    if storage.read(name) is not None:
        return True
    storage.write(name, b"{}\n")
    return False


def end(storage: Storage, shard: int) -> None:
    """Take that note away."""
    storage.remove(layout.attempt_name(shard))


class CarefulReader:
    """A ``pictures.Reader`` whose work is done by a child process, an input at a time."""

    def __init__(self, source: Path, detector: Path | None) -> None:
        self._given = (source, detector)
        self._child: multiprocessing.Process | None = None
        self._pipe: Connection | None = None

    def read(
        self, entries: Iterable[Entry], of: Callable[[Entry], Input]
    ) -> Iterator[tuple[Entry, np.ndarray | str]]:
        """Yield as ``Reader.read`` does; an input that ends the child three times is unreadable."""
        try:
            for entry in entries:
                yield entry, self._read(of(entry))
        finally:
            self._stop()

    def _read(self, one: Input) -> np.ndarray | str:
        for _ in range(_TRIES):
            if self._child is None:
                self._start()
            try:
                self._pipe.send(one)
                answer = self._pipe.recv()
            except (EOFError, OSError):
                self._stop()
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        return f"{one.key} ended the process that read it, {_TRIES} times"

    def _start(self) -> None:
        # Not forked: this process has an engine and its threads.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._child = context.Process(target=_serve, args=(theirs, *self._given), daemon=True)
        self._child.start()
        theirs.close()
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            self._stop()
            raise ChainError(
                f"no process could be started that reads {self._given[0]}; look at the memory left."
            ) from None

    def _stop(self) -> None:
        if self._child is not None:
            self._pipe.close()
            self._child.kill()
            self._child.join()
        self._child = self._pipe = None


def _serve(pipe: Connection, source: Path, detector: Path | None) -> None:
    """Say that this process is there, and read the inputs that come until ``pipe`` is closed."""
    with contextlib.suppress(OSError):
        _SCORE.write_text(_FIRST, encoding="ascii")
    pipe.send(None)
    reader = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            one = pipe.recv()
            try:
                reader = reader or Reader(open_source(source), detector)
                ((_, answer),) = reader.read([one], lambda entry: entry)
            except Exception as error:
                answer = error
            pipe.send(answer)
