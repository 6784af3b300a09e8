"""How long a collection of any size takes, and on how many nodes: arithmetic on measured rates.

Standard library only. A node is a machine with cores, which decode pictures as well as infer, or a
device, whose host decodes beside it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from common.shapes import VIEWS

HOUR, DAY = 3600.0, 86400.0
# A collection of more shards than this has larger shards.
SHARDS, LEAST_SHARD = 100_000, 1000
# What embeddings were measured with, and bytes of a number.
DIMENSION, WIDTHS = 512, {"float32": 4, "float16": 2}
# A second of a link of one gigabit, in bytes.
GIGABIT = 1e9 / 8


class Measured(NamedTuple):
    """Rates a second of one process or disk, and bytes, as ``docs/scale.json`` has them.

    ``decoded``: pictures on one core; ``listed`` and, at a restart, ``compared``: inputs by the
    driver; ``walked``: files of a folder tree; ``finished``: shards by the driver; ``written``:
    rows of embeddings; ``verified``: their bytes; ``picture``, ``listing``: bytes of one;
    ``record``: bytes of a shard; ``rest``: bytes of a row of embeddings besides its numbers.
    """

    decoded: float
    listed: float
    compared: float
    walked: float
    finished: float
    written: float
    verified: float
    picture: float
    listing: float
    record: float
    rest: float


class Node(NamedTuple):
    """``fps`` inferences a second; ``cores`` that also decode, None for a device."""

    fps: float
    cores: int | None


class Job(NamedTuple):
    """``faces`` in ``shards`` of ``inputs`` each."""

    faces: int
    shards: int
    inputs: int


def job(faces: int) -> Job:
    """Return how ``faces`` are cut into shards: of 1,000, or so many that there are 10^5."""
    inputs = max(LEAST_SHARD, math.ceil(faces / SHARDS))
    return Job(faces, math.ceil(faces / inputs), inputs)


def faces_a_second(node: Node, measured: Measured) -> float:
    """Return the faces that ``node`` embeds in a second, both views of each.

    Where cores decode, the time is added to that of inference: nothing is hoped to overlap on
    cores that are all busy. A device is taken to be fed by its host.
    """
    decoding = 1 / (measured.decoded * node.cores) if node.cores else 0.0
    return 1 / (VIEWS / node.fps + decoding)


def driver_seconds(work: Job, measured: Measured) -> float:
    """Return the seconds in which only the driver works: before the first shard, after the last."""
    return work.faces / measured.listed + work.shards / measured.finished


def nodes(work: Job, node: Node, measured: Measured, seconds: float) -> int | None:
    """Return the least number of nodes that complete ``work`` in ``seconds``.

    A node does whole shards, in what the driver leaves of the time. None where no number will do:
    where a single shard, or the driver alone, takes longer.
    """
    left = seconds - driver_seconds(work, measured)
    each = math.floor(left * faces_a_second(node, measured) / work.inputs)
    return math.ceil(work.shards / each) if each > 0 else None


def restart_seconds(work: Job, measured: Measured, dtype: str, dimension: int) -> float:
    """Return the seconds until a run that was all but done goes on: compared and verified."""
    size = work.faces * row_bytes(measured, dtype, dimension)
    return work.faces / measured.compared + size / measured.verified


def row_bytes(measured: Measured, dtype: str, dimension: int) -> float:
    """Return the bytes of a face in the files of embeddings, key and label included."""
    return measured.rest + WIDTHS[dtype] * dimension


def stored_bytes(work: Job, measured: Measured, dtype: str, dimension: int) -> dict[str, float]:
    """Return bytes of ``embeddings``, ``listing`` and ``records`` of a collection."""
    return {
        "embeddings": work.faces * row_bytes(measured, dtype, dimension),
        "listing": work.faces * measured.listing,
        "records": work.shards * measured.record,
    }


def of_figures(figures: dict[str, Any]) -> Measured:
    """Return the figures named as in ``Measured``; ``KeyError`` where one is missing."""
    return Measured(*(float(figures[name]["value"]) for name in Measured._fields))
