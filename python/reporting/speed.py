"""The report's plots of throughput and latency over batch size."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from reporting.collect import Configuration
from reporting.plots import COLOURS, Picture, Theme, legend


def speed_plots(configurations: list[Configuration]) -> list[Picture]:
    """Throughput, and latency, over batch size; a line for each network, engine and precision."""
    lines: dict[str, list[Configuration]] = {}
    for c in configurations:
        if c.perf:
            key = f"{c.network}, {c.engine} {c.perf['precision']}, {c.perf['dataset']}"
            lines.setdefault(key, []).append(c)
    if not lines:
        return []
    sizes = sorted({c.perf["batch_size"] for cs in lines.values() for c in cs})

    def axis(axes: Axes, ylabel: str) -> None:
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="batch size", ylabel=ylabel)
        legend(axes)

    def points(members: list[Configuration]) -> list[dict[str, Any]]:
        return sorted((c.perf for c in members), key=lambda p: p["batch_size"])

    def throughput(axes: Axes, theme: Theme) -> None:
        for name, members in lines.items():
            x, y = zip(
                *((p["batch_size"], p["throughput_fps"]) for p in points(members)), strict=True
            )
            axes.plot(x, y, "o-", label=name)
        axis(axes, "images a second")
        axes.set_ylim(bottom=0)

    def latency(axes: Axes, theme: Theme) -> None:
        for k, (name, members) in enumerate(lines.items()):
            for quantile, style in (("median", "o-"), ("p99", "^--")):
                x, y = zip(
                    *((p["batch_size"], p["latency_ms"][quantile]) for p in points(members)),
                    strict=True,
                )
                label = name if quantile == "median" else None
                axes.plot(x, y, style, color=f"C{k % COLOURS}", label=label)
        axis(axes, "milliseconds a batch (dots p50, triangles p99)")
        low, high = axes.get_ylim()
        if low > 0 and high > 10 * low:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
        else:
            axes.set_ylim(bottom=0)

    return [
        Picture(throughput, "Throughput over batch size"),
        Picture(latency, "Latency over batch size: p50 and p99"),
    ]
