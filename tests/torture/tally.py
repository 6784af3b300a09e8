"""What the trials of a class came to, as a record, a line and a table."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from torture.outcome import SURVIVED, TOLD, WRONG

HEADER = f"{'class':<14}{'trials':>8}{SURVIVED:>10}{TOLD:>8}{WRONG:>8}{'peak':>10}{'longest':>10}"
MIB = 1 << 20


def summed(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many trials there were, of each kind, their peak and longest; the wrong ones."""
    kinds = Counter(record["kind"] for record in records)
    return {
        "trials": len(records),
        **{kind: kinds[kind] for kind in (SURVIVED, TOLD, WRONG)},
        "peak_bytes": max((record["peak_bytes"] for record in records), default=0),
        "longest_s": max((record["seconds"] for record in records), default=0),
        "wrong_trials": [
            {"seed": r["seed"], "detail": r["detail"]} for r in records if r["kind"] == WRONG
        ],
    }


def line(name: str, found: dict[str, Any]) -> str:
    """Return a class's line below ``HEADER``."""
    counts = f"{found['trials']:>8}{found[SURVIVED]:>10}{found[TOLD]:>8}{found[WRONG]:>8}"
    peak = f"{found['peak_bytes'] / MIB:,.0f} MiB"
    return f"{name:<14}{counts}{peak:>10}{found['longest_s']:>8.1f} s"


def table(path: Path) -> str:
    """Return the torture JSON ``path`` as a table in Markdown."""
    found = json.loads(path.read_text(encoding="utf-8"))["classes"]
    rows = ["| class | trials | survived | told | wrong | peak memory | longest |"]
    rows.append("|---|--:|--:|--:|--:|--:|--:|")
    for name, counts in found.items():
        numbers = [f"{counts[key]:,}" for key in ("trials", SURVIVED, TOLD, WRONG)]
        numbers += [f"{counts['peak_bytes'] / MIB:,.0f} MiB", f"{counts['longest_s']:.1f} s"]
        rows.append(f"| {' | '.join([f'`{name}`', *numbers])} |")
    return "\n".join(rows)
