"""Files that mean harm: mutated sets, checkpoints, graphs, pictures and products, read as doors do.

Wrong is a traceback, more memory than three times the file and 0.5 GB, or more than 20 s.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Callable
from functools import partial

from support import fuzz_common, fuzz_inputs
from torture.bench import Bench
from torture.outcome import Outcome


def _trial(kind: str, seed: int, bench: Bench) -> Outcome:
    # What image libraries say of damage is not ours.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    found = fuzz_inputs.TRIALS[kind](seed)
    shutil.rmtree(fuzz_common.scratch("x").parent)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return Outcome(found.kind, found.said, found.seconds, own)


TRIALS: dict[str, Callable[[int, Bench], Outcome]] = {
    kind: partial(_trial, kind) for kind in fuzz_inputs.TRIALS
}
