"""Mutated inputs by class: ``python fuzz_inputs.py CLASS FIRST COUNT`` prints figures as JSON.

Each class has a function ``trial(seed) -> Outcome``; ``TRIALS`` lists them.
"""

import argparse
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from common import arrays, records
from support import fuzz_bin
from support.fuzz_common import Outcome, draw, in_turn, judged, scratch


@cache
def _bins() -> list[bytes]:
    return fuzz_bin.seeds()


def bin_trial(seed: int) -> Outcome:
    """A verification .bin: read, and its first image decoded."""
    from dataset import verification_bin
    from dataset.decode import decode

    data, path = draw(_bins(), seed), Path("fuzz.bin")
    return judged(lambda: decode(verification_bin.parse(data, path).images[0], 0, path), len(data))


@cache
def _checkpoints() -> list[bytes]:
    import torch

    state = {"a.weight": torch.arange(12.0).reshape(3, 4).t(), "a.n": torch.tensor(7)}
    made = []
    for value in (state, {"model": state, "epoch": 3}, {"state_dict": {"w": torch.ones(9).half()}}):
        for zipped in (True, False):
            path = scratch("seed.pth")
            torch.save(value, path, _use_new_zipfile_serialization=zipped)
            made.append(path.read_bytes())
    bomb = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (6 * 10**9).to_bytes(5, "little") + b"\x85R."
    return [*made, bomb, pickle.dumps({"w": [1.0]}, 2)]


def pth_trial(seed: int) -> Outcome:
    """A checkpoint, read as the export does, or as make convert-weights does."""
    import torch

    from checkpoint import state_dict
    from convert_weights import convert

    path, data = scratch("fuzz.pth"), draw(_checkpoints(), seed)
    path.write_bytes(data)

    def read() -> None:
        state = (convert if seed % 2 else state_dict.read)(path)
        if not all(isinstance(t, torch.Tensor) and t.numel() >= 0 for t in state.values()):
            raise TypeError("something but tensors was read")

    return judged(read, len(data))


@cache
def _graphs() -> list[bytes]:
    from onnx import TensorProto, helper, numpy_helper

    rng, made = np.random.default_rng(3), []
    for batch, opset in (("N", 17), (1, 11)):
        tensors = {
            "kernel": rng.standard_normal((4, 3, 7, 7)).astype(np.float32) / 10,
            "weights": rng.standard_normal((4 * 16, 8)).astype(np.float32),
            "rows": np.array([-1, 64], np.int64),
        }
        nodes = [
            helper.make_node("Conv", ["x", "kernel"], ["c"], strides=[28, 28]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Reshape", ["r", "rows"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 112, 112])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 8])],
            [numpy_helper.from_array(v, n) for n, v in tensors.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
        )
        made.append(model.SerializeToString())
    return made


def onnx_trial(seed: int) -> Outcome:
    """An ONNX file, adopted by the door itself: in a process of its own, as always."""
    import adopt_onnx
    from support.sealing import forget
    from support.steps import GUIDE

    path, data = scratch("fuzz.onnx"), draw(_graphs(), seed)
    path.write_bytes(data)
    products = [path.parent / "made" / name for name in ("a.onnx", "a.npy")]
    options = ["--source", path, "--weights-name", "a", *GUIDE]
    options += ["--onnx", products[0], "--baseline", products[1]]

    def read() -> None:
        forget()  # the door of another trial read another file of that name
        sys.argv = ["adopt_onnx", *map(str, options)]
        adopt_onnx.main()

    outcome = judged(read, len(data))
    left = sorted(p.name for p in products[0].parent.glob("*"))
    shutil.rmtree(products[0].parent, ignore_errors=True)
    if outcome.kind == "told" and left:
        return outcome._replace(kind="wrong", said=f"left {left} after: {outcome.said}")
    return outcome


@cache
def _pictures() -> list[bytes]:
    from support import fuzz_pictures

    return fuzz_pictures.seeds()


def picture_trial(seed: int) -> Outcome:
    """A photograph."""
    from dataset import photograph

    data = draw(_pictures(), seed)
    return judged(lambda: photograph.decoded(data, "fuzz.jpg"), len(data))


@cache
def _products() -> list[bytes]:
    made = []
    for array in (np.ones((4, 8), np.float32), np.arange(9), np.ones(3, bool)):
        path = scratch("seed.npy")
        np.save(path, array)
        made.append(path.read_bytes())
    record = {"net": "x", "accuracy": 0.5, "fold_accuracy": [0.1, 1e-3], "a": {"b": None}}
    made.append(json.dumps(record, indent=2).encode())
    made += [b'{"a": 1e999}', b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}']
    return [
        *made,
        b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"a": ' + b"9" * 9_000 + b"}",
    ]


def product_trial(seed: int) -> Outcome:
    """A JSON or NPY file that a step left."""
    path, data = scratch("fuzz.product"), draw(_products(), seed)
    path.write_bytes(data)
    read: Callable[[Path], object] = arrays.read_npy if data[:1] == b"\x93" else records.read_json
    return judged(lambda: json.dumps(str(read(path)), ensure_ascii=False).encode(), len(data))


TRIALS: dict[str, Callable[[int], Outcome]] = {
    "bin": bin_trial,
    "pth": pth_trial,
    "onnx": onnx_trial,
    "pictures": picture_trial,
    "products": product_trial,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=TRIALS)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    args = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    print(json.dumps(in_turn(TRIALS[args.kind], args.first, args.count)))
    shutil.rmtree(scratch("x").parent)


if __name__ == "__main__":
    main()
