"""Inputs -> crops: read in their order, decoded by several threads, a few of them ahead."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from collection.sources import Input, Source, UnreadableError
from common.errors import ChainError
from common.machine import usable_cpus
from dataset import photograph
from faces.detector import Detector
from faces.photographs import align_found

Entry = TypeVar("Entry")
# A photograph takes up to 192 MiB when it is decoded.
_MOST_THREADS = 4
# Crops that a thread takes at a time: one takes less than it costs to hand it over twice.
_AT_A_TIME = 16
# A crop of 112x112 has 49 KiB, whatever its form; what is about it may take more.
_LARGEST_CROP = 8 << 20


class Reader:
    """Turns the inputs of ``source`` into crops; ``detector`` finds the face of photographs."""

    def __init__(self, source: Source, detector: Path | None) -> None:
        self._source, self._model = source, detector
        self._threads = min(_MOST_THREADS, usable_cpus())
        self._own = threading.local()
        if detector:
            Detector(detector)  # a fault of its file is told before there is work

    def read(
        self, entries: Iterable[Entry], of: Callable[[Entry], Input]
    ) -> Iterator[tuple[Entry, np.ndarray | str]]:
        """Yield each of ``entries`` and its crop, uint8 (3, 112, 112) in BGR, in their order.

        ``of`` says which input an entry is. In place of a crop there is the clause that says why
        there is none.
        """
        size = 1 if self._model else _AT_A_TIME
        waiting: deque[Future] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                part = []
                for entry in entries:
                    part.append((entry, of(entry), self._content(of(entry))))
                    if len(part) == size:
                        waiting.append(pool.submit(self._crops, part))
                        part = []
                    if len(waiting) > self._threads:
                        yield from waiting.popleft().result()
                waiting.append(pool.submit(self._crops, part))
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _content(self, one: Input) -> bytes | str:
        largest = photograph.LARGEST_FILE if self._model else _LARGEST_CROP
        if (one.bytes or 0) > largest:
            return f"{one.key} is larger than {largest >> 20} MiB" + (
                "" if self._model else "; align the face to 112x112, or add ALIGN=1"
            )
        try:
            return self._source.content(one)
        except UnreadableError as error:
            return str(error)

    def _crops(self, part: list) -> list[tuple[Entry, np.ndarray | str]]:
        return [
            (entry, content if isinstance(content, str) else self._crop(content, one.key))
            for entry, one, content in part
        ]

    def _crop(self, content: bytes, key: str) -> np.ndarray | str:
        try:
            picture = photograph.decoded(content, key)
            if not self._model:
                return photograph.as_crop(picture, key).pixels.transpose(2, 0, 1)
        except ChainError as error:
            return str(error).rstrip(".")
        if not hasattr(self._own, "detector"):
            self._own.detector = Detector(self._model)
        crop = align_found(picture.pixels, self._own.detector)
        return f"no face was found in {key}" if crop is None else crop.transpose(2, 0, 1)
