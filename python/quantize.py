"""ONNX -> INT8 model for OpenVINO, calibrated on a set's images and compared with float32.

Labels are not read. Layers are kept in higher precision, the ones that lose most first, until
the embeddings of images that were not calibrated on agree with float32's.
"""

import argparse
import contextlib
import io
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet

from common.errors import ChainError, exit_with, reason
from common.machine import versions
from dataset import preprocessing
from engines.openvino import float_type, runtime
from onnx_graph import derived, flops, store
from onnx_graph.derived import OPENVINO_INT8, checksum
from quantization import sensitivity
from quantization.calibration import SEED, load, split
from seals.ledger import brought, made
from seals.products import write_json

# Images that tell which layers lose most; the ranking settles with a few.
RANKING = 8
MIN_MEAN_COSINE = 0.99
WORST = 10
BATCH = 16


def quantize(model: openvino.Model, images: np.ndarray) -> openvino.Model:
    """Return ``model``, of batch size 1, quantized by nncf on ``images``.

    Ranges reach from minimum to maximum: on MobileFaceNet and LFW, histograms that cut off the
    rare values gave a slightly better mean cosine but far worse single images (0.977 against
    0.992 at the least). What follows the last layer, the normalisation to unit length, is left
    as it is; quantized it gives lengths of up to 1.03.
    """
    nncf.set_log_level(logging.ERROR)
    # Sorted: the model file lists them.
    tail = sorted(n.get_friendly_name() for n in sensitivity.behind(sensitivity.heavy(model)[-1]))
    # nncf's progress bars belong to a terminal.
    bars = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with contextlib.redirect_stdout(bars):
        return nncf.quantize(
            model.clone(),
            nncf.Dataset([image[None] for image in images]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            ignored_scope=nncf.IgnoredScope(names=tail),
            advanced_parameters=AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                # Both would move numbers of layers that are then kept as they were.
                disable_bias_correction=True,
                disable_channel_alignment=True,
            ),
        )


