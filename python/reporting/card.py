"""The last lines of a run: one configuration's figures, in 80 columns; standard library only."""

import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from seals.products import read_json

WIDTH = 80
LABEL = 12
# What must be equal for an accuracy and a throughput to stand together.
SAME = ("model_sha256", "data_sha256", "provider", "device")
# Fewer runs say nothing of the slowest in a hundred.
RUNS_FOR_P99 = 100
# What makers add to a processor's name.
_NOISE = re.compile(r"\((R|TM)\)| CPU| Processor| \d+-Core| @.*")


def card(folder: Path) -> list[str]:
    """Return the lines of the result ``folder``: what was run, its figures, and what comes next.

    Figures of two models do not stand together: of such only the newer is shown.
    """
    found = {
        name: read_json(folder / f"{name}.json")
        for name in ("accuracy", "perf")
        if (folder / f"{name}.json").exists()
    }
    accuracy, perf = found.get("accuracy"), found.get("perf")
    note: list[str] = []
    if accuracy and perf and any(accuracy[key] != perf[key] for key in SAME):
        older = min((accuracy, perf), key=lambda one: one["date"])
        accuracy, perf = (None, perf) if older is accuracy else (accuracy, None)
        note = field("note", "the other result here is older, and of another model or device")
    lines = [_bold(line) for line in heading(perf or accuracy or {})]
    if accuracy:
        lines += accuracy_fields(accuracy)
    if perf:
        lines += speed_fields(perf)
    lines += note
    missing = "accuracy" if perf and not accuracy else "perf"
    following = "make report" if accuracy and perf else f"make {missing}, with the same variables"
    return [*lines, *field("files", f"{folder}/"), *field("next", following)]


def heading(result: dict[str, Any]) -> list[str]:
    """Return what was run, in lines of 80: network, set, engine, batch size, device."""
    words = [result["engine"], result["precision"]]
    words += ["fused"] * (result.get("graph") == "fused") + ["AIPP"] * bool(result.get("aipp"))
    net, name = result["net"], result["checkpoint"].removeprefix("model_")
    first = [net if name == net else name, result["dataset"], " ".join(words)]
    first.append(f"batch {result['batch_size']}")
    device = _NOISE.sub("", str(result["device"])).strip()
    # Of a throughput those that gave it.
    threads = result.get("throughput", result).get("threads")
    if threads:
        device += f", {threads} thread{'s' if threads > 1 else ''}"
    devices = result.get("devices", ())
    if len(devices) > 1:
        device = f"{len(devices)} x {device}"
    text = " · ".join([*first, device])
    return [text] if len(text) <= WIDTH else [" · ".join(first), " " * LABEL + device]


def accuracy_fields(result: dict[str, Any]) -> list[str]:
    """Return the lines of an accuracy.json: accuracy, threshold with its errors, TAR, EER."""
    interval, point = result["accuracy_interval"], result["operating_point"]

    def count(errors: int, pairs: int) -> str:
        return f"{errors:,} of {pairs:,}" + (": few" if errors < point["few_below"] else "")

    lines = field(
        "accuracy",
        f"{result['accuracy']:.2%}  "
        f"(95%: {100 * interval['low']:.2f}-{100 * interval['high']:.2f}; "
        f"{result['pairs']:,} pairs)",
    )
    lines += field("threshold", f"{point['threshold']:.3f}, cosine {point['cosine']:.3f}")
    for rate, wrong, of in (
        ("far", "false_accepts", "different"),
        ("frr", "false_rejects", "same"),
    ):
        if point[rate] is not None:
            low, high = (100 * end for end in point[f"{rate}_interval"])
            behind = count(point[wrong], point[of])
            errors = f"{rate.upper()} {point[rate]:.2%}"
            lines += field("", f"{errors}  (95%: {low:.2f}-{high:.2f}; {behind})")
    if reached := [p for p in result["tar_at_far"] if p["tar"] is not None]:
        # The lowest rate that the set's pairs can show.
        best = min(reached, key=lambda p: p["far"])
        behind = count(best["false_accepts"], best["different"])
        at = f"{best['far']:.0e}".replace("e-0", "e-")
        lines += field("", f"TAR {best['tar']:.2%} at FAR {at} ({behind}), EER {result['eer']:.2%}")
    accepted = point["false_accepts"] + point["same"] - point["false_rejects"]
    if accepted in (0, point["same"] + point["different"]):
        verb = "accepts" if accepted else "refuses"
        lines += field("note", f"the threshold {verb} every pair: nobody is told apart by it")
    if "quantized" in result:
        lines += field("int8", calibration(result["quantized"]["calibration"]))
    return lines


def calibration(source: dict[str, Any]) -> str:
    """Return what a model was calibrated on, in words."""
    own = ", the evaluation set; labels unused" if source["of_the_evaluation_set"] else ""
    return f"calibrated on {source['images']} images of {source['set']}{own}"


def speed(result: dict[str, Any]) -> str:
    """Return the throughput of a perf.json with least, greatest and verdict; without reasons."""
    found = result["throughput"]
    fps, digits = result["throughput_fps"], 0 if result["throughput_fps"] >= 100 else 2
    return (
        f"{fps:,.{digits}f} img/s "
        f"({found['least']:,.{digits}f}-{found['greatest']:,.{digits}f}, {found['verdict']})"
    )


def speed_fields(result: dict[str, Any]) -> list[str]:
    """Return the lines of a perf.json: throughput with its verdict, and the latency of a batch."""
    found, ms = result["throughput"], result["latency_ms"]
    rest = ", device only" if "throughput_scope" in result else ""
    if result["of_peak"]:
        # Winograd's convolution multiplies less, and may pass it.
        of = "direct convolution's" if result["of_peak"] > 1 else "the CPU's"
        rest = f", {result['of_peak']:.0%} of {of} peak"
    lines = field("throughput", _marked(speed(result), found["verdict"]) + rest)
    lines += [line for reason in found["reasons"] for line in field("", reason)]
    if not result["of_peak"] and "throughput_scope" not in result:
        lines += field("", f"of the peak: not known, {result['peak_note'].rstrip('.')}")
    tail = f"p99 {ms['p99']:.1f}" if result["loop"] >= RUNS_FOR_P99 else f"at most {ms['max']:.1f}"
    runs = f"{result['loop']} runs"
    # An NPU has one schedule, which the verdict above is on.
    alone = result.get("schedules", [found])[0]["verdict"]
    if alone != found["verdict"]:
        runs += f", {alone}"
    return lines + field("latency", f"{ms['median']:.1f} ms for one batch alone, {tail} ({runs})")


def field(name: str, text: str) -> list[str]:
    """Return ``name`` and the words of ``text`` beside it, in lines of 80."""
    return textwrap.wrap(
        text,
        WIDTH + len(text) - len(_COLOUR.sub("", text)),
        initial_indent=name.ljust(LABEL),
        subsequent_indent=" " * LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )


_COLOUR = re.compile("\x1b\\[[0-9]*m")


def coloured() -> bool:
    """Tell whether stdout is a terminal that shows colours (https://no-color.org)."""
    dumb = os.environ.get("TERM", "dumb") == "dumb" or os.environ.get("NO_COLOR")
    return sys.stdout.isatty() and not dumb


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if coloured() else text


def _marked(text: str, verdict: str) -> str:
    if not coloured():
        return text
    return f"\x1b[{32 if verdict == 'steady' else 33}m{text}\x1b[0m"
