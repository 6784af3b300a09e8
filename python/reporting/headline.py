"""The cards that the report opens with: what one would tell a colleague."""

from typing import NamedTuple

from evaluation.metrics import far_name
from evaluation.published import figures, published
from reporting.cells import percent, percent_span, rate
from reporting.configuration import Configuration
from reporting.details import machine
from reporting.speed import best, is_steady, span

# The false accept rate that doors and telephones are commonly judged at.
FAR = 1e-3
DOUBT = "Not to rely on: "


class Card(NamedTuple):
    """``title``, the figure in large print, and ``lines`` below it."""

    title: str
    figure: str
    lines: list[str]


def chosen(grouped: list[list[Configuration]]) -> list[Configuration]:
    """Return the group that the cards are of: a real one before the demo's, then the one with
    accuracy and throughput of most of its configurations, then the one with most pairs.
    """

    def recorded(members: list[Configuration]) -> tuple:
        judged = [c for c in members if c.accuracy]
        pairs = judged[0].accuracy["pairs"] if judged else 0
        return (not members[0].demo, bool(judged), sum(bool(c.speed) for c in judged), pairs)

    return max(grouped, key=recorded)


def cards(members: list[Configuration]) -> list[Card]:
    """Return accuracy, threshold, throughput and machine of a group, as far as measured."""
    made = []
    judged = [c for c in members if c.accuracy]
    if judged:
        made += [_accuracy(judged[0]), _threshold(judged[0])]
    if fastest := best(members):
        made.append(_throughput(fastest))
    records = [record for c in members for record in (c.accuracy, c.perf) if record]
    dates = sorted({record["date"][:10] for record in records if "date" in record})
    # One day, or the first and the last.
    days = " to ".join(dates[:1] + dates[1:][-1:])
    device, *rest = machine(fastest or judged[0])
    made.append(Card("Machine", device, [", ".join(rest), days]))
    return made


def _accuracy(c: Configuration) -> Card:
    a = c.accuracy
    interval = a["accuracy_interval"]
    lines = [
        f"95 %: {percent_span(interval['low'], interval['high'])}; {a['pairs']:,} pairs",
        c.label,
    ]
    for entry in a["tar_at_far"]:
        if entry["far"] == FAR and entry["tar"] is not None:
            few = ": few" if entry["few"] else ""
            behind = f"{entry['false_accepts']:,} of {entry['different']:,}{few}"
            lines.append(f"TAR {percent(entry['tar'])} at FAR {far_name(FAR)} ({behind})")
    known = published(figures(), c["net"], c["dataset"])
    lines += [c.calibration] if c.calibration else []
    lines += [f"published: {percent(known)}"] if known is not None else []
    return Card("Accuracy", percent(a["accuracy"]), lines)


def _threshold(c: Configuration) -> Card:
    point = c.accuracy["operating_point"]
    lines = [f"squared distance; cosine {point['cosine']:.3f}"]
    for name in ("far", "frr"):
        cell = rate(point[name], point[f"{name}_interval"])
        if cell.value is not None:
            lines.append(f"{name.upper()} {cell.text}" + (f" ({cell.note})" if cell.note else ""))
    return Card("Threshold", f"{point['threshold']:.3f}", lines)


def _throughput(c: Configuration) -> Card:
    perf = c.speed
    verdict = "; ".join([perf["throughput"]["verdict"], *perf["throughput"].get("reasons", [])])
    if not is_steady(perf):
        verdict = DOUBT + verdict
    lines = [verdict, f"blocks {span(perf)}" if span(perf) else "", c.label]
    if perf.get("of_peak") is not None:
        lines.append(f"{100 * perf['of_peak']:.0f} % of the machine's measured peak")
    if "throughput_scope" in perf:
        lines.append(perf["throughput_scope"])
    fps = perf["throughput_fps"]
    return Card("Throughput", f"{fps:,.{0 if fps >= 100 else 1}f} img/s", lines)
