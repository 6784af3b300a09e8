"""IR-SE-152."""

from torch import nn

from networks._ir import Backbone


def build() -> nn.Module:
    """Return IR-SE-152 with freshly initialised parameters, in training mode."""
    return Backbone(depth=152, se=True)
