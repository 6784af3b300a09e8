"""What lies in result/: every configuration with its measurements, and what is missing of it."""

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errors import ChainError
from outcome import Outcome, load_outcome, read_json

# Keys that a record of either kind has: what they name is shown, so it must be there.
_IDENTITY = ("net", "dataset", "batch_size", "engine", "precision", "device", "weights_sha256")


@dataclass
class Configuration:
    """One result folder. ``accuracy``, ``perf``, ``quant`` and ``parity`` hold its JSON files,
    each None where absent; ``outcome`` needs embeddings and labels too; ``notes`` say what is
    not shown and why.
    """

    folder: Path
    accuracy: dict[str, Any] | None = None
    perf: dict[str, Any] | None = None
    quant: dict[str, Any] | None = None
    parity: dict[str, Any] | None = None
    outcome: Outcome | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def identity(self) -> dict[str, Any]:
        """The record that names network, set, engine, device and so on."""
        record = self.accuracy or self.perf
        assert record is not None
        return record

    def __getitem__(self, key: str) -> Any:
        return self.identity[key]

    @property
    def label(self) -> str:
        """Engine, precision and batch size: what tells configurations of a group apart."""
        return f"{self['engine']} {self['precision']}, batch {self['batch_size']}"


def collect(results: Path, data: Path, model: Path) -> tuple[list[Configuration], list[str]]:
    """Return the configurations in the folder ``results``, sorted, and notes on skipped folders.

    Labels come from ``data`` and the parity of the ONNX stages from ``model``. Nothing that is
    missing or damaged raises: a note says so instead.
    """
    found, notes = [], []
    for folder in sorted(results.glob("*_bs*")):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        configuration = _load(folder, data, model)
        if configuration.accuracy or configuration.perf:
            found.append(configuration)
        else:
            reason = "; ".join(configuration.notes) or "neither accuracy.json nor perf.json"
            notes.append(f"{folder.name} is left out: {reason}")
    found.sort(key=_order)
    return found, notes


def _order(c: Configuration) -> tuple:
    # fp32 first: it is what the others are compared with.
    precision = (c["precision"] != "fp32", c["precision"])
    return (c["net"], c["dataset"], precision, c["engine"], c["batch_size"], c.folder.name)


def _load(folder: Path, data: Path, model: Path) -> Configuration:
    configuration = Configuration(folder)
    for name in ("accuracy", "perf", "quant"):
        if not (folder / f"{name}.json").exists():
            continue
        try:
            record = read_json(folder / f"{name}.json")
            if name != "quant":
                _check(record, folder / f"{name}.json")
            setattr(configuration, name, record)
        except ChainError as error:
            configuration.notes.append(str(error))
    if configuration.accuracy is None and configuration.perf is None:
        return configuration
    net, batch_size = configuration["net"], configuration["batch_size"]
    parity = model / f"model_{net}_bs{batch_size}_parity.json"
    with contextlib.suppress(ChainError):  # the model may be gone, and its parity with it
        configuration.parity = read_json(parity)
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
    wanted = "throughput_fps" if path.stem == "perf" else "accuracy_interval"
    missing += [] if wanted in record else [wanted]
    if missing:
        raise ChainError(f"{path} has no {missing[0]}; make it again with this version.")
    if not re.fullmatch(r"[\w.-]+", str(record["net"])):
        raise ChainError(f"{path} names a strange network; make it again.")


def groups(configurations: list[Configuration]) -> list[list[Configuration]]:
    """Return those with an accuracy, grouped by network, weights and data: what is comparable."""
    by_key: dict[tuple, list[Configuration]] = {}
    for c in configurations:
        if c.accuracy:
            key = (c["net"], c["dataset"], c["weights_sha256"], c["data_sha256"])
            by_key.setdefault(key, []).append(c)
    return list(by_key.values())
