"""A recogniser in ONNX as it came -> the form that the chain's own exports have.

Input ``image`` (batch, 3, 112, 112) with a symbolic batch, output ``output1`` (batch, D) of unit
length, an opset that converters for NPUs read where that is possible.
"""

import numpy as np
import onnx
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
    version_converter,
)

from common.shapes import SIDE
from dataset.preprocessing import CHANNELS
from onnx_graph import lp_normalization

INPUT, OUTPUT, BATCH = "image", "output1", "batch"
# What CANN's parsers read, of what there is a converter for; others stay as they are.
LEAST_OPSET, GREATEST_OPSET = 11, 17


def opset(model: ModelProto) -> int:
    """Return the version of ONNX's own operators that ``model`` uses."""
    return next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))


def convert_opset(model: ModelProto) -> ModelProto:
    """Return ``model`` in opset 11 to 17, or as it is where onnx has no converter for it."""
    target = min(max(opset(model), LEAST_OPSET), GREATEST_OPSET)
    if target == opset(model):
        return model
    try:
        converted = version_converter.convert_version(model, target)
        onnx.checker.check_model(converted, full_check=True)
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return model
    return converted


def adopt(
    model: ModelProto,
    image: str,
    output: str,
    channels_last: bool,
    shape: tuple[int, ...],
    unit: bool,
) -> ModelProto:
    """Return ``model``, tensors included, in the chain's form.

    ``image`` and ``output`` are names of its own. ``shape`` is that of the output as it came, of
    batch size ``shape[0]``; ``unit`` tells that its rows have unit length already.
    """
    adopted = ModelProto()
    adopted.CopyFrom(model)
    graph = adopted.graph
    _free_batch(graph, image, shape[0])
    _prune(graph, output)
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    inner = _fresh("adopted_input", taken) if channels_last else INPUT
    last = OUTPUT if unit and len(shape) == 2 else _fresh("adopted_output", taken)
    _rename(graph, {image: inner, output: last})
    if channels_last:
        graph.node.insert(0, helper.make_node("Transpose", [INPUT], [inner], perm=[0, 2, 3, 1]))
    if len(shape) > 2:
        flat = OUTPUT if unit else _fresh("adopted_rows", taken)
        graph.node.append(helper.make_node("Flatten", [last], [flat], axis=1))
        last = flat
    if not unit:
        graph.node.append(helper.make_node("LpNormalization", [last], [OUTPUT], axis=1, p=2))
        lp_normalization.spell_out(adopted)
    for field, name, dims in (
        (graph.input, INPUT, (BATCH, CHANNELS, SIDE, SIDE)),
        (graph.output, OUTPUT, (BATCH, int(np.prod(shape[1:])))),
    ):
        del field[:]
        field.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
    del graph.value_info[:]
    adopted.ir_version = helper.find_min_ir_version_for(adopted.opset_import)
    return adopted


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _prune(graph: onnx.GraphProto, output: str) -> None:
    """Leave only the nodes and tensors that ``output`` is computed from."""
    needed, kept = {output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(tensors)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename tensors; another one that has a new name already gives way."""
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    for new in list(names.values()):
        if new in taken and new not in names:
            names[new] = _fresh(new, taken)
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [names.get(name, name) for name in field]
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


def _free_batch(graph: onnx.GraphProto, image: str, batch: int) -> None:
    """Let every Reshape of the images keep their number, where it is written as ``batch``."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    constants |= {n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant"}
    moving = {image}
    for node in list(graph.node):
        if not moving & set(node.input):
            continue
        moving |= set(node.output)
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if len(shape) > 1 and shape[0] == batch and not _zero_is_zero(node):
            # As many as the input has. A shape of its own: other nodes may share the constant.
            shape[0] = 0
            name = f"{node.output[0]}_shape"
            graph.initializer.append(numpy_helper.from_array(shape, name))
            node.input[1] = name


def _zero_is_zero(node: NodeProto) -> bool:
    return any(a.name == "allowzero" and a.i for a in node.attribute)
