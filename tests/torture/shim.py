"""The C shim that counts writes below a folder and ends or fails a process at one of them.

The idea is SQLite's: every write fails once. Processes that share a control file count together,
a step with all that it starts.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
OFF, COUNT, LOG, KILL, FAIL, SHORT = range(6)
ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EMFILE")}


class _Control(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("mode", "count", "at", "error", "group", "hit")),
        ("what", ctypes.c_char * 4096),
    )


def compile_shim(folder: Path) -> Path:
    """Compile the shim into ``folder`` with the C compiler; return the library's path."""
    library = folder / "shim.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return library


class Control:
    """The file by which the shim of all processes that were started with ``environment`` counts."""

    def __init__(self, folder: Path, root: Path):
        self.path, self.log, self.root = folder / "control", folder / "log", root
        self.path.write_bytes(bytes(ctypes.sizeof(_Control)))
        self.log.touch()
        with self.path.open("r+b") as file:
            self._fields = _Control.from_buffer(mmap.mmap(file.fileno(), 0))

    def begin(self) -> None:
        """Have this process, which runs with the shim, and all that it starts count here."""
        os.environ["TORTURE_ROOT"] = str(self.root)
        os.environ["TORTURE_CONTROL"] = str(self.path)
        os.environ["TORTURE_LOG"] = str(self.log)
        ctypes.CDLL(None).torture_begin()

    def arm(self, mode: int, at: int = 0, error: int = 0) -> None:
        """Count from nothing; do at call ``at`` what ``mode`` says: KILL, FAIL or SHORT.

        FAIL gives ``error``; a KILL with one leaves half of a write. LOG notes every call.
        """
        fields = self._fields
        fields.count, fields.at, fields.error, fields.hit, fields.group = 0, at, error, 0, 0
        fields.what = b""
        if mode == LOG:
            os.truncate(self.log, 0)
        fields.mode = mode

    def lead(self, group: int) -> None:
        """Make ``group`` the process group that a KILL ends."""
        self._fields.group = group

    def disarm(self) -> tuple[int, str]:
        """Stop counting; return how many calls there were, and the one that was hit, if any."""
        self._fields.mode = OFF
        return self._fields.count, self._fields.what.decode(errors="replace")

    def noted(self) -> list[tuple[str, str]]:
        """Return the calls that LOG noted: what was done, and to which file below the root."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [(call, path) for call, _, path in (line.partition("\t") for line in lines)]
