"""What a long embedding has computed so far, kept in pieces: one that is killed goes on there.

A piece holds sums of outputs, float32 (n, D), and notes in JSON. It counts where its checksum is
right, which is one of what it is a piece of as well.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, Protocol

import numpy as np

SECONDS = 10.0  # between two pieces: what a kill costs, and what a short run does without
_DIGEST = hashlib.sha256().digest_size


class Place(Protocol):
    """Small files by name, as ``common.folder.Folder`` has them."""

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Have ``content`` in the file ``name``, whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove the file ``name`` where there is one."""


class Pieces:
    """The pieces named ``<name>-<number>`` in ``place`` of what ``identity`` says all of.

    Whatever changes a bit of the sums, their order among it, must be part of that.
    """

    def __init__(self, place: Place, name: str, identity: str, dimension: int) -> None:
        self._place, self._name, self._identity = place, name, identity
        self.dimension, self._number, self.rows = dimension, 0, 0
        self._last = time.monotonic()

    def read(self) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the sums that are there, float32 (rows, D), and their notes."""
        sums, notes = [np.empty((0, self.dimension), np.float32)], {}
        while (content := self._place.read(self._file(self._number))) is not None:
            digest, content = content[:_DIGEST], content[_DIGEST:]
            if digest != self._digest(content):
                break
            line, _, values = content.partition(b"\n")
            sums.append(np.frombuffer(values, np.float32).reshape(-1, self.dimension))
            notes |= json.loads(line)
            self.rows += len(sums[-1])
            self._number += 1
        return np.concatenate(sums), notes

    def due(self) -> bool:
        """Return whether the last piece, or the beginning, is ``SECONDS`` ago."""
        return time.monotonic() - self._last >= SECONDS

    def keep(self, sums: np.ndarray, notes: dict[str, Any]) -> None:
        """Keep ``sums``, float32 (n, D), of the next n rows as a piece, and its ``notes``."""
        values = np.ascontiguousarray(sums, np.float32).tobytes()
        content = json.dumps(notes).encode() + b"\n" + values
        self._place.write(self._file(self._number), self._digest(content) + content)
        self.rows += len(sums)
        self._number += 1
        self._last = time.monotonic()

    def remove(self) -> None:
        """Remove the pieces: what they are of is done."""
        for number in range(self._number):
            self._place.remove(self._file(number))

    def _file(self, number: int) -> str:
        return f"{self._name}-{number:06d}.piece"

    def _digest(self, content: bytes) -> bytes:
        of = f"{self._identity} {self.dimension} {self.rows}\n".encode()
        return hashlib.sha256(of + content).digest()
