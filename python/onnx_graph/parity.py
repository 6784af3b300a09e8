"""The parity gate: a converted model must give what the network gives in PyTorch."""

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto

from common.errors import ChainError
from common.shapes import SIDE
from dataset import preprocessing
from dataset.preprocessing import Preprocessing
from onnx_graph import not_finite, store

MIN_COSINE = 0.99999
MAX_RELATIVE_ERROR = 1e-4

# A few different images suffice: a batch repeats them, and every row is compared.
IMAGES = 4


def pixels() -> np.ndarray:
    """Return uint8 (4, 3, 112, 112): seeded smooth patterns with noise."""
    random = np.random.default_rng(112)
    coarse = random.uniform(0, 255, (IMAGES, 3, 8, 8))
    noisy = np.kron(coarse, np.ones((14, 14))) + random.normal(0, 12, (IMAGES, 3, SIDE, SIDE))
    return noisy.clip(0, 255).astype(np.uint8)


def images(form: Preprocessing) -> np.ndarray:
    """Return ``pixels`` as crops for a network of this ``form``, float32 (4, 3, 112, 112)."""
    return form.normalise(pixels())


def compare(baseline: np.ndarray, output: np.ndarray) -> dict[str, float]:
    """Return ``min_cosine`` and ``max_relative_error`` over the rows of two (N, D) arrays.

    The error of a row is |output - baseline| / |baseline|, both Euclidean, in float64.
    """
    a, b = np.asarray(baseline, np.float64), np.asarray(output, np.float64)
    norms = np.linalg.norm(a, axis=1)
    cosine = (a * b).sum(axis=1) / (norms * np.linalg.norm(b, axis=1))
    return {
        "min_cosine": float(cosine.min()),
        "max_relative_error": float((np.linalg.norm(a - b, axis=1) / norms).max()),
    }


def refuse_useless(output: np.ndarray, model: ModelProto, images: np.ndarray, source: Path) -> None:
    """Raise ``ChainError`` unless ``output``, (N, D), has unit length: what ``source`` gives.

    ``model`` is that network as ONNX, for naming the layer where it goes wrong for ``images``.
    """
    if has_unit_length(output):
        return
    layer = not_finite.first_layer(model, images)
    where = f" from {layer} on" if layer else ""
    raise ChainError(
        f"{source} gives no embeddings: values are infinite or not a number{where}, because "
        "weights are too large or an output is zero; get a fresh copy."
    )


def has_unit_length(output: np.ndarray) -> bool:
    """Tell whether the rows of ``output``, (N, D), all have length one, but for rounding."""
    return bool((np.abs(np.linalg.norm(output, axis=1) - 1) < 1e-4).all())


def run_onnx(path: Path, batch: np.ndarray) -> np.ndarray:
    """Run the ONNX file ``path`` in ONNX Runtime on the CPU; ``batch`` is repeated to its size.

    Returns float32 (batch, D), where the batch is the model's, or len(batch) if symbolic.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what goes wrong is raised
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    size = entry.shape[0] if isinstance(entry.shape[0], int) else len(batch)
    return session.run(None, {entry.name: batch[np.arange(size) % len(batch)]})[0]


def gate(path: Path, baseline: np.ndarray, stage: str) -> dict[str, float]:
    """Run ``path`` on ``images`` in the form it records; compare with ``baseline``, float32 (4, D).

    Returns and raises what ``check`` does.
    """
    metadata = store.metadata(store.load_graph(path))
    output = run_onnx(path, images(preprocessing.of_metadata(metadata, path)))
    return check(output, baseline, stage, metadata)


def check(
    output: np.ndarray, baseline: np.ndarray, stage: str, metadata: dict[str, str]
) -> dict[str, float]:
    """Compare ``output``, (B, D) for ``images`` repeated, with ``baseline``, float32 (4, D).

    Returns what ``compare`` does. Raises ``ChainError`` naming ``stage``, of a file with this
    ``metadata``, where an output is not finite, the cosine is below 0.99999 or the relative error
    above 1e-4 for any row.
    """
    if not np.isfinite(output).all():
        raise ChainError(
            f"{stage} gives values that are not finite, unlike {store.origin(metadata)}: weights "
            "or values between layers are near the end of float32; get a fresh copy of the weights."
        )
    result = compare(baseline[np.arange(len(output)) % IMAGES], output)
    # Written so that NaN fails too.
    if not (
        result["min_cosine"] >= MIN_COSINE and result["max_relative_error"] <= MAX_RELATIVE_ERROR
    ):
        raise ChainError(
            f"{stage} does not agree with {store.origin(metadata)}: cosine "
            f"{result['min_cosine']:.7f} (at least {MIN_COSINE}), relative error "
            f"{result['max_relative_error']:.1e} (at most {MAX_RELATIVE_ERROR:.0e}); check the "
            "weights and try another OPSET=."
        )
    return result
