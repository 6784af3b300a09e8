"""The whole process group killed at a write, then a run: as if nothing had been.

A stage is drawn first and then one of its own writes, so that a stage of a minute is hit no more
often than one of a moment. Half of the writes that are hit are torn in the middle. The step is
killed by itself, or inside make; then make finishes the work, or the step is run again alone, which
takes a moment, and another make sweeps.
"""

from __future__ import annotations

from random import Random

from torture import shim, warm
from torture.bench import Bench, aim, finish, refused, run_steps
from torture.outcome import SURVIVED, WRONG, Outcome, left_over

MAKES = 8  # one in so many is killed inside make, whose own writes come first
FINISHED = 8  # of the others one in so many is finished by make
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
    if inside or random.randrange(FINISHED) == 0:
        return compared(bench, configuration, finish(specimen.make(configuration, "accuracy")), did)
    failed, _ = run_steps(bench, [traced], f"{did}; the step again")
    if failed:
        return failed._replace(kind=WRONG)
    if differing := bench.graph.differing([traced]):
        return Outcome(WRONG, f"{did}; the step again, differing: {differing}")
    finish(specimen.make(configuration, "preprocess"))
    if left := left_over(specimen.root):
        return Outcome(WRONG, f"{did}; left: {left}")
    return Outcome(SURVIVED, f"{did}; the step again gave the same")


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
