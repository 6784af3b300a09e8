"""PyTorch checkpoint -> ONNX with a symbolic batch, gated by parity with PyTorch.

Also keeps what PyTorch computes for the gate's inputs, for the stages that follow.
"""

import argparse
import io
import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

import networks
from checkpoint.state_dict import load_into
from common.errors import exit_with
from common.shapes import SIDE
from dataset import preprocessing
from networks._blocks import L2Norm
from onnx_graph import parity, store
from reference import checkout
from seals.arrays import write_npy
from seals.ledger import brought, sha256_of
from seals.products import begin

INPUT, OUTPUT = "image", "output1"


def export(network: nn.Module, opset: int) -> onnx.ModelProto:
    """Return ``network`` as ONNX: ``image`` (batch, 3, 112, 112) -> ``output1`` (batch, D).

    The TorchScript exporter is chosen explicitly: it writes the plain operators and the opsets
    that Ascend's converter reads, and folds the batch-norms that follow a convolution.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, SIDE, SIDE),),
            buffer,
            dynamo=False,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )
    return onnx.load_from_string(buffer.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", required=True, help="network name")
    parser.add_argument("--weights", type=brought, required=True, help="PyTorch checkpoint")
    parser.add_argument("--opset", type=int, required=True, help="ONNX opset")
    parser.add_argument("--weights-name", required=True, help="stem of the shared weight file")
    parser.add_argument("--onnx", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--baseline", type=Path, required=True, help="PyTorch's output, .npy")
    parser.add_argument("--backbone", type=Path, help="take the class from this reference checkout")
    preprocessing.add_arguments(parser)
    args = parser.parse_args()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)

    with torch.device("meta"):
        if args.backbone:
            network = checkout.build(args.backbone, args.net)
        else:
            network = networks.build(args.net)
    load_into(network, args.weights, args.net)
    form = preprocessing.parse(args.colour, args.mean, args.scale)
    images = torch.from_numpy(parity.images(form))
    with torch.inference_mode():
        baseline = network(images)
        if torch.isfinite(baseline).all() and not parity.has_unit_length(baseline.numpy()):
            network = nn.Sequential(network, L2Norm()).eval()
            baseline = network(images)
    model = export(network, args.opset)
    parity.refuse_useless(baseline.numpy(), model, images.numpy(), args.weights)
    store.set_metadata(
        model,
        {
            "net": args.net,
            "dimension": str(store.dimension(model)),
            "checkpoint": args.weights.stem,
            "weights_sha256": sha256_of(args.weights),
            "torch": torch.__version__,
            "opset": str(args.opset),
            "backbone": "reference" if args.backbone else "builtin",
        }
        | form.metadata(),
    )

    def check(path: Path) -> None:
        onnx.checker.check_model(str(path), full_check=True)
        parity.gate(path, baseline.numpy(), f"the ONNX export of {args.weights}")
        begin(args.onnx)
        write_npy(args.baseline, baseline.numpy())

    store.publish(model, args.onnx, args.weights_name, check)


if __name__ == "__main__":
    exit_with(main)
