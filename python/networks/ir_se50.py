"""IR-SE-50."""

from torch import nn

from networks._ir import Backbone


def build() -> nn.Module:
    """Return IR-SE-50 with freshly initialised parameters, in training mode."""
    return Backbone(depth=50, se=True)
