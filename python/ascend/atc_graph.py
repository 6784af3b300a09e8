"""The ONNX file that atc reads: what it must be like, and made so."""

from collections import Counter
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from common.check import Check
from common.errors import ChainError
from onnx_graph import foreign, lp_normalization

# CANN's parsers document 11 to 18; ReduceL2 is registered up to 17, with its axes as an attribute.
OPSETS = range(11, 18)

# What recognition networks are made of, out of the operators that CANN's parsers register.
_OPERATORS = """
    Abs Add AveragePool BatchNormalization Cast Clip Concat Constant Conv Div Dropout Exp Flatten
    Gather Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity LeakyRelu MatMul Max
    MaxPool Min Mul Neg PRelu Pad Pow ReduceL2 ReduceMean ReduceSum Relu Reshape Sigmoid Slice
    Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze
"""


def prepare(path: Path) -> ModelProto:
    """Return the ONNX file ``path`` as atc gets it: weights inside, the length spelled out.

    Older plugins made the bare norm of LpNormalization, without the division.
    """
    model = foreign.read(path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError):
        raise ChainError(
            f"the weights beside {path} are missing or damaged; remove it and run make again."
        ) from None
    lp_normalization.spell_out(model)
    return model


def lint(model: ModelProto) -> list[Check]:
    """Return what atc needs of ``model``, each with a tick, or a cross and a remedy."""
    return [
        _opset(model),
        _operators(model),
        *_shapes_and_slopes(model),
        _one_file(model),
    ]


def refuse(path: Path, model: ModelProto) -> None:
    """Raise ``ChainError`` with the first fault of ``model``, which was made of ``path``."""
    for check in lint(model):
        if not check.ok:
            raise ChainError(f"{path} is not for atc: {check.what}; {check.remedy}.")


def _opset(model: ModelProto) -> Check:
    versions = {o.domain or "ai.onnx": o.version for o in model.opset_import}
    opset = versions.pop("ai.onnx", 0)
    used = sorted({n.domain for n in model.graph.node} - {"", "ai.onnx"})
    if used:
        return Check(f"operators of {used[0]}", False, "export it with ONNX's own operators alone")
    remedy = f"export it again with OPSET={OPSETS[0]} to {OPSETS[-1]}"
    return Check(f"opset {opset}", opset in OPSETS, remedy)


def _operators(model: ModelProto) -> Check:
    found = Counter(n.op_type for n in model.graph.node)
    if found["LpNormalization"]:
        return Check(
            "LpNormalization, of which older toolkits make the norm without the division",
            False,
            "write ReduceL2 and Div, as make om does",
        )
    unknown = sorted(set(found) - set(_OPERATORS.split()))
    if unknown:
        return Check(
            f"operators not on CANN's list for such networks: {', '.join(unknown)}",
            False,
            "export the network without them, or simplify it first",
        )
    return Check(f"operators: {len(found)} kinds, all on CANN's list", True)


def _shapes_and_slopes(model: ModelProto) -> list[Check]:
    constants = {t.name: tuple(t.dims) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = tuple(node.attribute[0].t.dims)
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    open_ones = [
        name
        for node in graph.node
        for name in (*node.input, *node.output)
        if name and name not in constants and not all(shapes.get(name, (0,)))
    ]
    batch = "fix every dimension, the batch too: make onnx does for a network of the project"
    checks = [
        Check(f"shapes: {open_ones[0]} is not static", False, batch)
        if open_ones
        else Check("shapes: all static", True)
    ]
    slopes = [n for n in graph.node if n.op_type == "PRelu"]
    odd = [n for n in slopes if not _fits(constants.get(n.input[1]), shapes.get(n.input[0], ()))]
    if odd:
        shape = constants.get(odd[0].input[1])
        what = f"of shape {shape}" if shape is not None else "that is not a constant"
        checks.append(
            Check(
                f"PReLU slopes: {odd[0].name or odd[0].output[0]} has one {what}",
                False,
                "give each channel one constant slope: shape (C, 1, 1)",
            )
        )
    elif slopes:
        checks.append(Check(f"PReLU slopes: {len(slopes)}, one a channel", True))
    return checks


def _fits(slope: tuple[int, ...] | None, value: tuple[int, ...]) -> bool:
    # One a channel, with or without a batch of one, or one for all; a vector beside a matrix.
    if slope is None or len(value) < 2:
        return False
    rest = (1,) * (len(value) - 2)
    return slope in ((value[1], *rest), (1, value[1], *rest)) or all(n == 1 for n in slope)


def _one_file(model: ModelProto) -> Check:
    outside = [t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    return Check(
        f"{len(outside)} tensors in another file" if outside else "one file",
        not outside,
        "store it as one file: older versions of atc do not read others",
    )
