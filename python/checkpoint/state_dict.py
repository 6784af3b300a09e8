"""PyTorch checkpoint -> network, loading tensors only and nothing that executes."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

import networks
from checkpoint import description, foreign
from common.errors import ChainError, reason
from safe_pickle.reader import Refused

# Training scripts nest the weights under one of these, beside optimizer, epoch and the like; the
# last is arcface_torch's (train_v2.py, save_all_states).
NESTED = ("state_dict", "model", "state_dict_backbone")
LEVELS = 3  # at most; a hostile file may nest without end
_PARALLEL = "module."  # DataParallel's prefix
_VARIANCE = "running_var"  # of batch-norms
_COUNTER = "num_batches_tracked"  # absent from old checkpoints and unused in evaluation


def read(path: Path) -> dict[str, Tensor]:
    """Return the weights in ``path`` by name: floating tensors as float32, mapped where possible.

    Accepts a plain state dict, one under a key of ``NESTED``, and names prefixed with
    ``module.``. Raises ``ChainError`` for any other content, and for values that are not finite.
    """
    foreign.refuse(path)
    zipped = zipfile.is_zipfile(path)
    try:
        if zipped:
            _check_stored(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what is about to be refused
            value = torch.load(path, "cpu", weights_only=True, mmap=zipped)
    except (OSError, ChainError):
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise _unreadable(path, error) from None
    state = select(value)
    if state is None:
        raise ChainError(f"{path} holds no state dict; give a checkpoint with the weights by name.")
    for name, tensor in state.items():
        _check_plain(tensor, f"{path}: {name}")
    state = {k: t.float() if t.is_floating_point() else t for k, t in state.items()}
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ChainError(f"{path}: {name} has values that are not finite; get a fresh copy.")
    return state


def _unreadable(path: Path, error: Exception) -> ChainError:
    # PyTorch calls everything that it does not load by itself code, and advises to run it.
    try:
        description.load(path)
        said = reason(error)
    except Refused as refused:
        said = str(refused)
    else:
        if isinstance(error, pickle.UnpicklingError):
            return ChainError(
                f"{path} holds more than tensors, which is not loaded because it could execute "
                f"code; take its tensors out by make convert-weights WEIGHTS={path}."
            )
    return ChainError(f"{path} cannot be read ({said}); get a fresh copy of the checkpoint.")


def _check_plain(tensor: Tensor, name: str) -> None:
    # A few bytes can stand for terabytes, by strides of zero or as a sparse tensor.
    dense = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_meta
    size = tensor.numel() * tensor.element_size()
    if not dense or size > tensor.untyped_storage().nbytes():
        raise ChainError(
            f"{name} is not a plain tensor with all its values; save its state_dict anew."
        )


def _check_stored(path: Path) -> None:
    # PyTorch stores its entries as they are; a compressed one could unpack to any size.
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ChainError(
                f"{path} is a compressed zip archive, which PyTorch does not write; save it anew."
            )


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
