"""Layers shared by the backbones."""

import torch
from torch import Tensor, nn


class L2Norm(nn.Module):
    """Scale every row of a (N, D) tensor to unit Euclidean length."""

    def forward(self, x: Tensor) -> Tensor:
        return x / torch.norm(x, p=2, dim=1, keepdim=True)
