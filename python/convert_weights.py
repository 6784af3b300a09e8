"""Checkpoint with more than tensors in it -> its weights alone. Nothing in it is executed.

Training scripts often pickle their configuration, loss or optimiser beside the weights. These
are read as descriptions (``safe_pickle``) and left out.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from checkpoint import description, foreign, state_dict
from common.errors import ChainError, exit_with
from safe_pickle.reader import Call, Refused
from seals.ledger import brought
from seals.products import product


def _mapping(value: Any) -> dict[Any, Any] | None:
    """Return the entries of a described dict, OrderedDict or class derived from one."""
    if isinstance(value, Call) and value.entries:
        return {k: v for k, v in value.entries if isinstance(k, (str, int))}
    return value if isinstance(value, dict) else None


def convert(path: Path) -> dict[str, Tensor]:
    """Return the weights in ``path`` by name, in their own precision.

    Raises ``ChainError`` where the file is none, is damaged or holds no state dict.
    """
    foreign.refuse(path)
    try:
        described, storages = description.load(path)
        # Only the branch with the weights is turned into tensors: an optimizer has twice as many.
        for _ in range(state_dict.LEVELS):
            mapping = _mapping(described) or {}
            inner = next((k for k in state_dict.NESTED if _mapping(mapping.get(k))), None)
            described = described if inner is None else mapping[inner]
        tensors = {
            k: description.tensor(v, storages) for k, v in (_mapping(described) or {}).items()
        }
        state = state_dict.select(tensors)
    except Refused as error:
        raise ChainError(f"{path} cannot be converted ({error}); get a fresh copy.") from None
    if state is None:
        raise ChainError(f"{path} holds no state dict; give a checkpoint with the weights by name.")
    return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=brought, required=True, help="checkpoint to read")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    args = parser.parse_args()
    state = convert(args.weights)
    with product(args.out) as temporary:
        torch.save(state, temporary)
    print(f"{len(state)} tensors of {args.weights} are in {args.out}; use it with WEIGHTS=")


if __name__ == "__main__":
    exit_with(main)
