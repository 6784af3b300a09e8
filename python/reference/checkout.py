"""The public reference's own network classes and evaluation, loaded from its checkout.

This runs the reference's code: ``make patch`` has verified its commit.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from torch import nn

from common.errors import ChainError, reason

# Our name -> the reference's class and its arguments. The drop ratio does not matter in
# evaluation; 0.6 is its own.
_BACKBONES = {
    f"{mode}{depth}": (depth, 0.6, mode) for mode in ("ir", "ir_se") for depth in (50, 100, 152)
}


def build(folder: Path, name: str) -> nn.Module:
    """Return the network ``name`` as the reference in ``folder`` defines it, in training mode.

    Raises ``ChainError`` for a network that it does not have, or a checkout that does not load.
    """
    model = _load(folder, "model")
    if name == "mobilefacenet":
        return model.MobileFaceNet(512)
    if name not in _BACKBONES:
        raise ChainError(
            f"the reference has no NET={name}; choose one of: {' '.join(_BACKBONES)} mobilefacenet"
        )
    return model.Backbone(*_BACKBONES[name])


def evaluation(folder: Path) -> Callable:
    """Return the ``evaluate(embeddings, actual_issame, nrof_folds)`` of the one in ``folder``."""
    return _load(folder, "verifacation").evaluate


def _load(folder: Path, name: str) -> ModuleType:
    path = folder / f"{name}.py"
    # A name of its own: the reference calls its modules `model` and `utils`.
    spec = importlib.util.spec_from_file_location(f"_reference_{name}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise ChainError(f"{path} is missing; run make patch.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise ChainError(f"{path} cannot be imported ({reason(error)}); run make patch.") from None
    return module
