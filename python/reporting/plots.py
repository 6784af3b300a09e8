"""The report's plots: ROC curves and distances of a group's configurations."""

import numpy as np

from evaluation.metrics import FARS, far_name, roc
from reporting.cells import percent
from reporting.configuration import Configuration
from reporting.drawing import BOTTOM, TOP, Mark, Plot, Shape, Tick, across, path, steps, up

LEAST_BINS, MOST_BINS = 20, 60


def by_series(configurations: list[Configuration]) -> dict[str, list[Configuration]]:
    """Return those with an outcome by engine and precision: batch sizes give the same curve."""
    found: dict[str, list[Configuration]] = {}
    for c in configurations:
        if c.outcome:
            found.setdefault(c.series, []).append(c)
    return found


def _name(series: str, members: list[Configuration]) -> str:
    return f"{series}, batch {', '.join(str(c['batch_size']) for c in members)}"


def roc_plot(configurations: list[Configuration]) -> Plot | None:
    """ROC of all ``configurations`` with an outcome; None where no set has pairs of both kinds."""
    curves = {
        name: [(c, curve) for c in members if (curve := roc(c.outcome.distances, c.outcome.issame))]
        for name, members in by_series(configurations).items()
    }
    every = [entry for entries in curves.values() for entry in entries]
    if not every:
        return None
    finest = min(1 / (~c.outcome.issame).sum() for c, _ in every)
    lowest = min(1.0, *(curve.tar[curve.far <= finest].max() for _, curve in every))
    floor = max(0.0, np.floor(lowest * 100 - 0.3) / 100)

    def x(far: np.ndarray | float) -> np.ndarray | float:
        # Zero has no place on this axis.
        return across(1 - np.log10(np.maximum(far, finest)) / np.log10(finest))

    def y(tar: np.ndarray | float) -> np.ndarray | float:
        return up((np.maximum(tar, floor) - floor) / (1 - floor))

    decades = [far for far in (1.0, *FARS, 1e-5, 1e-6) if far >= finest * 0.999]
    plot = Plot(
        title="ROC",
        text="True accept rate over false accept rate, logarithmic.",
        x_label="false accept rate",
        y_label="true accept rate, %",
        x_ticks=[Tick(float(x(far)), "1" if far == 1 else far_name(far)) for far in decades],
        y_ticks=[Tick(float(y(s)), f"{100 * s:.3g}") for s in steps(floor, 1, 5)],
    )
    for style, (name, entries) in enumerate(curves.items()):
        for _, curve in entries:
            plot.shapes.append(Shape(path(x(curve.far), y(curve.tar), True), "line", style))
        if entries:
            plot.legend.append(("line", style, _name(name, [c for c, _ in entries])))
            known = [e for e in entries[0][0].accuracy["tar_at_far"] if e["tar"] is not None]
            plot.marks += [Mark(float(x(e["far"])), float(y(e["tar"])), style) for e in known]
            at = ", ".join(f"{percent(e['tar'])} at {far_name(e['far'])}" for e in known)
            plot.text += f" {entries[0][0].label}: TAR {at or 'not given at any FAR'}."
    return plot


def histogram(configurations: list[Configuration]) -> Plot | None:
    """Distances of same and of different pairs: filled for the first of ``configurations`` with
    an outcome, as outlines for each other engine and precision; with the first's threshold.
    """
    series = [members[0] for members in by_series(configurations).values()]
    if not series:
        return None
    first, threshold = series[0], series[0]["best_threshold"]
    bins = int(np.clip(len(first.outcome.issame) ** 0.5, LEAST_BINS, MOST_BINS))
    edges = np.linspace(0, max(2.5, *(float(c.outcome.distances.max()) for c in series)), bins + 1)
    counts = {
        (k, same): np.histogram(c.outcome.distances[c.outcome.issame == same], edges)[0]
        for k, c in enumerate(series)
        for same in (True, False)
    }
    top = float(max(values.max() for values in counts.values()))
    plot = Plot(
        title="Distances of the pairs",
        text=f"Histogram of the pairs' squared distances, {first.label}; "
        f"threshold {threshold:.3f}.",
        x_label="squared distance",
        y_label="pairs",
        x_ticks=[Tick(across(v / edges[-1]), f"{v:g}") for v in steps(0, edges[-1], 6)],
        y_ticks=[Tick(up(v / top), f"{v:g}") for v in steps(0, top, 5)],
    )
    x = across(np.repeat(edges, 2) / edges[-1])
    for (k, same), values in counts.items():
        y = up(np.r_[0, np.repeat(values, 2), 0] / top)
        kind = "same" if same else "different"
        plot.shapes.append(Shape(path(x, y, False), f"{'outline' if k else 'area'} {kind}", k))
        if k == 0:
            name = "same person" if same else "different persons"
            n = int(values.sum())
            plot.legend.append((f"area {kind}", 0, f"{name} ({n:,})"))
            if n:
                middle = np.median(first.outcome.distances[first.outcome.issame == same])
                plot.text += f" {n:,} pairs of {name}, median {middle:.2f}."
    plot.legend.append(("threshold", 0, f"threshold {threshold:.3f}"))
    if len(series) > 1:
        plot.legend[0:0] = [("none", 0, f"filled: {first.series}")]
        plot.legend += [("outline", k, c.series) for k, c in enumerate(series) if k]
    at = float(across(threshold / edges[-1]))
    plot.shapes.append(Shape(f"M{at:g} {TOP}V{BOTTOM}", "threshold", 0))
    return plot
