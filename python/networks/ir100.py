"""IR-100."""

from torch import nn

from networks._ir import Backbone


def build() -> nn.Module:
    """Return IR-100 with freshly initialised parameters, in training mode."""
    return Backbone(depth=100, se=False)
