"""What lies in result/: every configuration with its measurements, and what is missing of it."""

import re
from pathlib import Path
from typing import Any

from common.errors import ChainError
from evaluation.outcome import load_outcome
from reporting.configuration import Configuration
from seals.products import read_json
from seals.seal import refuse_mixed

# Keys that a record of either kind has: what they name is shown, so it must be there.
_IDENTITY = (
    "net",
    "dataset",
    "batch_size",
    "engine",
    "precision",
    "device",
    "checkpoint",
    "weights_sha256",
    "data_sha256",
    "model_sha256",
)
# What else is read of each, some of which records of earlier versions lack: its kind, or its keys.
_POINT = ("threshold", "cosine", "far", "far_interval", "false_accepts", "different")
_POINT += ("frr", "frr_interval", "false_rejects", "same")
_MEASURED: dict[str, dict[str, type | tuple[str, ...]]] = {
    "accuracy": {
        "accuracy": float, "accuracy_interval": ("low", "high"), "operating_point": _POINT,
        "tar_at_far": list, "deploy": str,
    },
    "perf": {
        "throughput_fps": float, "throughput": ("verdict",), "latency_ms": ("median", "p99"),
        "loop": int,
    },
}  # fmt: skip


def collect(results: Path, data: Path) -> tuple[list[Configuration], list[str]]:
    """Return the configurations in the folder ``results``, sorted, and notes on skipped folders.

    Labels come from ``data``. Nothing that is missing or damaged raises: a note says so instead.
    """
    found, notes = [], []
    for folder in sorted(results.glob("*_bs*")):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        configuration = _load(folder, data)
        records = configuration.accuracy, configuration.perf
        twin = next((c.folder for c in found if (c.accuracy, c.perf) == records), None)
        if twin:
            notes.append(f"{folder.name} is left out: it holds the result of {twin.name}")
        elif any(records):
            found.append(configuration)
        else:
            reason = "; ".join(configuration.notes) or "neither accuracy.json nor perf.json"
            notes.append(f"{folder.name} is left out: {reason}")
    found.sort(key=_order)
    return found, notes


def _order(c: Configuration) -> tuple:
    # The demo last; fp32 first: it is what the others are compared with.
    precision = (c["precision"] != "fp32", c["precision"])
    demo = bool(c.demo)
    return (demo, c.network, c["dataset"], precision, c.engine, c["batch_size"], c.folder.name)


def _load(folder: Path, data: Path) -> Configuration:
    configuration = Configuration(folder)
    try:
        refuse_mixed(folder)
    except ChainError as error:
        configuration.notes.append(str(error))
        return configuration
    for name in ("accuracy", "perf"):
        if not (folder / f"{name}.json").exists():
            continue
        try:
            record = read_json(folder / f"{name}.json", moved=True)
            _check(record, folder / f"{name}.json")
            setattr(configuration, name, record)
        except ChainError as error:
            configuration.notes.append(str(error))
    if configuration.accuracy is None and configuration.perf is None:
        return configuration
    if configuration.accuracy:
        try:
            configuration.outcome = load_outcome(folder, data)
        except (ChainError, ValueError, OSError) as error:
            configuration.notes.append(f"no curves and no pictures: {error}")
    else:
        configuration.notes.append("accuracy was not measured")
    if not configuration.perf:
        configuration.notes.append("throughput was not measured")
    return configuration


def _check(record: dict[str, Any], path: Path) -> None:
    missing = [key for key in _IDENTITY if key not in record]
    kinds = _MEASURED[path.stem].items()
    missing += [key for key, kind in kinds if not _is(record.get(key), kind)]
    # Without it a model for an NPU would be shown as one that it may not be.
    missing += ["graph"] if "aipp" in record and "graph" not in record else []
    if missing:
        raise ChainError(f"{path} has no {missing[0]}; make it again with this version.")
    for key in ("net", "checkpoint"):
        if not re.fullmatch(r"[\w.+@,-]+", str(record[key])):
            raise ChainError(f"{path} has a {key} that is not a name; make it again.")


def _is(value: Any, kind: type | tuple[str, ...]) -> bool:
    if isinstance(kind, type):
        return isinstance(value, kind)
    return isinstance(value, dict) and set(kind) <= value.keys()


def groups(configurations: list[Configuration]) -> list[list[Configuration]]:
    """Return them grouped by network, weights and data: what is comparable."""
    by_key: dict[tuple, list[Configuration]] = {}
    for c in configurations:
        key = (c["net"], c["dataset"], c["weights_sha256"], c["data_sha256"])
        by_key.setdefault(key, []).append(c)
    return list(by_key.values())
