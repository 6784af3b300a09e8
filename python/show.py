"""Print stored results; standard library only, so that it answers at once."""

import argparse
import json
from pathlib import Path

from errors import exit_with


def accuracy_lines(result: dict) -> list[str]:
    """Return the guide's two lines, and what INT8 was calibrated on, for an accuracy.json."""
    lines = [f"accuracy: {result['accuracy']}", f"best_thresholds: {result['best_threshold']}"]
    if "quantised" in result:
        lines.append(_calibration_line(result["quantised"]["calibration"]))
    return lines


def perf_lines(result: dict) -> list[str]:
    """Return throughput and latency for the content of a perf.json, as ais_bench prints them."""
    ms, batch, fps = result["latency_ms"], result["batch_size"], result["throughput_fps"]
    latency = ", ".join(f"{name} = {value:.3f}" for name, value in ms.items())
    lines = [
        f"[INFO] latency (ms): {latency}",
        f"[INFO] throughput 1000*batchsize({batch})/latency.mean({ms['mean']:.4f}): {fps:.2f}",
    ]
    if "throughput_scope" in result:
        lines[1:1] = [f"[INFO] the throughput below is {result['throughput_scope']}"]
        lines += [
            f"[INFO] wall-clock fps of the whole process, start and loading included: "
            f"{result['wall_clock_fps']:.2f}"
        ]
    if mode := result.get("throughput_mode"):
        lines.append(f"[INFO] images/s with {mode['streams']} streams: {mode['fps']:.2f}")
    return lines


def tune_lines(result: dict) -> list[str]:
    """Return what the content of a tune.json settles on."""
    latency, streaming = result["latency"], result["throughput"]
    streams = f"{streaming['streams']} streams, " if streaming["streams"] else ""
    return [
        f"latency: {latency['threads']} threads, {latency['ms']:.2f} ms a batch",
        f"throughput: {streams}{streaming['threads']} threads, {streaming['fps']:.1f} images/s",
    ]


def _calibration_line(source: dict) -> str:
    own = ", the evaluation set itself, labels unused" if source["of_the_evaluation_set"] else ""
    return f"calibrated on {source['images']} images of {source['set']}{own}"


def quantised_lines(result: dict) -> list[str]:
    """Return how near a quantised model came to fp32, for the content of a quant.json."""
    held = result["held_out"]
    return [
        _calibration_line(result["calibration"]),
        f"cosine with fp32 on {held['images']} other images: mean {held['mean_cosine']:.4f}, "
        f"minimum {held['min_cosine']:.4f}",
        f"layers in INT8: {result['quantised_layers']}, kept in higher precision: "
        f"{len(result['kept'])}",
    ]


def lines_of(result: dict) -> list[str]:
    """Return the lines for the content of any of the chain's result files."""
    for key, lines in (
        ("accuracy", accuracy_lines),
        ("latency_ms", perf_lines),
        ("trials", tune_lines),
    ):
        if key in result and "calibration" not in result:
            return lines(result)
    return quantised_lines(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files of results")
    parser.add_argument("--demo", type=Path, help="result folder of a demonstration")
    args = parser.parse_args()
    for path in args.results:
        result = json.loads(path.read_text(encoding="utf-8"))
        print(f"{path}", *lines_of(result), sep="\n")
    if args.demo:
        print(
            f"\nThe demo's results are in {args.demo}/. Its weights are random and its pairs are "
            "made up:\nits accuracy checks the plumbing, not a model. Its fps is a real one: "
            "trained weights run as fast."
        )


if __name__ == "__main__":
    exit_with(main)
