"""What the steps of a specimen read and write, as the shim saw it, and what is the same again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from torture import shim, warm
from torture.specimen import SOURCES, Specimen, Step

# Figures of a run that no second run repeats.
_OF_THE_MOMENT = re.compile(
    r"date|load|kept_inferences|rate|limit|.*seconds|.*_s|.*_ms|.*_fps|.*throughput.*|.*latency.*"
)
# Steps whose whole product is a measurement, or that take ten seconds.
MEASURING = ("benchmark", "benchmark_npu", "tune")
# Steps that put their times beside what they compute.
MASKED = ("embed", "embed_collection", "infer_npu", "check_om")
LONG = ("tune", "quantize")


class Traced(NamedTuple):
    """A step, the products that it ``reads`` and ``writes``, and what it ``said``.

    It has ``first`` calls that write where nothing is there, ``more`` where its products are.
    """

    step: Step
    reads: frozenset[str]
    writes: frozenset[str]
    first: int
    more: int
    said: str

    def calls(self, over: bool) -> int:
        """Return how many calls write, ``over`` an earlier run's products or not."""
        return self.more if over else self.first

    def named(self) -> set[str]:
        """Return the products it reads that its command line names, by themselves or by a folder.

        It looks into other graphs as well, whether they still refer to weights that it replaces.
        """
        named = [word.rpartition("=")[2] for word in self.step.argv]
        return {n for n in self.reads if any(n == w or n.startswith(f"{w}/") for w in named)}


class Graph:
    """The traced steps of a specimen, in the order in which make ran them."""

    def __init__(self, specimen: Specimen, traced: list[Traced], unstable: set[str]):
        self.specimen, self.traced, self.unstable = specimen, traced, unstable

    def readers(self, name: str) -> list[Traced]:
        """Return the steps that read the product ``name`` after it was made.

        Those before look at it too, whether it refers to weights that they made.
        """
        made = [k for k, t in enumerate(self.traced) if name in t.writes]
        return [t for t in self.traced[made[-1] + 1 if made else 0 :] if name in t.reads]

    def needed(self, configuration: str) -> list[Traced]:
        """Return the steps that lead to the accuracy of ``configuration``, in order."""
        folder = self.specimen.results[configuration]
        wanted, found = {f"{folder}/accuracy.json"}, []
        for traced in reversed(self.traced):
            if traced.writes & wanted:
                wanted |= traced.named()
                found.insert(0, traced)
        return found

    def after(self, first: Traced, configuration: str) -> list[Traced]:
        """Return ``first`` and what it changes on the way to the figures of ``configuration``."""
        folder = self.specimen.results[configuration]
        needed = self.needed(configuration)
        shows = [
            t for t in self.traced if t.step.door == "show" and f"{folder}/accuracy.json" in t.reads
        ]
        sequence, changed = [first], set(first.writes)
        for traced in needed + shows:
            if traced is not first and traced.reads & changed:
                sequence.append(traced)
                changed |= traced.writes
        return sequence

    def differing(self, sequence: list[Traced]) -> list[str]:
        """Return the products of ``sequence`` that are not as in the finished chain, or missing."""
        masked = any(t.step.door in MASKED for t in sequence)
        measured = {n for t in sequence if t.step.door in MEASURING for n in t.writes}
        names = {n for t in sequence for n in t.writes} - measured - self.unstable
        return [self._how(name) for name in sorted(names) if not self.same(name, masked)]

    def _how(self, name: str) -> str:
        here, there = self.specimen.root / name, self.specimen.finished / name
        if not here.exists():
            return f"{name} (missing)"
        values = [_values(path) for path in (here, there)] if name.endswith(".json") else []
        if not all(isinstance(value, dict) for value in values) or not values:
            return name
        keys = values[0].keys() | values[1].keys()
        told = [key for key in sorted(keys) if values[0].get(key) != values[1].get(key)]
        return f"{name} ({', '.join(told) or 'times alone'})"

    def same(self, name: str, masked: bool) -> bool:
        """Is the product ``name`` as in the finished chain; if ``masked``, but for its times?"""
        here, there = (folder / name for folder in (self.specimen.root, self.specimen.finished))
        if not here.exists():
            return False
        if here.read_bytes() == there.read_bytes():
            return True
        return masked and name.endswith(".json") and _values(here) == _values(there)


def trace(specimen: Specimen, control: shim.Control) -> Graph:
    """Run every step of ``specimen`` twice; return what it read, wrote, and does not repeat.

    First one after the other from nothing, as make does, then each where everything is there.
    """
    products = set(specimen.products())
    steps = specimen.steps
    reads, writes = ([set() for _ in steps] for _ in range(2))
    first = [0] * len(steps)
    graph = Graph(specimen, [], set())
    specimen.restore()
    for name in products - set(SOURCES):
        (specimen.root / name).unlink()
    for again in (False, True):
        for k, step in enumerate(steps):
            if again:
                specimen.restore()
            if again and step.door in LONG:
                files = (frozenset(reads[k] - writes[k]), frozenset(writes[k]))
                graph.traced.append(Traced(step, *files, first[k], first[k], ""))
                continue
            control.arm(shim.LOG)
            ran = warm.run(specimen, step, control)
            calls, _ = control.disarm()
            first[k] = first[k] or calls
            if ran.status != 0:
                raise RuntimeError(f"{' '.join(step.argv)} failed: {ran.err}")
            noted = [(call, _under(path, products)) for call, path in control.noted()]
            reads[k] |= {n for call, names in noted if call == "read" for n in names}
            writes[k] |= {n for call, names in noted if call == "rename" for n in names}
            # What a library caches by itself need not be repeated, nor a seal's own time.
            writes[k] -= {n for n in writes[k] if "/.cache/" in n or "/.seal/" in n}
            # bcolz leaves a few bytes of the moment in its chunks; embeddings tell their pixels.
            graph.unstable |= {n for n in writes[k] if n.endswith(".blp")}
            if again:
                graph.unstable |= {n for n in writes[k] if not graph.same(n, masked=True)}
                files = (frozenset(reads[k] - writes[k]), frozenset(writes[k]))
                graph.traced.append(Traced(step, *files, first[k], calls, ran.out))
    specimen.restore()
    return graph


def _under(path: str, products: set[str]) -> list[str]:
    # A folder that is renamed into place, or opened, stands for the files in it.
    return [path] if path in products else [n for n in products if n.startswith(f"{path}/")]


def _values(path: Path) -> object:
    try:
        value = json.loads(path.read_text())
    except ValueError:
        return None
    if not isinstance(value, dict):
        return value
    return {k: v for k, v in value.items() if not _OF_THE_MOMENT.fullmatch(k)}
