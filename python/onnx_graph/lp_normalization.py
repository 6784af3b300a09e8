"""LpNormalization, which simplifiers make of a norm and a division, spelled out again."""

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from common.errors import ChainError

# From this operator set on ReduceL2 takes its axes as an input (ONNX, Operators.md).
_AXES_AS_INPUT = 18


def spell_out(model: ModelProto) -> None:
    """Replace every LpNormalization in ``model`` by ReduceL2 and Div, which are the same function.

    Raises ``ChainError`` where one is not by the Euclidean norm.
    """
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    nodes = list(model.graph.node)
    for node in nodes:
        if node.op_type != "LpNormalization":
            continue
        settings = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if settings.get("p", 2) != 2:
            raise ChainError(f"{node.name or node.output[0]} normalises by another norm than L2.")
        axes = [settings.get("axis", -1)]
        length = f"{node.output[0]}.length"
        inputs = [node.input[0]]
        attributes = {"keepdims": 1}
        if opset < _AXES_AS_INPUT:
            attributes["axes"] = axes
        else:
            inputs.append(f"{length}.axes")
            tensor = numpy_helper.from_array(np.array(axes, np.int64), inputs[1])
            model.graph.initializer.append(tensor)
        at = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        norm = helper.make_node("ReduceL2", inputs, [length], length, **attributes)
        division = helper.make_node("Div", [node.input[0], length], list(node.output), node.name)
        model.graph.node.insert(at, norm)
        model.graph.node.insert(at + 1, division)
