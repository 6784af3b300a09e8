"""The arithmetic of a network, counted on its ONNX graph."""

import math
from pathlib import Path

import onnx

from common.errors import ChainError
from onnx_graph import store


def count(path: Path) -> int:
    """Return the operations of one batch of the ONNX file ``path``, a multiply-add being two.

    Convolutions and matrix products count; what else a network does is under a hundredth of it.
    Raises ``ChainError`` where a shape is unknown.
    """
    model = onnx.shape_inference.infer_shapes(store.load_graph(path), data_prop=True)
    shapes = {t.name: tuple(t.dims) for t in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        # An unknown or symbolic dimension reads as 0.
        shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    total = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        output, weight = shapes.get(node.output[0], ()), shapes.get(node.input[1], ())
        if not output or not weight or not all(output + weight):
            raise ChainError(
                f"{path}: the shape of {node.output[0]} ({node.op_type}) is unknown; "
                "give a file of one batch size."
            )
        total += 2 * math.prod(output) * _depth(node, weight)
    return total


def _depth(node: onnx.NodeProto, weight: tuple[int, ...]) -> int:
    # How many products are added up for one element of the output.
    if node.op_type == "Conv":
        return math.prod(weight[1:])
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return weight[-1] if transposed else weight[-2]


def batch_size(path: Path) -> int:
    """Return the fixed batch size of the ONNX file ``path``; 0 where it is symbolic."""
    return store.load_graph(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value
