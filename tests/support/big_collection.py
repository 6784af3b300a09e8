"""Collections too large to exist: a source that counts, a storage that drops what it is given."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from collection import driver, layout
from collection.settings import Settings
from collection.sources import PICTURES, Input, Source
from collection.storage import Storage
from support.seeded_collections import CONFIGURATION

DIMENSION = 512
# What a driver compares of a configuration, beyond what seeded_collections needs of it.
REST = dict.fromkeys(("provider", "batch_size", "aligned", "detector_sha256", "versions"))


def key(number: int) -> str:
    """Return the name of input ``number``, four pictures a person."""
    return f"person_{number // 4:09d}/{number:010d}.jpg"


class Counted(Source):
    """``count`` inputs, made as they are asked for."""

    kind = PICTURES

    def __init__(self, count: int) -> None:
        super().__init__(Path("nowhere"))
        self._count = count

    def inputs(self) -> Iterator[Input]:
        for n in range(self._count):
            name = key(n)
            yield Input(name, name[:16], name, 0, 3000 + n % 1000, 1_700_000_000_000_000_000 + n)

    def content(self, one: Input) -> bytes:
        raise NotImplementedError


class Dropping(Storage):
    """Keeps the manifest; counts all else and drops it. Shards below ``done`` are said to be there.

    ``unreadable`` of each shard's ``inputs`` have no embedding.
    """

    def __init__(self, inputs: int, unreadable: int = 0) -> None:
        super().__init__("nowhere")
        self.manifest: bytes | None = None
        self.written: dict[str, int] = {}
        self.done, self._inputs, self._unreadable = 0, inputs, unreadable

    def read(self, name: str) -> bytes | None:
        if name == layout.MANIFEST:
            return self.manifest
        number = int(Path(name).stem.removeprefix("shard-"))
        if name.startswith("embeddings/") and number >= self.done:
            return None
        return self._record(number) if name.endswith(".json") else b"embeddings"

    def _record(self, number: int) -> bytes:
        bad = [
            {"row": row, "key": key(number * self._inputs + row), "reason": "it is empty"}
            for row in range(self._unreadable)
        ]
        record = {
            "shard": number,
            "identity": json.loads(self.manifest)["identity"],
            "rows": self._inputs - self._unreadable,
            "bytes": len(b"embeddings"),
            "sha256": layout.digest(b"embeddings"),
            "unreadable": bad,
            "cpu": "a processor with a name of usual length",
        }
        return (json.dumps(record, indent=2) + "\n").encode()

    def remove(self, name: str) -> None:
        raise AssertionError(f"{name} was found damaged")

    def write(self, name: str, content: bytes) -> None:
        folder = name.partition("/")[0]
        self.written[folder] = self.written.get(folder, 0) + len(content)
        if name == layout.MANIFEST:
            self.manifest = content

    def names(self, folder: str) -> list[str]:
        return []


def drive(
    inputs: int, shard_inputs: int, unreadable: int = 0, watch: Any = None, listed: bool = True
) -> tuple[Dropping, dict[str, float]]:
    """List, look through and finish a collection; return its storage and seconds by what was done.

    The seconds are of processor time. ``watch`` is what the driver takes. What is not ``listed``
    has a manifest that says it was: looking and finishing are of all shards none the less.
    """
    watch = watch or (lambda items: items)
    storage = Dropping(shard_inputs, unreadable)
    settings = Settings("nowhere", "nowhere", Path("none"), "openvino", "fp32", 16)
    configuration = CONFIGURATION | REST | {"dimension": DIMENSION}
    seconds, start = {}, time.process_time()

    def lap(name: str) -> None:
        nonlocal start
        now = time.process_time()
        seconds[name], start = now - start, now

    with mock.patch.multiple(
        driver,
        Storage=lambda address: storage,
        open_source=lambda path: Counted(inputs if listed else 1),
    ):
        manifest = driver.begin(settings, configuration, shard_inputs, watch if listed else iter)
        if listed:
            lap("listing")
        else:
            manifest |= {"shards": inputs // shard_inputs, "inputs": inputs}
            start = time.process_time()
        todo, _ = driver.remaining(storage, manifest, watch)
        assert todo == list(range(manifest["shards"]))
        lap("looking, nothing done")
        storage.done = manifest["shards"]
        assert driver.remaining(storage, manifest, watch) == ([], 0)
        lap("looking, all done")
        driver.finish(storage, manifest, inputs, 1.0, 0.0)
        lap("finishing")
    return storage, seconds
