"""What the NPU tests share: the stand-in toolkit, and a model and a set that take no time."""

import os
import sys
from pathlib import Path

import bcolz
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnx_graph import store
from support.project import ROOT

TOOLKIT = ROOT / "tests" / "fake_toolkit"


def environment(**variables: str) -> dict[str, str]:
    """Return environment variables that put the stand-in toolkit in place, as set_env.sh does."""
    return {
        "ASCEND_SET_ENV": str(TOOLKIT / "set_env.sh"),
        "ASCEND_HOME_PATH": str(TOOLKIT),
        "PATH": f"{TOOLKIT / 'driver'}:{TOOLKIT / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(TOOLKIT / "python"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FAKE_PYTHON": sys.executable,
        **variables,
    }


def make_model(path: Path, batch_size: int) -> None:
    """Write a small ONNX in the chain's form: weights beside it, output of unit length."""
    rng = np.random.default_rng(0)
    constants = {
        "shape": np.array([batch_size, 64 * 3], np.int64),
        "weights": rng.standard_normal((64 * 3, 512)).astype(np.float32),
    }
    square = {"kernel_shape": [14, 14], "strides": [14, 14]}
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], **square),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["vector"]),
        helper.make_node("ReduceL2", ["vector"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["vector", "length"], ["output1"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch_size, 3, 112, 112])],
        [helper.make_tensor_value_info("output1", TensorProto.FLOAT, [batch_size, 512])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    metadata = {"net": "small", "checkpoint": "small", "weights_sha256": "0"}
    store.set_metadata(model, metadata | {"torch": "0", "opset": "11"})
    store.publish(model, path, "small", lambda p: onnx.checker.check_model(str(p)))


def make_crops(path: Path, count: int) -> np.ndarray:
    """Write a decoded set of ``count`` random crops; return them, uint8 (count, 3, 112, 112)."""
    pixels = np.random.default_rng(1).integers(0, 256, (count, 3, 112, 112), np.uint8)
    array = bcolz.carray(pixels, rootdir=str(path), mode="w")
    array.attrs["source_sha256"] = "0"
    array.flush()
    return pixels
