"""A set or a checkpoint that changes under an unchanged size and time: what reads it notices.

``make fsck`` must name it, and a run that reads it must refuse, say so, or not depend on it.
"""

from __future__ import annotations

from random import Random

from torture.bench import Bench, finish, refused, remove_products
from torture.outcome import SURVIVED, TOLD, WRONG, Outcome
from torture.rot import rot
from torture.specimen import SOURCES


def trial(seed: int, bench: Bench) -> Outcome:
    """Let a source rot unseen; then check it, or make again what is made of it."""
    random = Random(seed)
    specimen, graph = bench.specimen, bench.graph
    specimen.restore()
    name = random.choice(SOURCES)
    did = rot(random, bench, name, hidden=True)
    if random.random() < 0.5:
        made = finish(specimen.make("openvino", "fsck"))
        if made.status == 0:
            return Outcome(WRONG, f"{did}: fsck did not notice")
        said = made.out + made.err
        found = Outcome(TOLD, f"{did}: fsck") if name in said else Outcome(WRONG, f"{did}: {said}")
        return found
    configuration = random.choice(list(specimen.results))
    remove_products(bench, graph.readers(name))
    made = finish(specimen.make(configuration, "accuracy"))
    if made.status != 0:
        outcome = refused(made.status, made.err, f"{did}: make")
    elif name in made.err:
        outcome = Outcome(TOLD, f"{did}: make said {made.err.strip()[:200]}")
    elif differing := graph.differing(graph.needed(configuration)):
        outcome = Outcome(WRONG, f"{did}: make, differing: {differing}")
    else:
        outcome = Outcome(SURVIVED, f"{did}: make, the same")
    return outcome
