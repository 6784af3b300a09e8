"""``make torture``: breaks the chain on purpose, class by class, and counts what came of it.

    make torture MINUTES=30
    python tests/torture/run.py --class rot --seed 4711 --trials 1     one trial again
    python tests/torture/run.py --table result/torture.json            the table of the docs

The classes share the minutes evenly. Trial k of a class has the seed ``--seed`` + k, and one seed
gives one trial. Everything happens in copies of the project that are removed at the end; the chain
in them is made once, by make, from the demo's set and weights.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "python")]
    from common.errors import exit_with
    from torture.command import main

    exit_with(main)
