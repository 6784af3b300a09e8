"""Work on what a library parses, in a process of its own with limits: the library has none.

A file of few bytes may make a parser take all memory, or end the process it runs in.
"""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from common.errors import ChainError
from common.files import remove

_TOLD, _MEMORY, _BUG = 1, 2, 3
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
    sys.stdout.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _run(work, memory, seconds, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read(_LONGEST).decode("utf-8", "replace")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    if status < 0 or status == _MEMORY:
        for left in folder.glob(f".*.tmp-{child}*"):  # as common.files names them
            remove(left)
    if status == _BUG:
        raise RuntimeError(said)
    if status:
        raise ChainError(said if status == _TOLD else sentence)


def _run(work: Callable[[], None], memory: int, seconds: int, writing: int) -> None:
    status, said = 0, ""
    try:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        allow(memory)
        work()
        sys.stdout.flush()
    except ChainError as error:
        status, said = _TOLD, str(error)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        status, said = _TOLD, f"{told}; check the path, its permissions and the free disk space."
    except MemoryError:
        status = _MEMORY
    except BaseException:
        status, said = _BUG, traceback.format_exc()
    try:
        os.write(writing, said.encode("utf-8", "replace")[:_LONGEST])
    finally:
        os._exit(status)
