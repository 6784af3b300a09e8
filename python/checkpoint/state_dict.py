"""PyTorch checkpoint -> network, loading tensors only and nothing that executes."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import networks
from checkpoint import description, foreign
from checkpoint.tensors import PARAMETER, TENSOR, Tensors
from common.errors import ChainError
from safe_pickle.reader import ASKS, Call, Refused

# Training scripts nest the weights under one of these, beside optimizer, epoch and the like; the
# last is arcface_torch's (train_v2.py, save_all_states).
NESTED = ("state_dict", "model", "state_dict_backbone")
LEVELS = 3  # at most; a hostile file may nest without end
_PARALLEL = "module."  # DataParallel's prefix
_VARIANCE = "running_var"  # of batch-norms
# What the pickle of a training state without objects of its own asks for.
_PLAIN = frozenset((*description.STORAGES, *TENSOR, *PARAMETER, "collections.OrderedDict"))
_PLAIN |= {"collections.Counter", "builtins.set", "__builtin__.set", "_codecs.encode", "torch.Size"}
_PLAIN |= {"torch.device", "torch._utils._rebuild_sparse_tensor", "torch.serialization._get_layout"}
_PLAIN |= {str(dtype) for dtype in description.STORAGES.values()}
_COUNTER = "num_batches_tracked"  # absent from old checkpoints and unused in evaluation


def read(path: Path) -> dict[str, Tensor]:
    """Return the weights in ``path`` by name, floating ones as float32.

    Accepts a plain state dict, one under a key of ``NESTED``, and names prefixed with
    ``module.``. Raises ``ChainError`` for any other content, and for values that are not finite.
    """
    try:
        state = weights(path, _PLAIN)
    except Refused as error:
        raise _unreadable(path, error) from None
    for name in state:
        tensor = state[name]
        if tensor.is_floating_point():
            state[name] = tensor = tensor.float()
        if not _is_finite(tensor):
            raise ChainError(f"{path}: {name} has values that are not finite; get a fresh copy.")
    return state


def _is_finite(tensor: Tensor) -> bool:
    # In a tenth of the time of isfinite; a NaN anywhere is both the least and the greatest.
    extremes = tensor.aminmax() if tensor.is_floating_point() and tensor.numel() else (tensor,)
    return all(bool(torch.isfinite(extreme).all()) for extreme in extremes)


def weights(path: Path, names: Container[str] | None) -> dict[str, Tensor]:
    """Return the weights in ``path`` by name, in their own precision.

    ``names`` are those that its pickle may ask for, None: any; nothing of it is executed or built
    but tensors, and memory is bounded by twice the file's size. Raises ``Refused`` for a file that
    cannot be read, ``ChainError`` where it is another kind of file or holds no state dict.
    """
    foreign.refuse(path)
    described, storages = description.load(path, names)
    # Only the branch with the weights is turned into tensors: an optimizer has twice as many.
    for _ in range(LEVELS):
        mapping = _mapping(described) or {}
        inner = next((k for k in NESTED if _mapping(mapping.get(k))), None)
        described = described if inner is None else mapping[inner]
    made = Tensors(storages, path.stat().st_size)
    state = select({k: made.tensor(v) for k, v in (_mapping(described) or {}).items()})
    if state is None:
        raise ChainError(f"{path} holds no state dict; give a checkpoint with the weights by name.")
    return state


def _mapping(value: Any) -> dict[Any, Any] | None:
    """Return the entries of a described dict, OrderedDict or class derived from one."""
    if isinstance(value, Call) and value.entries:
        return {k: v for k, v in value.entries if isinstance(k, (str, int))}
    return value if isinstance(value, dict) else None


def _unreadable(path: Path, error: Refused) -> ChainError:
    if str(error).startswith(ASKS):
        try:
            description.load(path)  # whatever it asks for, is it whole?
        except Refused as refused:
            error = refused
        else:
            return ChainError(
                f"{path} holds more than tensors, which is not loaded because it could execute "
                f"code; take its tensors out by make convert-weights WEIGHTS={path}."
            )
    return ChainError(f"{path} cannot be read ({error}); get a fresh copy of the checkpoint.")


def select(value: object) -> dict[str, Tensor] | None:
    """Return the weights by name from what a checkpoint holds; None where it holds none."""
    for _ in range(LEVELS):
        if isinstance(value, Mapping):
            inner = next((k for k in NESTED if isinstance(value.get(k), Mapping)), None)
            value = value if inner is None else value[inner]
    if not isinstance(value, Mapping) or not value:
        return None
    if not all(isinstance(k, str) and isinstance(t, Tensor) for k, t in value.items()):
        return None
    if all(k.startswith(_PARALLEL) for k in value):
        return {k.removeprefix(_PARALLEL): t for k, t in value.items()}
    return dict(value)


def load_into(network: nn.Module, path: Path, name: str) -> None:
    """Load ``path`` into ``network`` (built on any device, ``meta`` included); sets eval mode.

    ``name`` is the network's, for messages. Raises ``ChainError`` naming the network that the
    checkpoint is of, or the first missing and unexpected entries and the first of another shape;
    and for variances below zero.
    """
    state = read(path)
    expected = network.state_dict()
    for key in expected:
        if key.endswith(_COUNTER):
            state.setdefault(key, torch.zeros((), dtype=torch.long))
    faults = []
    if missing := [k for k in expected if k not in state]:
        faults.append(f"{len(missing)} missing, first {missing[0]}")
    if unexpected := [k for k in state if k not in expected]:
        faults.append(f"{len(unexpected)} unexpected, first {unexpected[0]}")
    for key, tensor in expected.items():
        if key in state and state[key].shape != tensor.shape:
            shapes = f"{tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
            faults.append(f"{key} has shape {shapes}")
            break
    if faults and (fitting := fits(state)):
        raise ChainError(
            f"{path} is a checkpoint of {' or '.join(fitting)}, not of {name}; "
            f"give {' or '.join(f'NET={other}' for other in fitting)}."
        )
    if faults:
        raise ChainError(
            f"{path} is not a checkpoint of {name} ({'; '.join(faults)}); "
            "give the NET= that it was trained with."
        )
    for key, tensor in state.items():
        if key.endswith(_VARIANCE) and (tensor < 0).any():
            raise ChainError(f"{path}: {key} has variances below zero; get a fresh copy.")
    network.load_state_dict(state, assign=True)
    network.eval()


def fits(state: Mapping[str, Tensor]) -> list[str]:
    """Return the networks that ``state`` is of: those with the same names and shapes, counters
    apart.
    """
    shapes = _shapes(state)
    found = []
    for name in networks.names():
        with torch.device("meta"):
            network = networks.build(name)
        if _shapes(network.state_dict()) == shapes:
            found.append(name)
    return found


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {k: t.shape for k, t in state.items() if not k.endswith(_COUNTER)}
