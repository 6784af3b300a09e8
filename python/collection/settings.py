"""What a worker is told: where pictures and embeddings lie, and by what they are embedded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Settings(NamedTuple):
    """All that a worker needs, besides what lies at ``source`` and ``out``; can be pickled.

    ``detector`` is a YuNet model: inputs are then photographs. From ``model`` to ``tuned`` it is
    what ``configuration.load_engine`` takes.
    """

    source: str
    out: str
    model: Path
    engine: str
    precision: str
    batch_size: int
    provider: str | None = None
    threads: int | None = None
    device: str | None = None
    mode: str | None = None
    npu: int | None = None
    streams: int | None = None
    tuned: Path | None = None
    detector: Path | None = None
    dtype: str = "float32"
    strict: bool = False
