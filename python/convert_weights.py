"""Checkpoint with more than tensors in it -> its weights alone. Nothing in it is executed.

Training scripts often pickle their configuration, loss or optimiser beside the weights. These
are read as descriptions (``safe_pickle``) and left out.
"""

import argparse
from pathlib import Path

from torch import Tensor

from checkpoint import state_dict, writing
from common.errors import ChainError, exit_with
from safe_pickle.reader import Refused
from seals.ledger import brought


def convert(path: Path) -> dict[str, Tensor]:
    """Return the weights in ``path`` by name, in their own precision.

    Raises ``ChainError`` where the file is none, is damaged or holds no state dict.
    """
    try:
        return state_dict.weights(path, None)
    except Refused as error:
        raise ChainError(f"{path} cannot be converted ({error}); get a fresh copy.") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=brought, required=True, help="checkpoint to read")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    args = parser.parse_args()
    state = convert(args.weights)
    writing.write(state, args.out)
    print(f"{len(state)} tensors of {args.weights} are in {args.out}; use it with WEIGHTS=")


if __name__ == "__main__":
    exit_with(main)
