"""Rewrites of neighbouring nodes; each returns how many nodes it removed or changed."""

import numpy as np

from fusion.graph import Graph, attributes
from fusion.norms import (
    has_constants,
    is_padded,
    read_linear,
    read_norm,
    scale_inputs,
    scale_outputs,
    set_linear,
)


def drop_identities(graph: Graph) -> int:
    """Remove pools that read one pixel and step by one."""
    removed = 0
    for node in list(graph.nodes):
        if node.op_type in ("MaxPool", "AveragePool") and len(node.output) == 1:
            settings = attributes(node)
            one = {*settings["kernel_shape"], *settings.get("strides", [1])} == {1}
            if one and not is_padded(node):
                removed += graph.bypass(node)
        elif node.op_type == "Identity":
            removed += graph.bypass(node)
    return removed


def fold_norms_back(graph: Graph) -> int:
    """Fold batch-norms into the convolution, Gemm or MatMul whose output they alone read."""
    removed = 0
    for node in list(graph.nodes):
        norm = read_norm(graph, node)
        maker = graph.producer(node.input[0]) if norm else None
        if norm is None or maker is None or graph.only_reader(node.input[0], node.op_type) is None:
            continue
        shift = norm.bias - norm.scale * norm.mean
        if maker.op_type == "Conv" and has_constants(graph, maker):
            if graph.bypass(node):
                scale_outputs(graph, maker, norm.scale, shift)
                removed += 1
        elif (linear := read_linear(graph, maker)) is not None and graph.bypass(node):
            weight, bias = linear
            set_linear(graph, maker, weight * norm.scale[:, None], bias * norm.scale + shift)
            removed += 1
    return removed


def fold_norms_on(graph: Graph) -> int:
    """Fold batch-norms into what follows where no border is in the way.

    That is a convolution without padding, or Flatten and a Gemm or MatMul.
    """
    removed = 0
    for node in list(graph.nodes):
        norm = read_norm(graph, node)
        if norm is None or node.output[0] in graph.outputs:
            continue
        shift = norm.bias - norm.scale * norm.mean
        reader = graph.only_reader(node.output[0], "Conv", "Flatten")
        if reader is None:
            continue
        if reader.op_type == "Conv":
            if has_constants(graph, reader) and not is_padded(reader) and graph.bypass(node):
                scale_inputs(graph, reader, norm.scale, shift)
                removed += 1
            continue
        last = graph.only_reader(reader.output[0], "Gemm", "MatMul")
        linear = read_linear(graph, last) if last is not None else None
        if linear is None or attributes(reader).get("axis", 1) != 1:
            continue
        weight, bias = linear
        pixels, rest = divmod(weight.shape[1], len(norm.scale))
        if rest == 0 and graph.bypass(node):
            bias = bias + weight @ np.repeat(shift, pixels)
            set_linear(graph, last, weight * np.repeat(norm.scale, pixels), bias)
            removed += 1
    return removed


def separate_slopes(graph: Graph) -> int:
    """Give every PReLU a slope tensor of its own; return how many shared theirs.

    Layers with equal slopes are made to share one constant by exporters and simplifiers, and
    OpenVINO then leaves each PReLU, and a reorder on each side of it, outside the convolution.
    """
    seen: set[str] = set()
    changed = 0
    for node in graph.nodes:
        if node.op_type == "PRelu" and graph.is_constant(node.input[1]):
            if node.input[1] in seen:
                node.input[1] = graph.constant(node.input[1], graph.value(node.input[1]))
                changed += 1
            seen.add(node.input[1])
    return changed
