"""What else the machine did while something was timed, and whether the figure can be believed."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import ChainError
from common.machine import usable_cpus

STEADY, DISTURBED, INCOMPARABLE = "steady", "disturbed", "not comparable"
# What a comparable figure is made of.
BLOCKS, SECONDS = 5, 10.0
# Blocks of one configuration on a quiet machine differ by 1 to 3% (greatest less least).
MOST_SPREAD = 0.05
# Parts of the processor time that others may take: what a quiet system does by itself is less.
MOST_TAKEN = 0.05
# A clock that falls by more than this changes the figure by as much.
LEAST_CLOCK = 0.95


class Moment(NamedTuple):
    """Counters at one time, in seconds. ``others`` includes this process; None: not shown here."""

    wall: float
    own: float
    everyone: float | None
    stolen: float | None
    ran: float | None
    waited: float | None
    clock_mhz: float | None


def moment() -> Moment:
    """Return the counters of the CPUs that this process may use, and of its threads."""
    times = os.times()
    everyone, stolen = _cpu_seconds()
    ran, waited = _scheduled()
    return Moment(time.perf_counter(), sum(times[:4]), everyone, stolen, ran, waited, _clock_mhz())


def _cpu_seconds() -> tuple[float | None, float | None]:
    """Return the seconds that the usable CPUs worked, and that a hypervisor took from them."""
    usable = {f"cpu{n}" for n in os.sched_getaffinity(0)}
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None, None
    ticks = os.sysconf("SC_CLK_TCK")
    rows = [row for row in map(str.split, lines) if row[0] in usable]
    # user nice system idle iowait irq softirq steal: man 5 proc_stat.
    busy = sum(int(row[k]) for row in rows for k in (1, 2, 3, 6, 7))
    return busy / ticks, sum(int(row[8]) for row in rows) / ticks


def _scheduled() -> tuple[float | None, float | None]:
    """Return the seconds that this process's threads ran, and that they waited for a CPU."""
    ran = waited = 0
    try:
        for file in Path("/proc/self/task").glob("*/schedstat"):
            run, wait, _ = file.read_text(encoding="ascii").split()
            ran, waited = ran + int(run), waited + int(wait)
    except (OSError, ValueError):
        return None, None
    return ran / 1e9, waited / 1e9


def _clock_mhz() -> float | None:
    """Return the mean clock of the usable CPUs as the kernel shows it now."""
    root = Path("/sys/devices/system/cpu")
    try:
        found = [
            int((root / f"cpu{n}/cpufreq/scaling_cur_freq").read_text(encoding="ascii")) / 1000
            for n in os.sched_getaffinity(0)
        ]
    except (OSError, ValueError):
        return None
    return float(np.mean(found)) if found else None


class Watch:
    """Looks at the machine from its making on, for as long as something is timed."""

    def __init__(self) -> None:
        self._first = self._last = moment()
        self._clock = [self._first.clock_mhz]

    def look(self) -> None:
        """Take another look where the last one is a second old."""
        if time.perf_counter() - self._last.wall >= 1:
            self._last = moment()
            self._clock.append(self._last.clock_mhz)

    def findings(self) -> dict[str, Any]:
        """Return what was seen until now; None stands for what this system does not show.

        ``cpu_share``: of the time that this process's threads wanted a CPU, the part that they had
        one. ``other_cpus`` and ``stolen_cpus``: how many of the usable CPUs others kept busy, and
        a hypervisor took, on average. ``load_average``: of the last minute. ``clock_mhz``: a second
        each.
        """
        a, b = self._first, moment()
        wall = b.wall - a.wall
        own, everyone = b.own - a.own, _less(b.everyone, a.everyone)
        ran, waited = _less(b.ran, a.ran), _less(b.waited, a.waited)
        stolen = _less(b.stolen, a.stolen)
        clock = [mhz for mhz in (*self._clock, b.clock_mhz) if mhz is not None]
        return {
            "cpu_share": ran / (ran + waited) if ran and waited is not None else None,
            "other_cpus": None if everyone is None else max(0.0, everyone - own) / wall,
            "stolen_cpus": None if stolen is None else stolen / wall,
            "usable_cpus": usable_cpus(),
            "load_average": os.getloadavg()[0],
            "clock_mhz": clock or None,
        }


def _less(b: float | None, a: float | None) -> float | None:
    return None if a is None or b is None else b - a


def judge(
    blocks_fps: Sequence[float],
    seconds: float,
    threads: int | None,
    found: dict[str, Any],
    needed_s: float = SECONDS,
) -> dict[str, Any]:
    """Return the figure that ``blocks_fps`` make, and a verdict on it.

    ``seconds`` is how long they took together, of which ``needed_s`` are needed; ``found`` is what
    ``Watch.findings`` gave. With fewer ``threads`` than CPUs others may use the rest. ``fps`` is
    the median, ``least`` and ``greatest`` the ends. ``verdict`` is steady; disturbed, with
    ``reasons``; or not comparable, where there are fewer blocks or seconds than needed.
    """
    values = np.asarray(blocks_fps, np.float64)
    middle, least, greatest = float(np.median(values)), float(values.min()), float(values.max())
    reasons = _reasons((greatest - least) / middle, threads, found)
    verdict = DISTURBED if reasons else STEADY
    if len(values) < BLOCKS or seconds < needed_s:
        verdict = INCOMPARABLE
        reasons.insert(
            0, f"blocks: {len(values)} in {seconds:.1f} s, of {BLOCKS} in {needed_s:g} s needed"
        )
    return {
        "fps": middle,
        "least": least,
        "greatest": greatest,
        "blocks_fps": values.tolist(),
        "seconds": seconds,
        "verdict": verdict,
        "reasons": reasons,
        **found,
    }


def _reasons(spread: float, threads: int | None, found: dict[str, Any]) -> list[str]:
    cpus, others, stolen = (found[key] for key in ("usable_cpus", "other_cpus", "stolen_cpus"))
    reasons = []
    contended = others is not None and (threads or cpus) + others > cpus
    if contended and others > MOST_TAKEN * cpus:
        reasons.append(f"other processes kept {others:.1f} of {cpus} CPUs busy")
    if stolen is not None and stolen > MOST_TAKEN * cpus:
        reasons.append(f"the hypervisor took {stolen:.1f} of {cpus} CPUs")
    if (clock := found["clock_mhz"]) and min(clock) < LEAST_CLOCK * clock[0]:
        reasons.append(f"the clock fell from {clock[0]:.0f} to {min(clock):.0f} MHz")
    if spread > MOST_SPREAD:
        reasons.append(f"the blocks differ by {spread:.1%}")
    return reasons


def once_more(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``measure`` gives, or if that is disturbed the better of two, with ``attempts``.

    Of two that are disturbed it is the faster one, because a disturbance only slows down.
    """
    first = measure()
    if first["verdict"] != DISTURBED:
        return first | {"attempts": 1}
    second = measure()
    faster = max(first, second, key=lambda figure: figure["fps"])
    return (faster if second["verdict"] == DISTURBED else second) | {"attempts": 2}


def refuse_unless_steady(figure: dict[str, Any]) -> None:
    """Raise ``ChainError`` with the reasons unless the verdict on ``figure`` is steady."""
    if figure["verdict"] != STEADY:
        remedy = "run make perf again on a machine that does nothing else"
        if figure["verdict"] == INCOMPARABLE:
            remedy = "leave out LOOP="
        raise ChainError(
            f"STRICT=1 takes no throughput that is {figure['verdict']} "
            f"({'; '.join(figure['reasons'])}); nothing was stored; {remedy}."
        )
