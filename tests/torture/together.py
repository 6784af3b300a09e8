"""Two to four makes at once in one checkout: each is right, or refuses in one sentence.

The same and different goals and variables, ``clean`` among them, from nothing, from a finished
chain, or from a part of it. One trial in four is ``-j8`` alone. A last make gives what there was.
"""

from __future__ import annotations

import time
from random import Random

from torture.bench import Bench, aim, finish, refused
from torture.kill import compared
from torture.outcome import SURVIVED, TOLD, WRONG, Outcome
from torture.rot import figures, printed

GOALS = (
    ("accuracy",),
    ("accuracy", "report"),
    ("accuracy", "UNIQUE=0"),
    ("accuracy", "THREADS=1"),
    ("onnx", "BS=1"),
    ("preprocess",),
    ("clean",),
)
ALONE = 4


def trial(seed: int, bench: Bench) -> Outcome:
    """Start several makes within a second of each other; then make once more."""
    random = Random(seed)
    specimen = bench.specimen
    aim(random, bench)
    if random.randrange(4) == 0:
        finish(specimen.make("openvino", "clean"))
    configurations = list(specimen.results)
    if random.randrange(ALONE) == 0:
        runs = [(random.choice(configurations), ("-j8", "accuracy"))]
    else:
        several = range(random.randint(2, 4))
        runs = [(random.choice(configurations), random.choice(GOALS)) for _ in several]
    started = []
    for configuration, goals in runs:
        started.append(specimen.make(configuration, *goals))
        time.sleep(random.random())
    did = " and ".join(f"{c}: make {' '.join(goals)}" for c, goals in runs)
    outcomes = []
    for (configuration, goals), process in zip(runs, started, strict=True):
        made = finish(process)
        if made.status != 0:
            outcomes.append(refused(made.status, made.err, f"{did}: make {' '.join(goals)}"))
        elif "accuracy" in goals and printed(made.out) != figures(bench, configuration):
            outcomes.append(Outcome(WRONG, f"{did}: {' '.join(goals)} gave {printed(made.out)}"))
    for configuration in dict.fromkeys(c for c, _ in runs):
        made = finish(specimen.make(configuration, "accuracy"))
        outcomes.append(compared(bench, configuration, made, did))
    return max(outcomes, key=lambda o: (SURVIVED, TOLD, WRONG).index(o.kind))
