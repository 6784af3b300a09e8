"""Results of several batch sizes -> the guide's table; standard library only."""

from pathlib import Path
from typing import Any

from common.table import aligned
from evaluation.published import figures, published
from reporting.card import SAME
from seals.products import read_json

HEADER = ["device", "batch", "data set", "accuracy", "fps"]
NPU_HEADER = [
    *HEADER[:-1],
    "fps (device only)",
    "fps (wall clock)",
    "guide's accuracy",
    "guide's fps",
    "ratio",
]


def text(folders: list[Path]) -> str:
    """Return the table of the result ``folders``, one a batch size.

    Results on an NPU stand beside the guide's published figures.
    """
    perfs = [read_json(folder / "perf.json") for folder in folders]
    if any("wall_clock_fps" not in perf for perf in perfs):
        return aligned([HEADER, *(row(f, p) for f, p in zip(folders, perfs, strict=True))])
    guide = figures()["guide"]
    lines = [
        aligned([NPU_HEADER, *(npu_row(f, p, guide) for f, p in zip(folders, perfs, strict=True))]),
        f"The guide's figures: {guide['net']} on {guide['dataset']}, one {guide['device']}, "
        f"CANN {guide['cann']}, execution on the device alone.\n"
        "The ratio is of device-only fps, for each device.",
    ]
    for perf in perfs:
        other = [
            f"{key} is {perf[key]}"
            for key in ("net", "dataset", "device")
            if perf[key] != guide[key]
        ]
        # The guide compiled the simplified graph, and normalised on the host.
        other += ["graph is fused"] * (perf["graph"] == "fused")
        other += ["input is normalised by AIPP"] * perf["aipp"]
        if other:
            lines.append(f"Compare with care: here the {', the '.join(other)}.")
            break
    return "\n".join(lines)


def row(folder: Path, perf: dict[str, Any]) -> list[str]:
    """Return device, batch, set, accuracy and fps of one result folder, as text.

    The accuracy is shown only where it was measured with the model and data of ``perf``.
    """
    accuracy = "not measured"
    if (folder / "accuracy.json").exists():
        result = read_json(folder / "accuracy.json")
        same = all(result[key] == perf[key] for key in SAME)
        accuracy = f"{result['accuracy']:.4f}" if same else "out of date"
    fps = f"{perf['throughput_fps']:.1f}"
    if perf["throughput"]["verdict"] != "steady":
        fps += f" ({perf['throughput']['verdict']})"
    return [perf["device"], str(perf["batch_size"]), perf["dataset"], accuracy, fps]


def npu_row(folder: Path, perf: dict[str, Any], guide: dict[str, Any]) -> list[str]:
    """Return the row of a result on an NPU: measured, published, and their ratio.

    The ratio is shown only for the network that the guide measured.
    """
    fps = guide["fps"].get(str(perf["batch_size"]))
    accuracy = published(figures(), guide["net"], guide["dataset"])
    # Several devices together are compared with as many of the guide's one.
    ratio = perf["throughput_fps"] / len(perf["devices"]) / fps if fps else None
    comparable = ratio is not None and perf["net"] == guide["net"]
    return [
        *row(folder, perf),
        f"{perf['wall_clock_fps']:.1f}",
        f"{accuracy:.4f}" if fps else "none",
        str(fps or "none"),
        f"{ratio:.2f}" if comparable else "not comparable",
    ]
