"""Print stored results; standard library only, so that it answers at once."""

import argparse
import json
from pathlib import Path

from errors import exit_with


def accuracy_lines(result: dict) -> list[str]:
    """Return the guide's two lines for the content of an accuracy.json."""
    return [f"accuracy: {result['accuracy']}", f"best_thresholds: {result['best_threshold']}"]


def perf_lines(result: dict) -> list[str]:
    """Return throughput and latency for the content of a perf.json, as ais_bench prints them."""
    ms, batch, fps = result["latency_ms"], result["batch_size"], result["throughput_fps"]
    latency = ", ".join(f"{name} = {value:.3f}" for name, value in ms.items())
    lines = [
        f"[INFO] latency (ms): {latency}",
        f"[INFO] throughput 1000*batchsize({batch})/latency.mean({ms['mean']:.4f}): {fps:.2f}",
    ]
    if mode := result.get("throughput_mode"):
        lines.append(f"[INFO] images/s with {mode['streams']} streams: {mode['fps']:.2f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="accuracy.json or perf.json")
    parser.add_argument("--demo", type=Path, help="result folder of a demonstration")
    args = parser.parse_args()
    for path in args.results:
        result = json.loads(path.read_text(encoding="utf-8"))
        lines = accuracy_lines(result) if "accuracy" in result else perf_lines(result)
        print(f"{path}", *lines, sep="\n")
    if args.demo:
        print(
            f"\nThe demo's results are in {args.demo}/. Its weights are random and its pairs are "
            "made up:\nits accuracy checks the plumbing, not a model. Its fps is a real one: "
            "trained weights run as fast."
        )


if __name__ == "__main__":
    exit_with(main)
