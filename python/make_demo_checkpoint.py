"""A seeded checkpoint of a network, its batch-norm statistics calibrated on a set of images.

For machines without trained weights: it has the size, the layers and the speed of a real one.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

import networks
from checkpoint import writing
from common.errors import exit_with
from dataset import verification_bin
from dataset.decode import decode
from dataset.preprocessing import Preprocessing
from seals.ledger import brought

SEED = 112
STATISTICS_IMAGES = 32
# Residuals a fifth the size of a fresh network's: random layers a hundred deep otherwise
# amplify float32 rounding a thousandfold (measured on ir_se100: 3e-4 against 7e-7), which
# trained ones do not.
RESIDUAL_GAIN = 0.2


@torch.no_grad()
def draw(network: nn.Module, seed: int = SEED) -> None:
    """Fill every tensor of ``network``: He-normal weights, and PReLU slopes that all differ.

    With equal slopes exporters let layers share one constant, and runtimes then fuse less:
    such a checkpoint would be timed wrong.
    """
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        for name, tensor in module.named_parameters(recurse=False):
            if isinstance(module, nn.PReLU):
                tensor.uniform_(0.1, 0.4, generator=random)
            elif tensor.dim() > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=random)
            elif name == "bias":
                tensor.normal_(0, 0.1, generator=random)
            else:
                tensor.uniform_(0.5, 1.5, generator=random)
    for module in network.modules():
        if hasattr(module, "branch_norm"):
            module.branch_norm().weight.mul_(RESIDUAL_GAIN)


@torch.no_grad()
def calibrate_statistics(network: nn.Module, images: torch.Tensor) -> None:
    """Set all batch-norm statistics to those of ``images``, float32 (N, 3, 112, 112); eval mode."""
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0  # keep this batch's statistics and nothing of the initial ones
        norm.train()
    network(images)
    network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", required=True, help="network name")
    parser.add_argument("--bin", type=brought, required=True, help="verification .bin")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    args = parser.parse_args()

    encoded = verification_bin.read(args.bin).images[:STATISTICS_IMAGES]
    pixels = np.stack([decode(e, i, args.bin) for i, e in enumerate(encoded)])
    with torch.device("meta"):
        network = networks.build(args.net)
    network.to_empty(device="cpu")
    draw(network)
    calibrate_statistics(network, torch.from_numpy(Preprocessing().normalise(pixels)))
    writing.write(network.state_dict(), args.out)


if __name__ == "__main__":
    exit_with(main)