def embeddings(
    core: openvino.Core, model: openvino.Model, images: np.ndarray, precision: str
) -> np.ndarray:
    """Return what ``model`` gives for ``images`` as float64 (N, D) rows of unit length.

    Computed as ``ENGINE=openvino`` does in ``precision``. Raises ``ChainError`` where that gives no
    embedding.
    """
    copy = model.clone()
    copy.reshape([BATCH, *images.shape[1:]])
    compiled = core.compile_model(
        copy, "CPU", {"INFERENCE_PRECISION_HINT": float_type(core, precision)}
    )
    padded = np.concatenate([images, images[: -len(images) % BATCH]])
    padded = padded[np.arange(-(-len(images) // BATCH) * BATCH) % len(padded)]
    rows = [compiled(padded[k : k + BATCH])[0] for k in range(0, len(padded), BATCH)]
    values = np.concatenate(rows)[: len(images)].astype(np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ChainError(
            f"the network's output in {precision} for an image of the set is not finite, or zero; "
            "check the weights, or choose another PRECISION=."
        )
    return values / lengths


def search(
    core: openvino.Core,
    model: openvino.Model,
    exact: dict[str, openvino.Output],
    ranking: list[str],
    reference: np.ndarray,
    images: np.ndarray,
    least: float,
) -> tuple[int, list[dict[str, float]]]:
    """Return how many of ``ranking`` to keep in higher precision, and every trial.

    The number doubles until the mean cosine with ``reference`` is at least ``least``, and is
    then halved back while that holds. All of them where nothing suffices.
    """
    trials: dict[int, dict[str, float]] = {}

    def reached(count: int) -> bool:
        kept = sensitivity.without(model, ranking[:count], exact)
        cosines = (embeddings(core, kept, images, "int8") * reference).sum(axis=1)
        trials[count] = {
            "kept": count,
            "mean_cosine": float(cosines.mean()),
            "min_cosine": float(cosines.min()),
        }
        return trials[count]["mean_cosine"] >= least

    low, high = -1, 0
    while not reached(high) and high < len(ranking):
        low, high = high, min(max(1, 2 * high), len(ranking))
    # A few layers more than needed cost less than more trials.
    while high - low > max(1, high // 8):
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high, [trials[count] for count in sorted(trials)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="ONNX file of batch size 1")
    parser.add_argument("--data", type=brought, required=True, help="set to compare on (.bin)")
    parser.add_argument("--calibration", type=brought, required=True, help="set to calibrate on")
    parser.add_argument("--min-cosine", type=float, default=MIN_MEAN_COSINE, help="mean, to reach")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()

    source = store.metadata(store.load_graph(args.onnx))
    core = runtime()
    data = load(args.data)
    calibration = data if args.calibration == args.data else load(args.calibration)
    learned, held = split(data, calibration, preprocessing.of_metadata(source, args.onnx))
    model = core.read_model(str(args.onnx))
    reference = embeddings(core, model, held, "fp32")
    full = sensitivity.only_heavy(quantize(model, learned))
    floating = sensitivity.left_in_float(full, core)
    exact = sensitivity.weights(model)
    full = sensitivity.without(full, floating, exact)
    losses = sensitivity.errors(full, exact, held[:RANKING], core)
    ranking = sorted(losses, key=losses.get, reverse=True)
    count, trials = search(core, full, exact, ranking, reference, held, args.min_cosine)
    result = next(trial for trial in trials if trial["kept"] == count)
    report: dict[str, Any] = {
        "source": source,
        "calibration": {
            "set": args.calibration.stem,
            "sha256": calibration.sha256,
            "images": len(learned),
            "seed": SEED,
            "of_the_evaluation_set": calibration.sha256 == data.sha256,
        },
        "held_out": {
            "set": args.data.stem,
            "images": len(held),
            "mean_cosine": result["mean_cosine"],
            "min_cosine": result["min_cosine"],
            "required_mean_cosine": args.min_cosine,
        },
        "kept": ranking[:count],
        "executed_in_float_anyway": floating,
        "quantized_layers": len(ranking) - count,
        "worst_layers": [{"layer": n, "noise_to_signal": losses[n]} for n in ranking[:WORST]],
        "trials": trials,
        "gflop_per_image": flops.count(args.onnx) / 1e9,
        "versions": versions("nncf", "openvino", "numpy"),
    }
    write(args.out, sensitivity.without(full, ranking[:count], exact), report)


def write(folder: Path, model: openvino.Model, report: dict[str, Any]) -> None:
    """Write ``model`` and ``report`` to ``folder``; the graph comes last.

    Raises ``ChainError``, and leaves only the report, where the cosine required is not reached
    or no layer is left to quantize.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (OPENVINO_INT8.graph, OPENVINO_INT8.weights):
        (folder / name).unlink(missing_ok=True)
    held = report["held_out"]
    if held["mean_cosine"] < held["required_mean_cosine"] or not report["quantized_layers"]:
        write_json(folder / OPENVINO_INT8.report, report)
        raise ChainError(
            f"INT8 does not keep the mean cosine of {held['required_mean_cosine']} with fp32 that "
            f"is required: it is {held['mean_cosine']:.4f} with {report['quantized_layers']} "
            f"layers in INT8; see {folder / OPENVINO_INT8.report}, give another CALIB=, or "
            "choose PRECISION=bf16 or fp32."
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as name:
        made = Path(name)
        try:
            openvino.save_model(model, str(made / OPENVINO_INT8.graph), compress_to_fp16=False)
        except RuntimeError as error:
            raise ChainError(
                f"{folder / OPENVINO_INT8.graph} could not be written ({reason(error, line=-1)}); "
                "check the free disk space."
            ) from None
        report["model_sha256"] = checksum(made, OPENVINO_INT8)
        derived.write(report, made, folder, OPENVINO_INT8)


if __name__ == "__main__":
    exit_with(main)
