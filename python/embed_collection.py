"""Pictures, however many -> their embeddings, in shards of Parquet; goes on where it was."""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from collection import driver, layout
from collection.storage import Storage
from collection.worker import Settings, Worker
from common.errors import ChainError, exit_with
from common.progress import progress
from inference import configuration
from reporting.collection_card import card


def watch(unit: str, total: int | None = None) -> Callable:
    """Return what shows how far something is that has ``total`` of ``unit``."""
    return partial(progress, total=total, unit=unit)


def embed(settings: Settings, shard_inputs: int) -> None:
    """Embed all of ``settings.source`` that is not done in ``settings.out``; print the card."""
    storage = Storage(settings.out)
    worker = Worker(settings)
    manifest = driver.begin(settings, worker.configuration, shard_inputs, watch("shard listed"))
    shards = manifest["shards"]
    todo, damaged = driver.remaining(storage, manifest, watch("shard looked at", shards))
    if damaged:
        print(
            f"note: {damaged} shards of {settings.out} are damaged; they are made again",
            file=sys.stderr,
        )
    if len(todo) + damaged < shards and todo:
        print(f"note: {shards - len(todo)} of {shards} shards are done already", file=sys.stderr)
    if todo or not manifest["complete"]:
        inputs = min(len(todo) * shard_inputs, manifest["inputs"])
        if manifest["complete"]:
            layout.write_json(storage, layout.MANIFEST, manifest | {"complete": False})
        start, done, read = time.perf_counter(), 0, 0
        try:
            for counts in worker.run(todo, watch("input", inputs)):
                done, read = done + 1, read + counts.inputs
        except KeyboardInterrupt:
            done += shards - len(todo)
            raise ChainError(
                f"interrupted; {done} of {shards} shards are done, and the same command goes on "
                "from there."
            ) from None
        seconds = time.perf_counter() - start
        manifest = driver.finish(storage, manifest, read, seconds, worker.waited)
    print(*card(manifest, settings.out), sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_engine_arguments(parser)
    parser.add_argument("--source", required=True, help="pictures: a folder or file")
    parser.add_argument("--out", required=True, help="folder or address of the embeddings")
    parser.add_argument("--shard-inputs", type=int, required=True, help="inputs of a shard")
    parser.add_argument("--dtype", choices=sorted(layout.DTYPES), required=True)
    parser.add_argument("--detector", type=Path, help="YuNet model that aligns photographs")
    parser.add_argument("--strict", action="store_true", help="fail at an unreadable input")
    args = vars(parser.parse_args())
    shard_inputs = args.pop("shard_inputs")
    settings = Settings(**args)
    with Storage(settings.out).alone():
        embed(settings, shard_inputs)


if __name__ == "__main__":
    exit_with(main)
