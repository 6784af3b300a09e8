"""One configuration's perf.json -> what collections of each size take of such nodes."""

from __future__ import annotations

from typing import Any

from collection import scaling
from collection.scaling import HOUR, Node
from common.errors import ChainError
from common.table import aligned
from reporting.quantities import quantity, size
from reporting.scale_tables import POWERS, SIZES, of_work


def card(perf: dict[str, Any], known: dict[str, Any], price: float | None) -> list[str]:
    """Return the lines shown of one configuration's ``perf``: what each size takes of such nodes.

    ``price``: of a node for an hour, in any currency; without one there is no cost.
    """
    measured = scaling.of_figures(known["figures"])
    try:
        cores = perf["usable_cpus"] if perf["device"] == perf["cpu"] else None
        node, dimension = Node(perf["throughput_fps"], cores), perf["dimension"]
        verdict = perf["throughput"]["verdict"]
        name = f"{perf['net']} {perf['engine']} {perf['precision']} batch {perf['batch_size']}"
    except (KeyError, TypeError):
        raise ChainError("the perf.json is not of this version; run make perf again.") from None
    rate = scaling.faces_a_second(node, measured)
    rows = [["faces", "node hours", "nodes, 1 day", "nodes, 1 hour", "float32", "float16"]]
    rows[0] += ["cost"] if price is not None else []
    for faces in SIZES:
        work = scaling.job(faces)
        stored = (faces * scaling.row_bytes(measured, d, dimension) for d in scaling.WIDTHS)
        cost = [] if price is None else [f"{price * faces / rate / HOUR:,.2f}"]
        rows.append([POWERS[faces], *of_work(work, node, measured), *map(size, stored), *cost])
    said = "" if verdict == "steady" else f" ({verdict})"
    where = f"{cores} cores" if cores else perf["device"]
    return [
        f"{name}, a node of {where}: {quantity(node.fps)} img/s{said}, {quantity(rate)} faces/s",
        *aligned(rows).splitlines(),
    ]
