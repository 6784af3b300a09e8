"""Where a collection lies: a folder, or an address that fsspec knows (s3://, hdfs://)."""

from __future__ import annotations

import fcntl
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from common.errors import ChainError, reason
from common.folder import Folder


class Storage:
    """Small files by name below ``address``: each is read and written whole.

    In a folder a file appears under its name once it is complete and on the disk. Elsewhere it is
    put in one piece, which a store without rename may show early: what is believed of a file is
    therefore what a second, later one says of it (``layout``).
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._local = Folder(Path(address)) if "://" not in address else None
        # The clients of stores have errors of their own besides.
        self._faults = OSError if self._local else Exception
        if self._local is None:
            try:
                self._remote, self._root = fsspec.core.url_to_fs(self.address)
            except (ImportError, ValueError) as error:
                raise ChainError(f"{address} cannot be used ({reason(error)}).") from None

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``; None where there is none."""
        try:
            if self._local:
                return self._local.read(name)
            # Not from a listing kept from before: another process may just have written it.
            self._remote.invalidate_cache()
            return self._remote.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        except self._faults as error:
            raise self._failed(name, error) from None

    def write(self, name: str, content: bytes) -> None:
        """Write ``content`` as the file ``name``, whole or not at all; ``ChainError`` if not."""
        try:
            if self._local:
                self._local.write(name, content)
            else:
                self._remote.pipe_file(f"{self._root}/{name}", content)
        except self._faults as error:
            raise self._failed(name, error) from None

    def remove(self, name: str) -> None:
        """Remove the file ``name`` where there is one."""
        try:
            if self._local:
                self._local.remove(name)
            elif self._remote.exists(f"{self._root}/{name}"):
                self._remote.rm_file(f"{self._root}/{name}")
        except self._faults as error:
            raise self._failed(name, error) from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second run out of a folder, and remove what an interrupted one left half-made.

        Raises ``ChainError`` where there is another run. A store has no locks: it is not kept.
        """
        if self._local is None:
            yield
            return
        folder = self._local.path
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ChainError(
                    f"another run writes into {self.address}; wait for it, or give another OUT=."
                ) from None
            for left in itertools.chain(folder.glob(".*.tmp-*"), folder.glob("*/.*.tmp-*")):
                left.unlink(missing_ok=True)
            yield

    def names(self, folder: str) -> list[str]:
        """Return the names, sorted, of the files in ``folder``; empty where there is no such."""
        if self._local:
            return self._local.names(folder)
        self._remote.invalidate_cache()
        try:
            found = self._remote.ls(f"{self._root}/{folder}", detail=False)
        except FileNotFoundError:
            found = []
        except self._faults as error:
            raise self._failed(folder, error) from None
        return sorted(f"{folder}/{name.rsplit('/', 1)[1]}" for name in found)

    def _failed(self, name: str, error: Exception) -> ChainError:
        said = getattr(error, "strerror", None) or reason(error)
        return ChainError(
            f"{self.address}/{name}: {said}; check the address, its permissions and the space "
            "there."
        )
