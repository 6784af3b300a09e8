"""ONNX file of a recogniser, as it came -> the chain's ONNX with a symbolic batch.

Gated by parity with the file itself, run as it came; what that gave is kept for the stages that
follow, as the export of a checkpoint does.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from common import limits
from common.errors import ChainError, exit_with, reason
from dataset import preprocessing
from onnx_graph import adoption, foreign, not_finite, parity, store
from seals.arrays import write_npy
from seals.ledger import brought
from seals.products import begin

# Memory while the file is read: so many times its size, and bytes besides; and while it runs, on
# a batch of four, and is converted.
READING, SLACK, RUNNING = 3, 512 << 20, 4 << 30
SECONDS = 1800  # of CPU time: the largest recognisers take a minute


def run_as_it_came(path: Path, image: str, output: str, batch: np.ndarray) -> np.ndarray:
    """Return ``output`` of the ONNX file ``path`` for each row of ``batch``, (N, ...), float32.

    The file is run at the batch size that it has, or at one. Raises ``ChainError`` where ONNX
    Runtime cannot, and for an output that is no embedding.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what goes wrong is told once
    try:
        session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"]
        )
        (entry,) = (value for value in session.get_inputs() if value.name == image)
        size = entry.shape[0] if isinstance(entry.shape[0], int) else 1
        rows = [
            session.run([output], {image: np.repeat(row[None], size, axis=0)})[0] for row in batch
        ]
    except Exception as error:  # the exceptions of the runtime share no narrower base
        raise ChainError(
            f"ONNX Runtime cannot run {path} as it came ({reason(error)}); get a fresh copy."
        ) from None
    shape = rows[0].shape
    if len(shape) < 2 or shape[0] != size or shape[1] < 2 or set(shape[2:]) - {1}:
        raise ChainError(
            f"{path}: its output {output} is {'x'.join(map(str, shape))} for {size} images; an "
            "embedding is one vector an image: choose another OUTPUT=."
        )
    return np.stack([values[0] for values in rows])


def adopt(args: argparse.Namespace) -> None:
    """Read the source, run it as it came, and write the two products. Raises ``ChainError``."""
    form = preprocessing.parse(args.colour, args.mean, args.scale)
    source = foreign.read(args.source)
    foreign.check_operators(args.source, source)
    image, channels_last = foreign.image_input(args.source, source)
    output = foreign.choose_output(args.source, source, args.output)
    # Before the tensors are in memory, where the graph no longer names their files.
    weights = foreign.check_files(args.source, source)
    for path in store.weight_files(source, args.source.parent):
        brought(str(path))
    checksum = foreign.checksum(args.source, source)
    limits.allow(READING * weights + RUNNING)
    foreign.load_tensors(args.source, source)
    foreign.check_sizes(args.source, source)

    images = parity.images(form)
    if channels_last:
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    rows = run_as_it_came(args.source, image.name, output, images)
    # An open batch reads as 0, which is in no constant shape.
    batch = image.type.tensor_type.shape.dim[0].dim_value
    baseline = rows.reshape(len(rows), -1)
    lengths = np.linalg.norm(baseline, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        layer = not_finite.first_layer(source, images)
        where = f" from {layer} on" if layer else ""
        raise ChainError(
            f"{args.source} gives values that are not finite{where}, too large, or only zeros; "
            "check MEAN=, SCALE= and the file."
        )
    unit = parity.has_unit_length(baseline)
    baseline = baseline if unit else baseline / lengths
    adopted = adoption.adopt(
        adoption.convert_opset(source),
        image.name,
        output,
        channels_last,
        (batch, *rows.shape[1:]),
        unit,
    )
    store.set_metadata(
        adopted,
        {
            "net": "onnx",
            "checkpoint": args.source.stem,
            "weights_sha256": checksum,
            "dimension": str(baseline.shape[1]),
            "producer": f"{source.producer_name} {source.producer_version}".strip() or "unknown",
            "opset": str(adoption.opset(source)),
        }
        | form.metadata(),
    )

    def check(path: Path) -> None:
        try:
            onnx.checker.check_model(str(path), full_check=True)
            parity.gate(path, baseline, f"{args.source} with a batch of {len(images)}")
        except ChainError:
            raise
        except Exception as error:  # the runtime's and the checker's share no narrower base
            raise ChainError(
                f"{args.source} does not run with a batch of {len(images)} ({reason(error)}); "
                "export it again with a dynamic batch."
            ) from None
        begin(args.onnx)
        write_npy(args.baseline, baseline)

    store.publish(adopted, args.onnx, args.weights_name, check)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=brought, required=True, help="ONNX file of a recogniser")
    parser.add_argument("--output", help="its output that is the embedding (default: the only one)")
    preprocessing.add_arguments(parser)
    parser.add_argument("--weights-name", required=True, help="stem of the shared weight file")
    parser.add_argument("--onnx", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--baseline", type=Path, required=True, help="its own output, .npy")
    args = parser.parse_args()

    # The files beside it count as they are read: check_files bounds them.
    size = args.source.stat().st_size

    def work() -> None:
        try:
            adopt(args)
        except (ChainError, OSError, MemoryError):
            raise
        except Exception as error:  # a damaged graph raises nearly anything, wherever it is used
            raise ChainError(
                f"{args.source} is damaged, or uses ONNX in a way that the chain does not know "
                f"({reason(error)}); get a fresh copy or export it again."
            ) from None

    limits.within(
        work,
        READING * size + SLACK,
        SECONDS,
        args.onnx.parent,
        f"{args.source} takes more memory or time than a recogniser of its size, or what reads it "
        "fails over it; get a fresh copy.",
    )


if __name__ == "__main__":
    exit_with(main)
