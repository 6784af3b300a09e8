"""Which layers of a quantized OpenVINO model lose most, and the model with some not quantized."""

import numpy as np
import openvino
from openvino import Model, Node, Output
from openvino import opset13 as ops

HEAVY = ("Convolution", "GroupConvolution", "MatMul")


def heavy(model: Model) -> list[Node]:
    """Return the convolutions and matrix products of ``model`` in the order of execution."""
    return [node for node in model.get_ordered_ops() if node.get_type_name() in HEAVY]


def behind(node: Node) -> list[Node]:
    """Return everything that ``node`` leads to but the model's results."""
    found: dict[str, Node] = {}
    queue = [node]
    while queue:
        for output in queue.pop().outputs():
            for entry in output.get_target_inputs():
                reader = entry.get_node()
                name = reader.get_friendly_name()
                if reader.get_type_name() != "Result" and name not in found:
                    found[name] = reader
                    queue.append(reader)
    return list(found.values())


def _unquantized(node: Node) -> Output:
    """Return what ``node`` read before its input was quantized; Flatten may stand in between."""
    source = node.input_value(0)
    if source.get_node().get_type_name() == "FakeQuantize":
        return source.get_node().input_value(0)
    if source.get_node().get_type_name() == "Reshape":
        inner = source.get_node().input_value(0).get_node()
        if inner.get_type_name() == "FakeQuantize":
            shape = source.get_node().input_value(1)
            zero = source.get_node().get_attributes()["special_zero"]
            return ops.reshape(inner.input_value(0), shape, zero).output(0)
    return source


def only_heavy(model: Model) -> Model:
    """Return a copy of ``model`` in which nothing but its ``heavy`` layers is quantized.

    A residual trunk that is rounded to eight bits at every sum loses most of what a deep
    IR-SE net loses (seeded ir_se100: mean cosine 0.956 with, 0.992 without), and sums and gates
    run as fast on the numbers that they get.
    """
    copy = model.clone()
    for node in copy.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize":
            for entry in list(node.output(0).get_target_inputs()):
                if entry.get_node().get_type_name() not in (*HEAVY, "Reshape"):
                    entry.replace_source_output(node.input_value(0))
    return copy


def left_in_float(model: Model, core: openvino.Core) -> list[str]:
    """Return the layers of ``model`` that OpenVINO executes in floating point all the same.

    On current processors these are the depth-wise convolutions: quantizing them costs
    accuracy and gains nothing.
    """
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    integer: set[str] = set()
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if info["runtimePrecision"].value in ("i8", "u8"):
            integer.update(info["originalLayersNames"].value.split(","))
    names = [node.get_friendly_name() for node in heavy(model)]
    return [name for name in names if name not in integer]


def weights(original: Model) -> dict[str, Output]:
    """Return the weights of each of the ``heavy`` layers of ``original``, by its name."""
    return {node.get_friendly_name(): node.input_value(1) for node in heavy(original)}


def without(model: Model, names: list[str], exact: dict[str, Output]) -> Model:
    """Return a copy of ``model`` in which the layers ``names`` are not quantized.

    nncf has rounded the weights for good; ``exact`` holds those of the original.
    """
    copy = model.clone()
    for node in heavy(copy):
        name = node.get_friendly_name()
        if name in names:
            node.input(0).replace_source_output(_unquantized(node))
            node.input(1).replace_source_output(exact[name])
    return copy


def errors(
    model: Model, exact: dict[str, Output], images: np.ndarray, core: openvino.Core
) -> dict[str, float]:
    """Return for each layer of ``model`` what its own quantizing adds: noise over signal, power.

    Each layer is run on the same input quantized and with ``exact`` weights; ``images``, float32
    (N, 3, 112, 112), go through one at a time. Layers that are not quantized are left out.
    """
    copy = model.clone()
    names, results = [], []
    for node in heavy(copy):
        if _unquantized(node) == node.input_value(0):
            continue
        twin = _twin(node, [_unquantized(node), exact[node.get_friendly_name()]])
        difference = ops.subtract(node.output(0), twin)
        axes = list(range(len(node.output(0).shape)))
        for value in (difference, twin):
            results.append(ops.result(ops.reduce_sum(ops.multiply(value, value), axes, False)))
        names.append(node.get_friendly_name())
    copy.add_results(results)
    compiled = core.compile_model(copy, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    first = len(compiled.outputs) - len(results)
    sums = np.zeros(len(results))
    for image in images:
        values = compiled(image[None])
        sums += [float(values[compiled.output(first + k)]) for k in range(len(results))]
    noise, signal = sums[0::2], sums[1::2]
    return dict(zip(names, (noise / np.maximum(signal, 1e-30)).tolist(), strict=True))


def _twin(node: Node, inputs: list) -> Node:
    settings = node.get_attributes()
    if node.get_type_name() == "MatMul":
        return ops.matmul(*inputs, settings["transpose_a"], settings["transpose_b"])
    make = ops.convolution if node.get_type_name() == "Convolution" else ops.group_convolution
    return make(
        *inputs,
        settings["strides"],
        settings["pads_begin"],
        settings["pads_end"],
        settings["dilations"],
        settings["auto_pad"],
    )
