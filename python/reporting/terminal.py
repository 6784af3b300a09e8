"""Results as lines for the terminal; standard library only."""

from typing import Any

from reporting.card import calibration
from reporting.collections import all_pairs_lines, identify_lines


def accuracy_lines(result: dict[str, Any]) -> list[str]:
    """Return the guide's two lines, and what INT8 was calibrated on, for an accuracy.json."""
    lines = [f"accuracy: {result['accuracy']}", f"best_thresholds: {result['best_threshold']}"]
    if "quantized" in result:
        lines.append(calibration(result["quantized"]["calibration"]))
    return lines


def perf_lines(result: dict[str, Any]) -> list[str]:
    """Return throughput and latency for the content of a perf.json, as ais_bench prints them.

    The throughput is that of the best schedule; off the NPU, whose own formula is over the mean,
    it is over the time from one batch to the next.
    """
    ms, batch, fps = result["latency_ms"], result["batch_size"], result["throughput_fps"]
    streams = result["throughput"]["streams"]
    latency = ", ".join(f"{name} = {value:.3f}" for name, value in ms.items())
    formula = f"1000*batchsize({batch})/latency.mean({ms['mean']:.4f})"
    if "throughput_scope" not in result:
        # The median of the blocks, which is not of the mean above.
        formula = f"1000*batchsize({batch})/time per batch({1000 * batch / fps:.4f})"
        formula += f", {streams} at a time" if streams > 1 else ""
    lines = [f"[INFO] latency (ms): {latency}", f"[INFO] throughput {formula}: {fps:.2f}"]
    if "throughput_scope" in result:
        lines[1:1] = [f"[INFO] the throughput below is {result['throughput_scope']}"]
        lines += [
            f"[INFO] wall-clock fps of the whole process, start and loading included: "
            f"{result['wall_clock_fps']:.2f}"
        ]
    found = result["throughput"]
    if found["reasons"]:
        lines.append(f"[INFO] this throughput is {found['verdict']}: {'; '.join(found['reasons'])}")
    return lines


def tune_lines(result: dict[str, Any]) -> list[str]:
    """Return what the content of a tune.json chose, and what of it was not steady."""
    latency, streaming = result["latency"], result["throughput"]
    streams = f"{streaming['streams']} streams, " if streaming["streams"] else ""
    lines = [
        f"latency: {latency['threads']} threads, {latency['ms']:.2f} ms a batch",
        f"throughput: {streams}{streaming['threads']} threads, {streaming['fps']:.1f} images/s",
    ]
    return lines + [
        f"{name}: {chosen['verdict']}: {'; '.join(chosen['reasons'])}"
        for name, chosen in (("latency", latency), ("throughput", streaming))
        if chosen["reasons"]
    ]


def fastest_lines(results: list[dict[str, Any]]) -> list[str]:
    """Return which engine of several tune.json is the fastest, for throughput and for latency."""
    lines = []
    for mode, name in (("throughput", "many images"), ("latency", "one batch alone")):
        order = sorted(results, key=lambda r: -r[mode]["fps"])
        best = order[0]
        others = ", ".join(f"{r['engine']} {r[mode]['fps']:.1f}" for r in order[1:])
        lines.append(
            f"fastest for {name}: ENGINE={best['engine']}, {best[mode]['fps']:.1f} images/s"
            + (f" ({others})" if others else "")
        )
    return lines


def quantization_lines(result: dict[str, Any]) -> list[str]:
    """Return how near a quantized model came to fp32, for the content of a quant.json."""
    held = result["held_out"]
    return [
        calibration(result["calibration"]),
        f"cosine with fp32 on {held['images']} other images: mean {held['mean_cosine']:.4f}, "
        f"minimum {held['min_cosine']:.4f}",
        f"layers in INT8: {result['quantized_layers']}, kept in higher precision: "
        f"{len(result['kept'])}",
    ]


def reference_lines(result: dict[str, Any]) -> list[str]:
    """Return what a comparison with the public reference found."""
    return [
        f"{result['net']}: {result['images']} images embedded as by the reference "
        f"(smallest cosine {result['smallest_cosine']:.8f}, "
        f"largest difference {result['largest_difference']:.1e})",
        f"evaluate: equal to the reference's on {result['evaluated_pairs']} pairs",
    ]


# The first key that a result has tells what it is.
_KINDS = {
    "calibration": quantization_lines,
    "smallest_cosine": reference_lines,
    "accuracy": accuracy_lines,
    "latency_ms": perf_lines,
    "trials": tune_lines,
    "identification": identify_lines,
    "counts": all_pairs_lines,
}


def lines_of(result: dict[str, Any]) -> list[str]:
    """Return the lines for the content of any of the chain's result files."""
    return next(lines(result) for key, lines in _KINDS.items() if key in result)
