"""Results on an NPU -> the guide's table beside the guide's published figures."""

import argparse
import json
from pathlib import Path

import table
from errors import exit_with

# Published for IR-SE-100 on LFW, Ascend 310P3, CANN 7.0.RC1: device-only fps by batch size,
# and the accuracy, which does not depend on it.
GUIDE = {"net": "ir_se100", "dataset": "lfw", "device": "Ascend310P3"}
GUIDE_FPS = {1: 566, 4: 1136, 8: 1373, 16: 1432, 32: 1384, 64: 1305}
GUIDE_ACCURACY = 0.9977

HEADER = [*table.HEADER[:-1], "fps (device only)", "fps (wall clock)"]
GUIDE_HEADER = ["guide's accuracy", "guide's fps", "ratio"]


def row(folder: Path) -> list[str]:
    """Return the row of the result ``folder``: measured, published, and their ratio.

    The ratio is shown only for the network that the guide measured.
    """
    perf = json.loads((folder / "perf.json").read_text(encoding="utf-8"))
    published = GUIDE_FPS.get(perf["batch_size"])
    # Several devices together are compared with as many of the guide's one.
    ratio = perf["throughput_fps"] / len(perf["devices"]) / published if published else None
    comparable = ratio is not None and perf["net"] == GUIDE["net"]
    return [
        *table.row(folder),
        f"{perf['wall_clock_fps']:.1f}",
        f"{GUIDE_ACCURACY:.4f}" if published else "none",
        str(published or "none"),
        f"{ratio:.2f}" if comparable else "not comparable",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="result folders, one a batch size")
    folders = parser.parse_args().folders
    print(table.aligned([[*HEADER, *GUIDE_HEADER], *map(row, folders)]))
    print(
        "The guide's figures: ir_se100 on LFW, one Ascend 310P3, CANN 7.0.RC1, execution on the "
        "device alone.\nThe ratio is of device-only fps, for each device."
    )
    for folder in folders:
        perf = json.loads((folder / "perf.json").read_text(encoding="utf-8"))
        other = [f"{key} is {perf[key]}" for key, value in GUIDE.items() if perf[key] != value]
        if other:
            print(f"Compare with care: here the {', the '.join(other)}.")
            break


if __name__ == "__main__":
    exit_with(main)
