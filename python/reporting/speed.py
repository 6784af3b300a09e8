"""Throughput of a group's configurations as one table of bars, accuracy beside it; NPU variants."""

from typing import Any

from evaluation.published import figures
from reporting.accuracy import Comparisons
from reporting.card import RUNS_FOR_P99
from reporting.cells import NONE, Bar, Cell, Table, number, percent, percent_span
from reporting.configuration import Configuration


def is_steady(perf: dict[str, Any]) -> bool:
    """Tell whether the throughput in ``perf`` is one to rely on."""
    return perf["throughput"]["verdict"] == "steady"


def span(perf: dict[str, Any]) -> str:
    """Return the least and the greatest block in images a second, e.g. ``675-690``; else empty."""
    least, greatest = perf["throughput"].get("least"), perf["throughput"].get("greatest")
    if least is None or greatest is None:
        return ""
    digits = 0 if greatest >= 100 else 1
    return f"{least:,.{digits}f}-{greatest:,.{digits}f}"


def best(members: list[Configuration]) -> Configuration | None:
    """Return the fastest of ``members``; a steady figure comes before any other."""
    timed = [c for c in members if c.speed]
    return max(timed, key=lambda c: (is_steady(c.speed), c.speed["throughput_fps"]), default=None)


def comparison(members: list[Configuration], found: Comparisons) -> Table:
    """Throughput, latency and accuracy of ``members``, each compared with the first that has it.

    ``found`` is what ``compare_with_first`` gives for them.
    """
    timed = [c.speed for c in members if c.speed]
    top = max((_greatest(perf) for perf in timed), default=1.0)
    against = timed[0] if timed else None
    columns = ["configuration", "images a second", "verdict", "speed-up"]
    columns += ["of peak", "p50 ms", "p99 ms", "accuracy", "change, % points", "McNemar p"]
    places = {c["device"] for c in members}
    rows = []
    for c in members:
        notes = [c.calibration, c["device"] if len(places) > 1 else ""]
        name = Cell(c.label, note="; ".join(filter(None, notes)))
        rows.append([name, *_speed(c, against, top), *_accuracy(c, found.get(c.folder.name))])
    known = any(perf.get("of_peak") is not None for perf in timed)
    unwanted = set() if known else {columns.index("of peak")}
    return Table(
        _caption(members),
        [name for k, name in enumerate(columns) if k not in unwanted],
        [[cell for k, cell in enumerate(row) if k not in unwanted] for row in rows],
    )


def _caption(members: list[Configuration]) -> str:
    timed = [c.label for c in members if c.speed]
    judged = [c.label for c in members if c.outcome]
    if len(timed) > 1 and len(judged) > 1 and timed[0] == judged[0]:
        return f"Speed-up and change of accuracy are against {timed[0]}"
    said = [f"Speed-up is against {timed[0]}"] if len(timed) > 1 else []
    said += [f"Change of accuracy is against {judged[0]}"] if len(judged) > 1 else []
    return ". ".join(said)


def _greatest(perf: dict[str, Any]) -> float:
    return max(perf["throughput_fps"], perf["throughput"].get("greatest") or 0)


def _speed(c: Configuration, first: dict[str, Any] | None, top: float) -> list[Cell]:
    perf = c.speed
    if perf is None:
        return [Cell("out of date" if c.perf else NONE), *[Cell(NONE)] * 5]
    fps, run, ms = perf["throughput_fps"], perf["throughput"], perf["latency_ms"]
    low, high = (run.get(key) or fps for key in ("least", "greatest"))
    bar = Bar(*(100 * value / top for value in (fps, low, high)), not is_steady(perf))
    doubt = "" if is_steady(perf) and is_steady(first) else "doubtful"
    peak = perf.get("of_peak")
    # The peak is direct convolution's, which multiplies more.
    winograd = "Winograd" if peak is not None and peak > 1 else ""
    return [
        Cell(f"{fps:,.1f}", fps, span(perf), bar),
        Cell(run["verdict"], note="; ".join(run.get("reasons", []))),
        number(fps / first["throughput_fps"], ".2f", doubt),
        Cell(NONE) if peak is None else Cell(f"{100 * peak:.0f} %", peak, winograd),
        number(ms["median"], ".2f"),
        number(ms["p99"] if perf["loop"] >= RUNS_FOR_P99 else None, ".2f"),
    ]


def _accuracy(c: Configuration, found: dict[str, Any] | None) -> list[Cell]:
    if not c.accuracy:
        return [Cell(NONE)] * 3
    interval, value = c.accuracy["accuracy_interval"], c.accuracy["accuracy"]
    cells = [Cell(percent(value), value, percent_span(interval["low"], interval["high"]))]
    if found is None:
        return [*cells, Cell(NONE), Cell(NONE)]
    change = found["difference"]
    note = f"{100 * change['low']:+.2f} to {100 * change['high']:+.2f}" if found["changed"] else ""
    return [
        *cells,
        Cell(f"{100 * change['mean']:+.2f}", change["mean"], note),
        number(found["p_value"], ".3g"),
    ]


def npu_variants(configurations: list[Configuration]) -> Table:
    """Device-only fps of the same network on an NPU: plain, AIPP, fused and both, side by side.

    They are for each device, beside the guide's where it measured that network on that chip.
    """
    variants = ("plain", "AIPP", "fused", "fused AIPP")
    guide = figures()["guide"]
    rows: dict[tuple, dict[str, Cell]] = {}
    for c in configurations:
        if c.variant and c.perf:
            key = (c.network, c["dataset"], c["device"], c["precision"], c["batch_size"])
            own = (c["net"], c["device"]) == (guide["net"], guide["device"])
            known = guide["fps"].get(str(key[-1])) if own else None
            empty = dict.fromkeys(variants, Cell(NONE)) | {"guide": number(known, "d")}
            row = rows.setdefault(key, empty | {"verdict": Cell("")})
            row[c.variant] = number(c.perf["throughput_fps"] / len(c.perf["devices"]), ".1f")
            said = f"{c.variant} {c.perf['throughput']['verdict']}"
            row["verdict"] = Cell("; ".join(filter(None, [row["verdict"].text, said])))
    header = ["network", "data set", "chip", "precision", "batch"]
    header += [*variants, "guide's fps", "verdict"]
    return Table(
        "On the NPU: device-only fps of one device",
        header,
        [[*map(Cell, key[:-1]), Cell(str(key[-1]), key[-1]), *rows[key].values()] for key in rows],
    )
