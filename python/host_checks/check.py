"""One finding of make doctor, and how findings are shown."""

from typing import NamedTuple


class Check(NamedTuple):
    """``what`` was looked at; where it is not ``ok``, ``remedy`` says what to do.

    ``note`` is shown beside a tick. A check that is not ``needed`` does not fail the chain.
    """

    what: str
    ok: bool
    remedy: str = ""
    note: str = ""
    needed: bool = True


def run(checks: list[Check]) -> int:
    """Print ``checks``; return the exit status: 1 where one that is needed is not ok."""
    for check in checks:
        if check.ok:
            print(f"  ✓ {check.what}" + (f" ({check.note})" if check.note else ""))
        else:
            print(f"  ✗ {check.what}" + ("" if check.needed else " (not needed for this run)"))
            print(f"      -> {check.remedy}")
    failed = sum(check.needed and not check.ok for check in checks)
    faults = "1 fault stops" if failed == 1 else f"{failed} faults stop"
    print(f"{faults} the chain; see above." if failed else "Everything that is needed is there.")
    return 1 if failed else 0
