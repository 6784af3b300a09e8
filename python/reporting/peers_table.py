"""bench_peers.json -> a table for people; standard library only."""

from typing import Any

from common.table import aligned

LEGEND = (
    "x PEER: how many times as fast as it, in the same round. cosine: the least one",
    "between an embedding and that of eager PyTorch; these weights are random. of peak:",
    "of what direct convolution reaches at most; ncnn's (Winograd) multiplies less and may",
    "pass it.",
)
# Views of LFW's 12,000 entries, and of the 7,701 different pictures among them.
LFW_VIEWS, LFW_DIFFERENT_VIEWS = 24_000, 15_402


def _times(spread: dict[str, float]) -> str:
    return f"{spread['median']:.2f} ({spread['min']:.2f}-{spread['max']:.2f})"


def _percent(spread: dict[str, float] | None) -> str:
    if spread is None:
        return "not measured"
    return f"{spread['median']:.0%} ({spread['min']:.0%}-{spread['max']:.0%})"


def lfw_job(size: dict[str, Any]) -> list[str]:
    """Return how long LFW's inferences take at each precision, beside every view on ONNX Runtime.

    Computed from the rates of one batch size; decoding and scoring are not in it.
    """
    lines = []
    slow = next(r for r in size["rows"] if r["name"] == "ONNX Runtime")["fps"]["median"]
    for row in filter(lambda row: row["ours"], size["rows"]):
        ratio = row["ratio_to"]["ONNX Runtime"]
        times = {key: value * LFW_VIEWS / LFW_DIFFERENT_VIEWS for key, value in ratio.items()}
        lines.append(
            f"LFW, inference alone: {LFW_DIFFERENT_VIEWS / row['fps']['median']:.0f} s "
            f"({row['name']}, each picture once) against {LFW_VIEWS / slow:.0f} s (ONNX Runtime, "
            f"every entry): {_times(times)} times as fast"
        )
    return lines


def size_table(size: dict[str, Any]) -> str:
    """Return one batch size as a Markdown table: medians over rounds, least and greatest."""
    peers = [row["name"] for row in size["rows"] if not row["ours"]]
    rows = [["", "runs in", "img/s", *(f"x {peer}" for peer in peers), "of peak", "cosine"]]
    for row in size["rows"]:
        fps = row["fps"]
        rows.append(
            [
                row["name"],
                row["precision"],
                f"{fps['median']:.1f} ({fps['min']:.1f}-{fps['max']:.1f})",
                *(_times(row["ratio_to"][peer]) for peer in peers),
                _percent(row.get("of_peak")),
                f"{row['min_cosine_to_eager']:.5f}",
            ]
        )
    return aligned(rows)


def text(result: dict[str, Any]) -> str:
    """Return the whole content of a bench_peers.json as Markdown."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"{result['net']}, {result['threads']} threads, {result['rounds']} rounds of at least "
        f"{result['seconds']:g} s a turn; median (least-greatest).",
        f"{machine['cpu']}, {machine['physical_cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {', '.join(machine['arithmetic'])}.",
        f"{packages}.",
    ]
    for size in result["sizes"]:
        lines += ["", f"Batch {size['batch_size']}, {size['gflop_per_image']:.2f} GFLOP an image."]
        for precision, peak in size["peak"].items():
            rate = peak["kernel"]
            if "gflops" in peak:
                flops = peak["gflops"]
                limit = flops["median"] / size["gflop_per_image"]
                rate = (
                    f"{flops['median']:.0f} GFLOP/s ({flops['min']:.0f}-{flops['max']:.0f}), "
                    f"{peak['kernel']}: {limit:.1f} img/s at most"
                )
            lines.append(f"Peak in {precision}: {rate}")
        lines += ["", size_table(size)]
        lines += ["", *lfw_job(size)]
        lines += [f"Not measured: {reason}" for reason in size["unavailable"].values()]
    return "\n".join([*lines, "", *LEGEND])
