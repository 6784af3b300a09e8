"""A rotten byte in any product, then the steps that read it: no figure may change in silence.

One bit, one byte, a cut end, a zeroed page, or one file in the place of another of its form, with
its seal or without; with the time of the file kept or not. A file that no step reads (a stamp, a
record of the report) is left to make itself. Wrong is a run that ends well with anything else than
the undisturbed run's figures.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

from seals.seal import place as seal_of
from torture.bench import Bench, finish, refused, remove_products, run_steps
from torture.graph import LONG, MEASURING, Traced
from torture.outcome import SURVIVED, TOLD, WRONG, Outcome
from torture.specimen import SOURCES

PAGE = 4096
# One trial in so many goes through make, which decides itself what is stale.
MAKES = 20
# One in so many rots a stamp, of which there are many, and small ones.
STAMPS = 15


def trial(seed: int, bench: Bench) -> Outcome:
    """Let one product rot and run what reads it."""
    random = Random(seed)
    specimen, graph = bench.specimen, bench.graph
    specimen.restore()
    stamps = random.randrange(STAMPS) == 0
    of_note = [n for n in specimen.products() if _of_note(n) and ("/.stamp/" in n) == stamps]
    name = random.choice(of_note)
    did = rot(random, bench, name)
    readers = [t for t in graph.readers(name) if t.step.door not in LONG or random.random() < 0.1]
    if not readers or random.randrange(MAKES) == 0:
        return _by_make(random, bench, random.choice(readers) if readers else None, did)
    first = random.choice(readers)
    sequence = _sequence(random, bench, first)
    outcome, said = run_steps(bench, sequence, did)
    if outcome is None:
        outcome = _compared(bench, sequence, said, did, name)
    return outcome


def rot(random: Random, bench: Bench, name: str, hidden: bool = False) -> str:
    """Change the product ``name`` where it lies, other than by its owner; return what was done.

    If ``hidden``, neither its size nor its time tell.
    """
    path = bench.specimen.root / name
    before, data = path.stat(), bytearray(path.read_bytes())
    kinds = ["bit", "byte", "page"] if data else ["byte"]
    twins = [] if hidden else _twins(bench, name)
    kind = random.choice(kinds + ["truncation"] * (not hidden) + ["swap"] * bool(twins))
    where = f"{kind} of {name}"
    if kind == "swap":
        twin = random.choice(twins)
        data, where = bytearray((bench.specimen.root / twin).read_bytes()), f"{twin} as {name}"
        seal, other = seal_of(path), seal_of(bench.specimen.root / twin)
        if random.random() < 0.5 and seal.exists() and other.exists():
            seal.write_bytes(other.read_bytes())
            where += " with its seal"
    elif kind == "truncation":
        del data[random.randrange(len(data) or 1) :]
        where += f" to {len(data)}"
    elif kind == "page":
        at = random.randrange(len(data)) // PAGE * PAGE
        data[at : at + PAGE] = bytes(len(data[at : at + PAGE]))
        where += f" at {at}"
    else:
        at = random.randrange(len(data) or 1)
        data = data or bytearray(1)
        data[at] ^= 1 << random.randrange(8) if kind == "bit" else random.randrange(1, 256)
        where += f" {at}"
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    kept = hidden or random.random() < 0.5
    if kept:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"{where}, time {'kept' if kept else 'new'}"


def _of_note(name: str) -> bool:
    # Locks hold no product, logs and the report itself are read by people alone. The sources have a
    # class of their own: one that changes together with its time is another source.
    apart = (*SOURCES, "result/log/", "result/report.")
    return not name.endswith((".lock", "/.make", "/.now")) and not name.startswith(apart)


def _twins(bench: Bench, name: str) -> list[str]:
    # Files of the same form: the same name elsewhere, or the same size and suffix beside it.
    path = Path(name)
    root = bench.specimen.root
    size, found = (root / name).stat().st_size, []
    for other in map(Path, bench.specimen.products()):
        beside = other.parent == path.parent and other.suffix == path.suffix
        same = other.name == path.name or (beside and (root / other).stat().st_size == size)
        if same and other != path and (root / other).read_bytes() != (root / name).read_bytes():
            found.append(str(other))
    return found


def _sequence(random: Random, bench: Bench, first: Traced) -> list[Traced]:
    # The first reader and all that follows from it for one of the configurations that need it.
    graph = bench.graph
    leading = [c for c in bench.specimen.results if first in graph.needed(c)]
    if leading:
        return graph.after(first, random.choice(leading))
    shows = [t for t in graph.traced if t.step.door == "show" and t.reads & first.writes]
    return [first, *(t for t in shows if t is not first)]


def _compared(
    bench: Bench, sequence: list[Traced], said: list[str], did: str, name: str
) -> Outcome:
    differing = [n for n in bench.graph.differing(sequence) if n != name]
    if differing and all(n.startswith("result/report.") for n in differing):
        # A page that leaves something out says of what.
        here, there = (
            {
                line
                for page in (folder / "result").glob("report.*")
                for line in page.read_text().splitlines()
            }
            for folder in (bench.specimen.root, bench.specimen.finished)
        )
        # By its name, or by the folder of its product: a set, or a result.
        named = {name, *(p.name for p in list(Path(name).parents)[:-2])}
        if any(n in line for n in named for line in here - there):
            return Outcome(TOLD, f"{did}: the report names it")
    if differing:
        return Outcome(WRONG, f"{did}: {sequence[0].step.door} and on, differing: {differing}")
    measured = any(t.step.door in (*MEASURING, "embed", "infer_npu") for t in sequence)
    if not measured:
        for traced, out in zip(sequence, said, strict=True):
            if traced.step.door == "show" and out != traced.said:
                return Outcome(WRONG, f"{did}: {' '.join(traced.step.argv)} printed otherwise")
    return Outcome(SURVIVED, f"{did}: {sequence[0].step.door} and on, the same")


def printed(out: str) -> list[str]:
    """Return those lines of the output of a make."""
    return [li for li in out.splitlines() if li.startswith(("accuracy: ", "best_thresholds: "))]


def figures(bench: Bench, configuration: str) -> list[str]:
    """Return the guide's two lines, which make accuracy prints, of the finished chain."""
    path = bench.specimen.finished / bench.specimen.results[configuration] / "accuracy.json"
    found = json.loads(path.read_text())
    return [f"accuracy: {found['accuracy']}", f"best_thresholds: {found['best_threshold']}"]


def _by_make(random: Random, bench: Bench, reader: Traced | None, did: str) -> Outcome:
    # As a person does: what the reader makes is removed, or nothing, and make is asked.
    graph, specimen = bench.graph, bench.specimen
    leading = [c for c in specimen.results if reader is None or reader in graph.needed(c)]
    configuration = random.choice(leading or list(specimen.results))
    if reader and leading:
        remove_products(bench, [reader])
    made = finish(specimen.make(configuration, "accuracy"))
    if made.status != 0:
        return refused(made.status, made.err, f"{did}: make")
    needed = graph.needed(configuration)
    differing = [n for n in graph.differing(needed) if n not in did]
    if printed(made.out) != figures(bench, configuration):
        return Outcome(WRONG, f"{did}: make printed {printed(made.out)}")
    if differing:
        return Outcome(WRONG, f"{did}: make, differing: {differing}")
    return Outcome(SURVIVED, f"{did}: make, the same")
