"""One run of the ais_bench process: its command line, its folder, its end."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ascend import interpreter, summary
from common.errors import ChainError, plain
from common.files import remove

# The name of the folder that ais_bench is told to write into.
_NAME = "run"
_PREFIX = ".ais_bench.tmp-"
_PATH = re.compile(r"[A-Za-z0-9_/.-]+")
_LOOK = "import importlib.util as u; u.find_spec('ais_bench.__main__') or print('infer')"
_RELEVANT = re.compile(r"\[ERROR\]|Error|error:|\[\w+\]\[.*\]")
_NO_DEVICE = re.compile(r"(?:set|open|reset) device\D{0,3}(\d*)|\[507033\]|\[107001\]", re.I)

# Nothing is known before the first run, which may load a large model over a slow link.
FIRST_LIMIT_S = 600.0
# Later ones: a start, and ten times what the first one lets expect. Reading an input and writing
# its output takes a millisecond or two; a full or distant disk is slower.
_START_S, _FACTOR, _FILE_S = 60.0, 10, 0.005


class Job(NamedTuple):
    """What to run: ``om`` of ``batch_size`` on ``devices``; ``inputs`` None: synthetic input.

    ``python`` is the interpreter that has ais_bench. Outputs go below ``folder``, an empty one
    from ``private_folder``; what is printed goes to the file ``log``. A run of more than
    ``limit_s`` seconds is ended.
    """

    python: str
    om: Path
    batch_size: int
    devices: list[int]
    folder: Path
    log: Path
    limit_s: float
    inputs: Path | None = None
    outfmt: str = "BIN"
    loop: int = 1
    warmup: int = 1


def limit_s(first_wall_s: float, batch_ms: float, batches: int, files: int = 0) -> float:
    """Return the seconds after which a run must have ended: ten times what is to be expected.

    ``first_wall_s`` is how long a first run of a few batches took, start and loading included,
    ``batch_ms`` one of its batches on the device; ``batches`` and input ``files`` are what the
    run has to do.
    """
    expected = first_wall_s + batches * batch_ms / 1000 + files * _FILE_S
    return _START_S + _FACTOR * expected


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder in ``parent`` that others may not enter, and remove it afterwards.

    Newer versions of ais_bench refuse any other for their outputs. What an interrupted run
    left in ``parent`` goes too: steps that run ais_bench run alone.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_PREFIX}*"):
        remove(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        folder.chmod(0o750)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def tool(python: str) -> tuple[str, ...]:
    """Return how ais_bench is started in ``python``: not every build runs by its own name."""
    looked = interpreter.run(python, "-c", _LOOK)
    return python, "-m", "ais_bench.infer" if looked.stdout.strip() == "infer" else "ais_bench"


@cache
def is_newer(python: str) -> bool:
    """Tell whether ``python`` has a version that must be asked to divide inputs (V3).

    Such a version gives every input to every device unless asked, and refuses paths with
    other characters than letters, digits and ``_ / . -``. Older ones always divide, and do not
    know the option.
    """
    shown = interpreter.run(*tool(python), "--help")
    return "--divide_input" in shown.stdout


def check_path(python: str, path: Path) -> None:
    """Raise ``ChainError`` where the ais_bench of ``python`` would not take ``path``.

    A comma would separate two inputs; newer versions refuse other characters too, wherever they
    are in the absolute path.
    """
    whole = str(path.absolute())
    if "," in str(path) or (not _PATH.fullmatch(whole) and is_newer(python)):
        raise ChainError(
            f"{whole}: this version of ais_bench takes only letters, digits and _ / . - in a path; "
            "use another name, or move the project."
        )


def command(job: Job) -> list[str]:
    """Return the command line of ``job``."""
    options: dict[str, object] = {
        "--model": job.om,
        "--output": job.folder,
        "--output_dirname": _NAME,
        "--outfmt": job.outfmt,
        "--batchsize": job.batch_size,
        "--device": ",".join(map(str, job.devices)),
        "--warmup_count": job.warmup,
    }
    if job.inputs:
        options["--input"] = job.inputs
        if len(job.devices) > 1 and is_newer(job.python):
            options["--divide_input"] = 1
    else:
        options["--loop"] = job.loop
    words = [str(word) for option in options.items() for word in option]
    return [*tool(job.python), *words]


def run(job: Job) -> tuple[list[summary.Part], float]:
    """Run ``job``; return what each device did and the seconds of the whole process.

    Raises ``ChainError`` where the process fails or does not end, or where its products do not
    show that it did the whole job with the batch size that ``job`` names.
    """
    for path in filter(None, (job.om, job.inputs, job.folder)):
        check_path(job.python, path)
    job.log.parent.mkdir(parents=True, exist_ok=True)
    # Newer versions make it once for each device, and one of them fails where another was faster.
    (job.folder / _NAME).mkdir(mode=0o750)
    words = command(job)
    numbers = ", ".join(map(str, job.devices))
    with job.log.open("w", encoding="utf-8") as file:
        print(*words, file=file, flush=True)
        start = time.perf_counter()
        # Not even a permissive umask may make outputs that others can read or write.
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, umask=0o027
        )
        try:
            status = process.wait(job.limit_s)
        except subprocess.TimeoutExpired:
            raise ChainError(
                f"ais_bench on device {numbers} did not end within {job.limit_s:.0f} s, many times "
                f"what it should take; run make doctor, and look at {job.log}."
            ) from None
        finally:
            _kill(process)
        wall = time.perf_counter() - start
    if status != 0:
        raise ChainError(_failure(job, status, numbers))
    return summary.read(job.folder / _NAME, job.devices, job.batch_size, job.log), wall


def _failure(job: Job, status: int, numbers: str) -> str:
    text = job.log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    lines = [line.rstrip() for line in plain(text).splitlines()[1:] if line.strip()]
    relevant = [line for line in lines if _RELEVANT.search(line)] or lines
    if opened := next(filter(None, map(_NO_DEVICE.search, relevant)), None):
        return (
            f"device {opened[1] or numbers} cannot be opened; run make doctor, or choose another "
            f"DEVICE=; the full log of ais_bench is {job.log}."
        )
    print(*(f"  ais_bench: {line}" for line in relevant[-10:]), sep="\n", file=sys.stderr)
    return (
        f"ais_bench failed with exit status {status} on device {numbers}; run make doctor; its "
        f"full log is {job.log}."
    )


def _kill(process: subprocess.Popen) -> None:
    # With the processes that it started for further devices, which would go on computing.
    if process.poll() is not None:
        return
    family = [process.pid]
    for pid in family:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                family += map(int, children.read_text().split())
            except OSError:
                continue  # it has just ended
    for pid in family:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
