"""Batch-norms and the layers next to them: reading them, and folding them into those layers."""

from typing import NamedTuple

import numpy as np
from onnx import NodeProto, helper

from fusion.graph import Graph, attributes


class Norm(NamedTuple):
    """Batch-norm as y = scale * (x - mean) + bias, each float64 (channels,).

    ``weight`` is the trained factor, of which ``scale`` is 1 / sqrt(variance + epsilon) times.
    """

    scale: np.ndarray
    mean: np.ndarray
    bias: np.ndarray
    weight: np.ndarray


def read_norm(graph: Graph, node: NodeProto) -> Norm | None:
    """Return the constants of batch-norm ``node``; None if it is none in inference mode."""
    if node.op_type != "BatchNormalization" or len([o for o in node.output if o]) != 1:
        return None
    settings = attributes(node)
    if settings.get("training_mode", 0) or not all(map(graph.is_constant, node.input[1:5])):
        return None
    weight, bias, mean, variance = (graph.value(name) for name in node.input[1:5])
    scale = weight / np.sqrt(variance + settings.get("epsilon", 1e-5))
    return Norm(scale, mean, bias, weight) if np.isfinite(scale).all() else None


def has_constants(graph: Graph, node: NodeProto) -> bool:
    """Tell whether all but the first input of ``node`` are constants."""
    return all(graph.is_constant(name) for name in node.input[1:] if name)


def is_padded(node: NodeProto) -> bool:
    """Tell whether the convolution or pool ``node`` reads beyond the border of its input."""
    settings = attributes(node)
    automatic = settings.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
    return automatic or any(settings.get("pads", []))


def bias_of(graph: Graph, node: NodeProto) -> np.ndarray:
    """Return the bias of convolution ``node``, zeros where it has none."""
    if len(node.input) > 2 and node.input[2]:
        return graph.value(node.input[2])
    return np.zeros(len(graph.value(node.input[1])))


def set_layer(graph: Graph, node: NodeProto, weight: np.ndarray, bias: np.ndarray) -> None:
    """Give ``node`` the constants ``weight`` and ``bias``; none that is new and zero."""
    first, near = node.input[0], node.input[1]
    biased = len(node.input) > 2 or bias.any()
    del node.input[:]
    node.input.extend([first, graph.constant(near, weight)])
    if biased:
        node.input.append(graph.constant(f"{near}.bias", bias))


def scale_inputs(graph: Graph, node: NodeProto, scale: np.ndarray, shift: np.ndarray) -> None:
    """Change convolution ``node`` so that on x it gives what it gave on scale * x + shift.

    ``scale`` and ``shift`` are float64 (channels,). Exact with padding only where shift is 0.
    """
    weight, groups = graph.value(node.input[1]), int(attributes(node).get("group", 1))
    outputs, inputs = weight.shape[:2]
    # Row o of the weights reads the channels of group o // (outputs / groups).
    first = np.arange(outputs) // (outputs // groups) * inputs
    channels = first[:, None] + np.arange(inputs)
    spread = (outputs, inputs) + (1,) * (weight.ndim - 2)
    sums = weight.reshape(outputs, inputs, -1).sum(axis=2)
    bias = bias_of(graph, node) + (sums * shift[channels]).sum(axis=1)
    set_layer(graph, node, weight * scale[channels].reshape(spread), bias)


def scale_outputs(graph: Graph, node: NodeProto, scale: np.ndarray, shift: np.ndarray) -> None:
    """Change convolution ``node`` so that it gives scale * y + shift where it gave y."""
    weight = graph.value(node.input[1])
    spread = (-1,) + (1,) * (weight.ndim - 1)
    bias = bias_of(graph, node) * scale + shift
    set_layer(graph, node, weight * scale.reshape(spread), bias)


def read_linear(graph: Graph, node: NodeProto) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weight (outputs, inputs) and bias (outputs,) of a Gemm or MatMul; None if neither."""
    if node.op_type not in ("Gemm", "MatMul") or not has_constants(graph, node):
        return None
    weight, settings = graph.value(node.input[1]), attributes(node)
    # A product with more dimensions has its channels elsewhere.
    flat = node.op_type == "Gemm" or graph.rank(node.input[0]) == 2
    if weight.ndim != 2 or not flat or settings.get("transA", 0):
        return None
    weight = weight * settings.get("alpha", 1.0)
    weight = weight if settings.get("transB", 0) else weight.T
    bias = np.zeros(len(weight))
    if len(node.input) > 2 and node.input[2]:
        bias = bias + graph.value(node.input[2]).reshape(-1) * settings.get("beta", 1.0)
    return (weight, bias) if bias.shape == (len(weight),) else None


def set_linear(graph: Graph, node: NodeProto, weight: np.ndarray, bias: np.ndarray) -> None:
    """Make ``node`` the Gemm of ``weight`` (outputs, inputs) and ``bias`` (outputs,)."""
    node.op_type = "Gemm"
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("transB", 1))
    set_layer(graph, node, weight, bias)
