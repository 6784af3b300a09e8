"""One run of the ais_bench process, believed only after its products have been checked.

ais_bench exits 0 in many cases where something is wrong, so success here means: a summary for
each device, written by this run, and a figure in it that agrees with its own times.
"""

import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import ChainError
from common.files import remove

# Newer versions refuse any other character, and a comma would separate two inputs.
_PATH = re.compile(r"[A-Za-z0-9_/.-]+")
_LOOK = "import importlib.util as u; u.find_spec('ais_bench.__main__') or print('infer')"
_RELEVANT = re.compile(r"\[ERROR\]|Error|error:|\[\w+\]\[.*\]")


class Job(NamedTuple):
    """What to run: ``om`` of ``batch_size`` on ``devices``; ``inputs`` None: synthetic input.

    ``python`` is the interpreter that has ais_bench. Outputs go to the folder ``out``, which
    is emptied first, summaries inside or beside it; what is printed goes to the file ``log``.
    """

    python: str
    om: Path
    batch_size: int
    devices: list[int]
    inputs: Path | None
    outfmt: str
    loop: int
    warmup: int
    out: Path
    log: Path


class Part(NamedTuple):
    """What one device did: ``outputs`` in ``folder``, ``times_ms`` of each execution."""

    device: int
    folder: Path
    outputs: list[str]
    times_ms: list[float]
    throughput: float
    transfers_ms: dict[str, float]


def command(job: Job) -> list[str]:
    """Return the command line of ``job``."""
    options: dict[str, object] = {
        "--model": job.om,
        "--output": job.out.parent,
        "--output_dirname": job.out.name,
        "--outfmt": job.outfmt,
        "--batchsize": job.batch_size,
        "--device": ",".join(map(str, job.devices)),
        "--warmup_count": job.warmup,
    }
    tool = _tool(job.python)
    if job.inputs:
        options["--input"] = job.inputs
        if len(job.devices) > 1 and _must_ask_to_divide(tool):
            options["--divide_input"] = 1
    else:
        options["--loop"] = job.loop
    words = [str(word) for option in options.items() for word in option]
    return [*tool, *words]


def run(job: Job) -> tuple[list[Part], float]:
    """Run ``job``; return what each device did and the seconds of the whole process.

    Raises ``ChainError`` where the process fails, or where its products do not show that it
    did the whole job with the batch size that ``job`` names.
    """
    for path in filter(None, (job.om, job.inputs, job.out)):
        if not _PATH.fullmatch(str(path)):
            raise ChainError(f"{path}: ais_bench takes only letters, digits and _ / . - in names.")
    clear(job.out)
    job.out.parent.mkdir(parents=True, exist_ok=True)
    job.log.parent.mkdir(parents=True, exist_ok=True)
    words = command(job)
    with job.log.open("w", encoding="utf-8") as file:
        print(*words, file=file, flush=True)
        start = time.perf_counter()
        status = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
            # Not even a permissive umask may make outputs that others can write.
            preexec_fn=lambda: os.umask(0o022),
        ).returncode
        wall = time.perf_counter() - start
    if status != 0:
        text = job.log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        lines = [line.rstrip() for line in text.splitlines()[1:] if line.strip()]
        relevant = [line for line in lines if _RELEVANT.search(line)] or lines
        print(*(f"  ais_bench: {line}" for line in relevant[-10:]), sep="\n", file=sys.stderr)
        raise ChainError(f"ais_bench failed with exit status {status}; its full log is {job.log}.")
    return [_part(job, device) for device in job.devices], wall


def clear(out: Path) -> None:
    """Remove the folder ``out`` and the summary beside it."""
    remove(out)
    remove(out.with_name(f"{out.name}_summary.json"))


def _tool(python: str) -> list[str]:
    # Not every build of the package can be run by its own name.
    looked = subprocess.run([python, "-c", _LOOK], capture_output=True, text=True, check=False)
    return [python, "-m", "ais_bench.infer" if looked.stdout.strip() == "infer" else "ais_bench"]


def _must_ask_to_divide(tool: list[str]) -> bool:
    # Newer versions give every input to every device unless asked; older ones always divide,
    # and do not know the option.
    shown = subprocess.run(
        [*tool, "--help"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return "--divide_input" in shown.stdout


def _part(job: Job, device: int) -> Part:
    found = [job.out.with_name(f"{job.out.name}_summary.json")]
    if len(job.devices) > 1:
        # device<id> or device<id>_<index>, according to the version.
        pattern = re.compile(rf"device{device}(_\d+)?_summary\.json")
        found = [p for p in job.out.glob("device*_summary.json") if pattern.fullmatch(p.name)]
    if len(found) != 1 or not found[0].is_file():
        raise ChainError(
            f"ais_bench left no summary for device {device}: its run is incomplete although it "
            f"exited 0; its full log is {job.log}."
        )
    summary = found[0]
    folder = summary.with_name(summary.name.removesuffix("_summary.json"))
    try:
        return _read(json.loads(summary.read_text(encoding="utf-8")), job, device, folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ChainError(
            f"{summary} is not as ais_bench writes it ({type(error).__name__}: {error}); "
            f"its full log is {job.log}."
        ) from None


def _read(summary: dict[str, Any], job: Job, device: int, folder: Path) -> Part:
    files = [Path(f).name for info in summary["filesinfo"].values() for f in info["outfiles"]]
    # Newer versions list the start and the end of an execution instead of its duration.
    times = [
        float(t[1]) - float(t[0]) if isinstance(t, list) else float(t)
        for t in summary["npu_compute_time_list"]
    ]
    mean, throughput = float(summary["NPU_compute_time"]["mean"]), float(summary["throughput"])
    if not times or not all(math.isfinite(t) and t > 0 for t in (*times, mean, throughput)):
        raise ChainError(f"ais_bench reports no time for device {device}; see {job.log}.")
    if not math.isclose(throughput, 1000 * job.batch_size / mean, rel_tol=0.01):
        raise ChainError(
            f"ais_bench reports {throughput:.1f} fps on device {device}, but {mean:.4f} ms for a "
            f"batch of {job.batch_size} are {1000 * job.batch_size / mean:.1f}; see {job.log}."
        )
    # Runtimes that do not measure the copies report zeros, and count none.
    copies = {key: summary.get(f"{key}_latency", {}) for key in ("H2D", "D2H")}
    transfers = {key: float(copy["mean"]) for key, copy in copies.items() if copy.get("count")}
    return Part(device, folder, files, times, throughput, transfers)
