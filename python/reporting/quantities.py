"""Numbers, bytes and seconds with the digits that matter, and a unit."""


def quantity(value: float) -> str:
    """Return ``value`` with three significant digits, or all digits before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Return bytes in the decimal unit in which they are below 1,000."""
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{quantity(value)} {unit}"
    return f"{quantity(value / 1000)} TB"


def duration(seconds: float) -> str:
    """Return ``seconds`` in the unit that suits them."""
    for limit, length, unit in ((120, 1, "s"), (7200, 60, "min"), (2 * 86400, 3600, "h")):
        if seconds < limit:
            return f"{quantity(seconds / length)} {unit}"
    return f"{quantity(seconds / 86400)} d"
