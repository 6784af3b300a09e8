"""The report's plots as PNG bytes, each for a light and for a dark page."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from evaluation.metrics import FARS, roc
from reporting.collect import Configuration

STYLES = ("-", "--", ":", "-.")


class Theme(NamedTuple):
    """Colours of a page; ``lines`` are told apart by colour-blind readers (Okabe and Ito)."""

    paper: str
    ink: str
    grid: str
    mark: str
    lines: tuple[str, ...]


LIGHT = Theme(
    "#ffffff", "#1c2430", "#d9dee5", "#b3123a",
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b87f00", "#56b4e9"),
)  # fmt: skip
DARK = Theme(
    "#161b22", "#dce3ec", "#343c48", "#ff7a93",
    ("#56b4e9", "#ff9248", "#2fc79a", "#e79cc8", "#f0c04a", "#8ab4ff"),
)  # fmt: skip
COLOURS = len(LIGHT.lines)


@dataclass(frozen=True)
class Picture:
    """A plot that is drawn, as PNG bytes, when a light or a dark page asks for it; ``text``
    describes it. The same input gives the same bytes.
    """

    draw: Callable[[Axes, Theme], None]
    text: str

    @cached_property
    def light(self) -> bytes:
        return _png(self.draw, LIGHT)

    @cached_property
    def dark(self) -> bytes:
        return _png(self.draw, DARK)


def _png(draw: Callable[[Axes, Theme], None], theme: Theme) -> bytes:
    style = {
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "grid.color": theme.grid,
        "axes.edgecolor": theme.grid,
        "legend.frameon": False,
        "font.size": 10,
        "font.family": "DejaVu Sans",  # comes with matplotlib, so it looks the same everywhere
        "axes.prop_cycle": matplotlib.cycler(color=theme.lines),
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), theme.ink),
    }
    with matplotlib.rc_context(style):
        figure, axes = pyplot.subplots(figsize=(6.4, 4), layout="constrained")
        axes.grid(True, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes, theme)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=150, metadata={"Software": None})
        pyplot.close(figure)
    return file.getvalue()


def legend(axes: Axes) -> None:
    """Name the curves above the axes, where nothing is hidden; long names get a line each."""
    names = axes.get_legend_handles_labels()[1]
    columns = 2 if len(names) > 1 and max(map(len, names)) < 44 else 1
    axes.figure.legend(loc="outside upper left", ncols=columns, fontsize=8)


def roc_plot(configurations: list[Configuration]) -> Picture | None:
    """ROC of ``configurations`` with an outcome; None where no set has pairs of both kinds."""
    curves = [(c, roc(c.outcome.distances, c.outcome.issame)) for c in configurations if c.outcome]
    curves = [(c, curve) for c, curve in curves if curve]
    if not curves:
        return None

    def draw(axes: Axes, theme: Theme) -> None:
        finest = min(1 / (~c.outcome.issame).sum() for c, _ in curves)
        lowest = min(1.0, *(curve.tar[curve.far <= finest].max() for _, curve in curves))
        for k, (c, curve) in enumerate(curves):
            axes.step(
                np.maximum(curve.far, finest / 10),  # zero has no place on this axis
                curve.tar,
                STYLES[k // COLOURS % len(STYLES)],
                where="post",
                label=c.label,
                linewidth=1.8,
            )
        axes.set(
            xscale="log", xlim=(finest * 0.8, 1), ylim=(max(0.0, lowest - 0.02), 1.003),
            xlabel="false accept rate (share of different pairs accepted)",
            ylabel="true accept rate",
        )  # fmt: skip
        for far in FARS:
            if far >= finest:
                axes.axvline(far, linewidth=0.7, linestyle=":", color=theme.ink)
        legend(axes)

    return Picture(draw, "ROC: true accept rate over false accept rate, logarithmic")


def histogram(c: Configuration) -> Picture:
    """Distances of same and of different pairs with the mean threshold; ``c`` has an outcome."""
    outcome = c.outcome

    def draw(axes: Axes, theme: Theme) -> None:
        edges = np.linspace(0, max(2.5, float(outcome.distances.max())), 61)
        for kind, name in ((True, "same person"), (False, "different persons")):
            chosen = outcome.distances[outcome.issame == kind]
            axes.hist(chosen, edges, alpha=0.72, label=f"{name} ({len(chosen)})")
        threshold = c["best_threshold"]
        axes.axvline(
            threshold, linestyle="--", color=theme.mark, label=f"threshold {threshold:.3f}"
        )
        axes.set(xlabel="squared distance of the pair", ylabel="pairs", xlim=(0, edges[-1]))
        legend(axes)

    return Picture(draw, f"Distances of same and different pairs, {c.label}")


def folds_plot(configurations: list[Configuration]) -> Picture:
    """Accuracy on each fold; every one of ``configurations`` has an accuracy."""

    def draw(axes: Axes, theme: Theme) -> None:
        width = 0.8 / len(configurations)
        for k, c in enumerate(configurations):
            accuracy = np.array(c["fold_accuracy"])
            x = np.arange(1, len(accuracy) + 1) - 0.4 + (k + 0.5) * width
            axes.plot(
                x, accuracy, "osD^v<>"[k % 7], color=f"C{k % COLOURS}",
                label=f"{c.label} (mean {accuracy.mean():.4f})",
            )  # fmt: skip
            axes.axhline(accuracy.mean(), color=f"C{k % COLOURS}", linewidth=0.9)
        axes.set(xlabel="fold", ylabel="accuracy", xticks=np.arange(1, len(accuracy) + 1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        legend(axes)

    return Picture(draw, "Accuracy on each fold")
