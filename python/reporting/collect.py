"""What lies in result/: every configuration with its measurements, and what is missing of it."""

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import ChainError
from common.records import read_json
from evaluation.outcome import Outcome, load_outcome

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
)


@dataclass
class Configuration:
    """One result folder. ``accuracy``, ``perf`` and ``parity`` hold its JSON files, each None
    where absent; ``outcome`` needs embeddings and labels too; ``notes`` say what is
    not shown and why.
    """

    folder: Path
    accuracy: dict[str, Any] | None = None
    perf: dict[str, Any] | None = None
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
    def network(self) -> str:
        """The network, with the checkpoint's name where that says more."""
        net, name = self["net"], self["checkpoint"].removeprefix("model_")
        return net if name == net else f"{net} ({name})"

    @property
    def variant(self) -> str:
        """Of a model compiled for an NPU: plain, fused, AIPP or fused AIPP; empty for others."""
        if "aipp" not in self.identity:
            return ""
        words = ["fused"] * (self["graph"] == "fused") + ["AIPP"] * self["aipp"]
        return " ".join(words) or "plain"

    @property
    def engine(self) -> str:
        """The engine, with the variant where that says more."""
        return " ".join(filter(None, (self["engine"], self.variant.removeprefix("plain"))))

    @property
    def label(self) -> str:
        """Engine, precision and batch size: what tells configurations of a group apart."""
        return f"{self.engine} {self['precision']}, batch {self['batch_size']}"


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
    return (c.network, c["dataset"], precision, c.engine, c["batch_size"], c.folder.name)


def _load(folder: Path, data: Path, model: Path) -> Configuration:
    configuration = Configuration(folder)
    for name in ("accuracy", "perf"):
        if not (folder / f"{name}.json").exists():
            continue
        try:
            record = read_json(folder / f"{name}.json")
            _check(record, folder / f"{name}.json")
            setattr(configuration, name, record)
        except ChainError as error:
            configuration.notes.append(str(error))
    if configuration.accuracy is None and configuration.perf is None:
        return configuration
    name = f"{configuration['checkpoint']}_bs{configuration['batch_size']}_parity.json"
    with contextlib.suppress(ChainError):  # the model may be gone, and its parity with it
        configuration.parity = read_json(model / name)
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
    # Without it a model for an NPU would be shown as one that it may not be.
    missing += ["graph"] if "aipp" in record and "graph" not in record else []
    if missing:
        raise ChainError(f"{path} has no {missing[0]}; make it again with this version.")
    for key in ("net", "checkpoint"):
        if not re.fullmatch(r"[\w.+@,-]+", str(record[key])):
            raise ChainError(f"{path} has a {key} that is not a name; make it again.")


def groups(configurations: list[Configuration]) -> list[list[Configuration]]:
    """Return those with an accuracy, grouped by network, weights and data: what is comparable."""
    by_key: dict[tuple, list[Configuration]] = {}
    for c in configurations:
        if c.accuracy:
            key = (c["net"], c["dataset"], c["weights_sha256"], c["data_sha256"])
            by_key.setdefault(key, []).append(c)
    return list(by_key.values())
