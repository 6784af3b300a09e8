"""The summaries that ais_bench leaves, believed only where they agree with themselves.

ais_bench exits 0 in many cases where something is wrong, so success means: a summary for each
device, written by this run, and figures in it that agree with its own times.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import ChainError


class Part(NamedTuple):
    """What one device did: ``outputs`` in ``folder``, ``times_ms`` of each execution."""

    device: int
    folder: Path
    outputs: list[str]
    times_ms: list[float]
    throughput: float
    transfers_ms: dict[str, float]


def read(run: Path, devices: list[int], batch_size: int, log: Path) -> list[Part]:
    """Return what each of ``devices`` did in the run that ais_bench left as the folder ``run``.

    Raises ``ChainError``, which names ``log``, where a summary is missing or not as ais_bench
    writes it, or where its times and its throughput for ``batch_size`` do not fit.
    """
    return [_part(run, device, len(devices) > 1, batch_size, log) for device in devices]


def _part(run: Path, device: int, several: bool, batch_size: int, log: Path) -> Part:
    found = [run.with_name(f"{run.name}_summary.json")]
    if several:
        # device<id> or device<id>_<index>, according to the version.
        pattern = re.compile(rf"device{device}(_\d+)?_summary\.json")
        found = [p for p in run.glob("device*_summary.json") if pattern.fullmatch(p.name)]
    if len(found) != 1 or not found[0].is_file():
        raise ChainError(
            f"ais_bench left no summary for device {device}: its run is incomplete although it "
            f"exited 0; its full log is {log}."
        )
    (summary,) = found
    folder = summary.with_name(summary.name.removesuffix("_summary.json"))
    try:
        content = json.loads(summary.read_text(encoding="utf-8"))
        return _checked(content, device, folder, batch_size, log)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ChainError(
            f"{summary.name} is not as ais_bench writes it ({type(error).__name__}: {error}); "
            f"its full log is {log}."
        ) from None


def _checked(
    summary: dict[str, Any], device: int, folder: Path, batch_size: int, log: Path
) -> Part:
    files = [Path(f).name for info in summary["filesinfo"].values() for f in info["outfiles"]]
    # Newer versions list the start and the end of an execution instead of its duration.
    times = [
        float(t[1]) - float(t[0]) if isinstance(t, list) else float(t)
        for t in summary["npu_compute_time_list"]
    ]
    mean, throughput = float(summary["NPU_compute_time"]["mean"]), float(summary["throughput"])
    if not times or not all(math.isfinite(t) and t > 0 for t in (*times, mean, throughput)):
        raise ChainError(f"ais_bench reports no time for device {device}; see {log}.")
    of_list = math.fsum(times) / len(times)
    if not math.isclose(mean, of_list, rel_tol=0.01):
        raise ChainError(
            f"ais_bench reports a mean of {mean:.4g} ms on device {device}, but the times that it "
            f"lists have one of {of_list:.4g}: ais_bench and aclruntime are of different "
            f"versions; install both from one release; see {log}."
        )
    if not math.isclose(throughput, 1000 * batch_size / mean, rel_tol=0.01):
        raise ChainError(
            f"ais_bench reports {throughput:.1f} fps on device {device}, but {mean:.4f} ms for a "
            f"batch of {batch_size} are {1000 * batch_size / mean:.1f}; see {log}."
        )
    # Runtimes that do not measure the copies report zeros, and count none.
    copies = {key: summary.get(f"{key}_latency", {}) for key in ("H2D", "D2H")}
    transfers = {key: float(copy["mean"]) for key, copy in copies.items() if copy.get("count")}
    return Part(device, folder, files, times, throughput, transfers)
