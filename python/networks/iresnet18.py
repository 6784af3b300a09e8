"""IResNet-18 of insightface's arcface_torch."""

from torch import nn

from networks._iresnet import Backbone

COLOUR = "rgb"


def build() -> nn.Module:
    """Return IResNet-18 with freshly initialised parameters, in training mode."""
    return Backbone(depth=18)
