"""Every write fails once, by its number: the step says so in a sentence, and the next run is good.

ENOSPC, EIO, EMFILE, or a write that takes half of its bytes. Consecutive seeds go through all
writes of all steps and then make's own, each with one of the four, and again with the next.
"""

from __future__ import annotations

from random import Random

from torture import shim, warm
from torture.bench import Bench, aim, finish, refused, run_steps
from torture.graph import Traced
from torture.kill import compared
from torture.outcome import SURVIVED, WRONG, Outcome, left_over

FAULTS = (*shim.ERRORS, "short")
MAKES = 8  # one next run in so many is make's
MAKE_CALLS = 8  # of make itself, where a variable has changed


def trial(seed: int, bench: Bench) -> Outcome:
    """Fail one write of one step; look at what is there; run it again."""
    random = Random(seed)
    found, fault = _write(bench, seed)
    if isinstance(found, int):
        return _make(random, bench, found, fault)
    traced, at, over = found
    configuration = aim(random, bench, traced, over).configuration
    specimen, control = bench.specimen, bench.control
    _arm(control, fault, at)
    ran = warm.run(specimen, traced.step, control)
    _, hit = control.disarm()
    did = f"{traced.step.door}{' anew' if over else ''}, {fault} at write {at}, {hit}"
    # Old products may stay, of which none is half a new one.
    differing = [n for n in bench.graph.differing([traced]) if (specimen.root / n).exists()]
    outcome = Outcome(SURVIVED, f"{did}: it went on")
    if ran.status != 0:
        outcome = refused(ran.status, ran.err, did)
    missing = [n for n in traced.writes if not (specimen.root / n).exists()]
    if differing or (ran.status == 0 and missing):
        outcome = Outcome(WRONG, f"{did}: status {ran.status}, differing: {differing or missing}")
    elif ran.status and not hit.startswith("unlink") and (left := left_over(specimen.root)):
        outcome = Outcome(WRONG, f"{did}: left {left}")
    if outcome.kind != WRONG:
        outcome = _again(random, bench, configuration, traced, did, outcome)
    return outcome


def _arm(control: shim.Control, fault: str, at: int) -> None:
    control.arm(shim.SHORT if fault == "short" else shim.FAIL, at, shim.ERRORS.get(fault, 0))


def _write(bench: Bench, seed: int) -> tuple[tuple[Traced, int, bool] | int, str]:
    # The write of that number, counted through all steps, made afresh and again, and make's own;
    # and how it fails.
    every = [(t, over) for t in bench.graph.traced for over in (False, True)]
    turn, number = divmod(seed, sum(t.calls(over) for t, over in every) + MAKE_CALLS)
    fault = FAULTS[(number + turn) % len(FAULTS)]
    for traced, over in every:
        if number < traced.calls(over):
            return (traced, number + 1, over), fault
        number -= traced.calls(over)
    return number + 1, fault


def _make(random: Random, bench: Bench, at: int, fault: str) -> Outcome:
    """Fail one of the first writes of a make that finds a variable changed."""
    specimen, control = bench.specimen, bench.control
    configuration = random.choice(list(specimen.results))
    specimen.restore()
    _arm(control, fault, at)
    made = finish(specimen.make(configuration, "accuracy", "THREADS=1"))
    _, hit = control.disarm()
    did = f"{configuration}, make accuracy, {fault} at write {at}, {hit}"
    outcome = Outcome(SURVIVED, f"{did}: it went on")
    if made.status != 0:
        outcome = refused(made.status, made.err, did)
    made = finish(specimen.make(configuration, "accuracy"))
    after = compared(bench, configuration, made, did)
    return outcome if outcome.kind == WRONG or after.kind == SURVIVED else after


def _again(
    random: Random, bench: Bench, configuration: str, traced: Traced, did: str, outcome: Outcome
) -> Outcome:
    leads = traced in bench.graph.needed(configuration)
    if leads and random.randrange(MAKES) == 0:
        made = finish(bench.specimen.make(configuration, "accuracy"))
        after = compared(bench, configuration, made, did)
    else:
        failed, _ = run_steps(bench, [traced], f"{did}; the next run")
        differing = bench.graph.differing([traced])
        after = failed or Outcome(
            WRONG if differing else SURVIVED, f"{did}; afterwards differing: {differing}"
        )
    return outcome if after.kind == SURVIVED else after._replace(kind=WRONG)
