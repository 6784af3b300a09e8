"""A Ray cluster that somebody else has started: found, connected to, and kept from our terminal."""

from __future__ import annotations

import io
import logging
import os
import platform
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from common.errors import ChainError

_SECONDS = 20
_ABSENT = re.compile(r"No module named '([\w.]+)'")
_VERSIONS = re.compile(r"cluster was started with:\s+Ray: (\S+)\s+Python: (\S+)")


class _OfThisThread(io.TextIOBase):
    """A stream for the thread that makes it; what others write is dropped."""

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        mine = threading.get_ident() == self._thread
        return self._stream.write(text) if mine else len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep off stderr what Ray's threads and its C++ say; this thread is heard as before.

    The same things are in the log files of the cluster.
    """
    sys.stderr.flush()
    before, kept = sys.stderr, os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    sys.stderr = _OfThisThread(os.fdopen(kept, "w", buffering=1, closefd=False))
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to the cluster at ``address``: auto, or host:port.

    Raises ``ChainError`` where nothing answers within 20 seconds, and where the cluster has
    another version of Ray or Python.
    """
    if not _answers(address):
        raise ChainError(
            f"no Ray cluster answers at RAY_ADDRESS={address}; see ray status there, and run make "
            "embed on a node of it."
        )
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except RuntimeError as error:
        if not (found := _VERSIONS.search(str(error))):
            raise
        raise ChainError(
            f"RAY_ADDRESS={address} has Ray {found[1]} and Python {found[2]}, and here are Ray "
            f"{ray.__version__} and Python {platform.python_version()}; start its nodes with this "
            "project's environment."
        ) from None
    except (ConnectionError, ValueError):
        raise ChainError(
            f"RAY_ADDRESS={address} has no node on this machine; run make embed on a node of the "
            "cluster."
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _answers(address: str) -> bool:
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _SECONDS).close()
        except (OSError, ValueError, OverflowError):
            return False
    # In a process that can be ended: what waits is not Python.
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check"]
    command += ["--skip-version-check", *([] if address == "auto" else ["--address", address])]
    variables = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    try:
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def nodes() -> list[dict[str, Any]]:
    """Return the resources of each node that is there now, such as CPU and GPU."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


@contextmanager
def sentences() -> Iterator[None]:
    """Make what Ray gives up with a sentence; what is raised by a task is ours, and stays."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        if not (absent := _ABSENT.search(str(error))):
            raise
        raise ChainError(
            f"a node of the Ray cluster has no module {absent[1]}; nodes need this project's "
            "folder and environment at the same path."
        ) from None
    except ray.exceptions.RayError as error:
        raise ChainError(
            f"the Ray cluster gave up ({type(error).__name__}); look at ray status, and run make "
            "embed again: it goes on."
        ) from None
