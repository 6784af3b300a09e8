"""IResNet-34 of insightface's arcface_torch."""

from torch import nn

from networks._iresnet import Backbone

COLOUR = "rgb"


def build() -> nn.Module:
    """Return IResNet-34 with freshly initialised parameters, in training mode."""
    return Backbone(depth=34)
