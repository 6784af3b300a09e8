"""Work on what a library parses, in a process of its own with limits: the library has none.

A file of few bytes may make a parser take all memory, or end the process it runs in.
"""

import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError, FetchError
from common.files import remove

_CHAIN, _FETCH, _MEMORY, _BUG, _INTERRUPTED = 1, 2, 3, 4, 130
_TOLD = {_CHAIN: ChainError, _FETCH: FetchError}
_LONGEST = 1 << 20  # of what the process says of its end, in bytes


def allow(more: int) -> None:
    """Let this process have ``more`` bytes of memory beyond what it has now, and no more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (now,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = (now << 10) + more
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def within(
    work: Callable[[], None], memory: int, seconds: int, folder: Path, sentence: str
) -> None:
    """Run ``work`` in a copy of this process with ``memory`` more bytes and ``seconds`` of CPU.

    ``work`` may change its own memory by ``allow``. Its ``ChainError`` is raised here; where it
    exceeds a limit, or crashes, ``ChainError(sentence)`` is, and what it was writing in ``folder``
    is removed. What libraries print is dropped. Must be called
    before this process has threads.
    """

    def limited() -> None:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        allow(memory)
        work()

    ended = apart(limited)
    if ended.status < 0 or ended.status == _MEMORY:
        for left in folder.glob(f".*.tmp-{ended.pid}*"):  # as common.files names them
            remove(left)
        raise ChainError(sentence)


class Ended(NamedTuple):
    """How a copy of this process ended: ``status`` is negative for a signal."""

    pid: int
    status: int


def apart(
    work: Callable[[], None], look: Callable[[], None] | None = None, period: float | None = None
) -> Ended:
    """Run ``work`` in a copy of this process; its ``ChainError`` or ``FetchError`` is raised here.

    ``look`` is called every ``period`` seconds: where it raises, the copy is interrupted, as by
    Ctrl-C, and killed where that does not end it in two seconds. Whatever holds the copy, this
    process goes on. Must be called before this process has threads.
    """
    sys.stdout.flush()
    reading, writing = os.pipe()
    # An interrupt waits until each of both knows which one it is.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if not child:
        os.close(reading)
        _run(work, writing)
    os.close(writing)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with os.fdopen(reading, "rb") as pipe:
            while look and not select.select([pipe], [], [], period)[0]:
                look()
            said = pipe.read(_LONGEST).decode("utf-8", "replace")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except BaseException:
        _end(child)
        raise
    if status in _TOLD:
        raise _TOLD[status](said)
    if status == _BUG:
        raise RuntimeError(said)
    return Ended(child, status)


def _end(child: int) -> None:
    os.kill(child, signal.SIGINT)
    until = time.monotonic() + 2
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)


def _run(work: Callable[[], None], writing: int) -> None:
    status, said = 0, ""
    try:
        # Whoever started this may have it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        work()
        sys.stdout.flush()
    except tuple(_TOLD.values()) as error:
        status, said = next(k for k, told in _TOLD.items() if isinstance(error, told)), str(error)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        status, said = _CHAIN, f"{told}; check the path, its permissions and the free disk space."
    except MemoryError:
        status = _MEMORY
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BaseException:
        status, said = _BUG, traceback.format_exc()
    try:
        os.write(writing, said.encode("utf-8", "replace")[:_LONGEST])
    finally:
        os._exit(status)
