"""The whole process group killed at a write, then a run: as if nothing had been.

A stage is drawn first and then one of its own writes, so that a stage of a minute is hit no more
often than one of a moment. Half of the writes that are hit are torn in the middle. The step is
killed by itself or inside make; make then finishes the work.
"""

from __future__ import annotations

from random import Random

from torture import shim, warm
from torture.bench import Bench, aim, finish, refused
from torture.outcome import SURVIVED, WRONG, Outcome, left_over

MAKES = 4  # one in so many is killed inside make, whose own writes come first
MAKE_CALLS = 8


def trial(seed: int, bench: Bench) -> Outcome:
    """Kill one step at one of its writes; run make; compare."""
    random = Random(seed)
    configuration, traced, over = aim(random, bench)
    specimen, control, door = bench.specimen, bench.control, traced.step.door
    inside = random.randrange(MAKES) == 0
    at = random.randint(1, traced.calls(over) + inside * MAKE_CALLS)
    control.arm(shim.KILL, at, error=random.randrange(2))
    if inside:
        made = specimen.make(configuration, "accuracy")
        control.lead(made.pid)
        finish(made)
    else:
        warm.run(specimen, traced.step, control)
    _, hit = control.disarm()
    did = f"{configuration}, {door}{' in make' if inside else ''}{' anew' if over else ''}"
    did += f" killed at write {at}, {hit}" if hit else f" not killed at write {at}"
    made = finish(specimen.make(configuration, "accuracy"))
    outcome = compared(bench, configuration, made, did)
    return outcome


def compared(bench: Bench, configuration: str, made, did: str) -> Outcome:
    """Return what the run ``made`` after a disturbance came to: it must give what was there."""
    if made.status != 0:
        found = refused(made.status, made.err, f"{did}; the next make")
        return found._replace(kind=WRONG)
    graph = bench.graph
    differing = graph.differing(graph.needed(configuration))
    if differing:
        return Outcome(WRONG, f"{did}; afterwards differing: {differing}")
    if left := left_over(bench.specimen.root):
        return Outcome(WRONG, f"{did}; left: {left}")
    return Outcome(SURVIVED, f"{did}; the next make gave the same")
