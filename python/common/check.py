"""One finding, and how findings are shown: a tick, or a cross and a remedy."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """``what`` was looked at; where it is not ``ok``, ``remedy`` says what to do.

    ``note`` is shown beside a tick. A check that is not ``needed`` does not fail the run.
    """

    what: str
    ok: bool
    remedy: str = ""
    note: str = ""
    needed: bool = True


def show(checks: list[Check], good: str, bad: str) -> int:
    """Print ``checks``, then the sentence ``good``, or the number of faults before ``bad``.

    Returns the exit status: 1 where one that is needed is not ok.
    """
    for check in checks:
        if check.ok:
            print(f"  ✓ {check.what}" + (f" ({check.note})" if check.note else ""))
        else:
            print(f"  ✗ {check.what}" + ("" if check.needed else " (does not stop the run)"))
            print(f"      -> {check.remedy}")
    failed = sum(check.needed and not check.ok for check in checks)
    faults = "1 fault" if failed == 1 else f"{failed} faults"
    print(f"{faults} {bad}; see above." if failed else good)
    return 1 if failed else 0
