"""IResNet-50 of insightface's arcface_torch."""

from torch import nn

from networks._iresnet import Backbone

COLOUR = "rgb"


def build() -> nn.Module:
    """Return IResNet-50 with freshly initialised parameters, in training mode."""
    return Backbone(depth=50)
