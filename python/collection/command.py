"""What make embed does, whoever works: list, look what is to do, embed, write and show the rest."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from collection import driver, layout
from collection.settings import Settings
from collection.storage import Storage
from collection.worker import Counts
from common.errors import ChainError
from common.progress import progress
from inference import configuration


class Workers(Protocol):
    """A ``worker.Worker``, or many that look like one; ``startup`` seconds of a run did no work."""

    configuration: dict[str, Any]
    waited: float
    startup: float

    def run(self, shards: Iterable[int], watch: Callable[[Iterable], Iterable]) -> Iterator[Counts]:
        """Do ``shards``; yield the counts of each once it is written."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add to ``parser`` what ``take`` returns."""
    configuration.add_engine_arguments(parser)
    parser.add_argument("--source", required=True, help="pictures: a folder or file")
    parser.add_argument("--out", required=True, help="folder or address of the embeddings")
    parser.add_argument("--shard-inputs", type=int, required=True, help="inputs of a shard")
    parser.add_argument("--dtype", choices=sorted(layout.DTYPES), required=True)
    parser.add_argument("--detector", type=Path, help="YuNet model that aligns photographs")
    parser.add_argument("--strict", action="store_true", help="fail at an unreadable input")


def run(settings: Settings, shard_inputs: int, workers: Callable[[Settings], Workers]) -> None:
    """Embed all of ``settings.source`` that is not done in ``settings.out``.

    ``workers`` makes who does it, once this run has the place for itself.
    """
    storage = Storage(settings.out)
    with storage.alone():
        _embed(storage, settings, shard_inputs, workers(settings))


def _watch(unit: str, total: int | None = None) -> Callable[[Iterable], Iterable]:
    """Return what shows how far something is that has ``total`` of ``unit``."""
    return partial(progress, total=total, unit=unit)


def _embed(storage: Storage, settings: Settings, shard_inputs: int, workers: Workers) -> None:
    manifest = driver.begin(settings, workers.configuration, shard_inputs, _watch("shard listed"))
    shards = manifest["shards"]
    todo, damaged = driver.remaining(storage, manifest, _watch("shard looked at", shards))
    if damaged:
        _note(f"{damaged} shards of {settings.out} are damaged; they are made again")
    if len(todo) + damaged < shards and todo:
        _note(f"{shards - len(todo)} of {shards} shards are done already")
    if todo or not manifest["complete"]:
        inputs = min(len(todo) * shard_inputs, manifest["inputs"])
        if manifest["complete"]:
            layout.write_json(storage, layout.MANIFEST, manifest | {"complete": False})
        start, done, read = time.perf_counter(), 0, 0
        try:
            for counts in workers.run(todo, _watch("input", inputs)):
                done, read = done + 1, read + counts.inputs
        except KeyboardInterrupt:
            done += shards - len(todo)
            raise ChainError(
                f"interrupted; {done} of {shards} shards are done, and the same command goes on "
                "from there."
            ) from None
        seconds = time.perf_counter() - start - workers.startup
        if workers.startup:
            manifest |= {"startup_seconds": round(workers.startup, 3)}
        driver.finish(storage, manifest, read, seconds, workers.waited)


def _note(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr)
