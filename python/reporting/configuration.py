"""One configuration of the report: what its result folder holds, and its names."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.outcome import Outcome
from reporting.card import SAME


@dataclass
class Configuration:
    """One result folder. ``accuracy`` and ``perf`` hold its JSON files, each None where absent;
    ``outcome`` needs embeddings and labels too; ``notes`` say what is not shown and why.
    """

    folder: Path
    accuracy: dict[str, Any] | None = None
    perf: dict[str, Any] | None = None
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
    def series(self) -> str:
        """Engine and precision: what is drawn alike at every batch size."""
        return f"{self.engine} {self['precision']}"

    @property
    def label(self) -> str:
        """Engine, precision and batch size: what tells configurations of a group apart."""
        return f"{self.series}, batch {self['batch_size']}"

    @property
    def demo(self) -> str:
        """What the demo made up of it, which makes its accuracy worthless; else empty."""
        if self["checkpoint"].startswith("demo_"):
            return "random weights"
        return "the demo's faces" if self["dataset"] == "demo" else ""

    @property
    def speed(self) -> dict[str, Any] | None:
        """``perf``, unless it is of another model, set or device than the accuracy beside it."""
        out_of_date = (
            self.accuracy
            and self.perf
            and any(self.accuracy.get(key) != self.perf.get(key) for key in SAME)
        )
        return None if out_of_date else self.perf

    @property
    def calibration(self) -> str:
        """Says so where an INT8 model was calibrated on the very set it is judged by."""
        source = self.identity.get("quantized", {}).get("calibration", {})
        return "calibrated on the evaluation set" if source.get("of_the_evaluation_set") else ""
