"""Doors run in forks of one process that has imported what they import: a step takes a moment."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from torture.shim import Control
from torture.specimen import Specimen, Step, clean_environment

LIMIT_S = 300
# What doors and rooms import late, besides every module of the rooms.
HEAVY = (
    "cv2", "numpy", "onnx", "onnxruntime", "onnxsim", "openvino", "ncnn", "nncf", "pnnx",
    "scipy.stats", "sklearn.model_selection", "torch", "jinja2", "pandas", "bcolz",
)  # fmt: skip


class Ran(NamedTuple):
    """How a step ended: ``status`` is negative for a signal, None where it had to be ended."""

    status: int | None
    out: str
    err: str


def warm_up(root: Path) -> None:
    """Import what doors import, from the project ``root``."""
    sys.path.insert(0, str(root / "python"))
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for path in sorted((root / "python").glob("*/*.py")):
        if path.parent.name not in ("networks", "reference"):
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{path.parent.name}.{path.stem}".removesuffix(".__init__"))
    # After each batch rather than after seconds of them, so that an embedding is cut off midway.
    sys.modules["inference.pieces"].SECONDS = 0.0


def run(specimen: Specimen, step: Step, control: Control | None = None) -> Ran:
    """Run ``step`` in a fork, the leader of a group that a KILL of ``control`` ends."""
    out, err = specimen.folder / "out", specimen.folder / "err"
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if control:
                control.lead(os.getpid())
            _become(specimen.root, step, out, err)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(120)
    status = None
    try:
        while status is None and time.perf_counter() - start < LIMIT_S:
            ended, code = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if ended else None
            time.sleep(0 if ended else 0.002)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # and what it started
        if status is None:
            os.waitpid(pid, 0)
    return Ran(status, *(path.read_text(errors="replace") for path in (out, err)))


def _become(root: Path, step: Step, out: Path, err: Path) -> None:
    os.chdir(root)
    environment = clean_environment(step.configuration)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.argv = [step.argv[0], *step.argv[1:]]
    sys.path[0] = str(root / "python")
    code = 0
    try:
        runpy.run_path(step.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        code = 1
        traceback.print_exc()
    # As an interpreter ends, but for what the warm process brought along.
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120
    sys.stderr.flush()
    os._exit(code)
