"""ONNX graph -> PyTorch module, for the operators that the networks export to.

Taking the graph instead of the checkpoint gives PyTorch the very file that the other engines
run: simplified, fused where that stage is on, and gated by parity.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import Tensor, fx, nn

from common.errors import ChainError

# Proxies of torch.fx: what is called on them becomes the module's graph.
_Attributes = dict[str, Any]
_OPERATORS: dict[str, Callable] = {}


def _operator(function: Callable) -> Callable:
    _OPERATORS[function.__name__.removeprefix("_")] = function
    return function


class _Unsupported(Exception):
    """An attribute with a value that no network here exports."""


def _expect(attributes: _Attributes, **values: Any) -> None:
    for name, value in values.items():
        if (found := attributes.get(name, value)) != value:
            raise _Unsupported(f"{name}={found}")


def _window(attributes: _Attributes) -> tuple[list[int], list[int]]:
    """Return stride and symmetric padding, which is all that PyTorch's windows have."""
    _expect(attributes, auto_pad=b"NOTSET", ceil_mode=0)
    pads = attributes.get("pads", [0, 0, 0, 0])
    if pads[:2] != pads[2:]:
        raise _Unsupported(f"pads={pads}")
    return attributes.get("strides", [1, 1]), pads[:2]


@_operator
def _Conv(a: _Attributes, x, weight, bias=None):
    stride, padding = _window(a)
    return F.conv2d(x, weight, bias, stride, padding, a.get("dilations", 1), a.get("group", 1))


@_operator
def _MaxPool(a: _Attributes, x):
    _expect(a, dilations=[1, 1])
    stride, padding = _window(a)
    if a["kernel_shape"] == [1, 1] and padding == [0, 0]:
        # A choice among one: taking every stride-th pixel is no computation at all.
        return x if stride == [1, 1] else x[:, :, :: stride[0], :: stride[1]]
    return F.max_pool2d(x, a["kernel_shape"], stride, padding)


@_operator
def _BatchNormalization(a: _Attributes, x, weight, bias, mean, variance):
    _expect(a, training_mode=0)
    return F.batch_norm(x, mean, variance, weight, bias, eps=a.get("epsilon", 1e-5))


@_operator
def _PRelu(a: _Attributes, x, slope):
    return F.prelu(x, slope.flatten())


@_operator
def _Clip(a: _Attributes, x, low=None, high=None):
    return torch.clamp(x, a.get("min", low), a.get("max", high))


@_operator
def _LeakyRelu(a: _Attributes, x):
    return F.leaky_relu(x, a.get("alpha", 0.01))


@_operator
def _HardSigmoid(a: _Attributes, x):
    return torch.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1)


@_operator
def _AveragePool(a: _Attributes, x):
    stride, padding = _window(a)
    inside = bool(a.get("count_include_pad", 0))
    return F.avg_pool2d(x, a["kernel_shape"], stride, padding, count_include_pad=inside)


@_operator
def _ReduceMean(a: _Attributes, x):
    return torch.mean(x, a["axes"], keepdim=bool(a.get("keepdims", 1)))


@_operator
def _GlobalAveragePool(a: _Attributes, x):
    return F.adaptive_avg_pool2d(x, 1)


@_operator
def _Gemm(a: _Attributes, x, weight, bias=None):
    _expect(a, alpha=1.0, beta=1.0, transA=0)
    return F.linear(x, weight if a.get("transB", 0) else weight.t(), bias)


@_operator
def _MatMul(a: _Attributes, x, y):
    return x @ y


@_operator
def _Flatten(a: _Attributes, x):
    _expect(a, axis=1)
    return torch.flatten(x, 1)


@_operator
def _Transpose(a: _Attributes, x):
    return x.permute(a["perm"])


@_operator
def _Concat(a: _Attributes, *parts):
    return torch.cat(parts, a["axis"])


@_operator
def _Reshape(a: _Attributes, x, shape):
    _expect(a, allowzero=0)
    # Every shape is static here; zero keeps a dimension.
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)])


@_operator
def _ReduceL2(a: _Attributes, x):
    _expect(a, axes=[1], keepdims=1)
    # Squares of a whole row leave float16's range.
    return torch.linalg.vector_norm(x.float(), dim=1, keepdim=True)


@_operator
def _LpNormalization(a: _Attributes, x):
    _expect(a, axis=1, p=2)
    return x.float() / torch.linalg.vector_norm(x.float(), dim=1, keepdim=True)


_OPERATORS |= {
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": lambda a, x, y: x / y,
    "Relu": lambda a, x: F.relu(x),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Identity": lambda a, x: x,
}


def convert(path: Path, dtype: torch.dtype) -> nn.Module:
    """Return the ONNX file ``path`` as a module: ``dtype`` (B, 3, 112, 112) -> float32 (B, D).

    Weights become ``dtype``; the statistics of batch-norms stay float32, as PyTorch's mixed
    batch-norm wants them, and so does the final division by the length. Raises ``ChainError``
    naming an operator or attribute that is not known here.
    """
    model = onnx.load(str(path)).graph
    root, graph = nn.Module(), fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)
    norms = {n for node in model.node if node.op_type == "BatchNormalization" for n in node.input}
    weights = {t.name: numpy_helper.to_array(t) for t in model.initializer}
    for node in model.node:
        if node.op_type == "Constant":
            weights[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    (entry,) = (value for value in model.input if value.name not in weights)
    values: dict[str, fx.Proxy] = {entry.name: fx.Proxy(graph.placeholder("image"), tracer)}
    for index, (name, array) in enumerate(weights.items()):
        if array.dtype.kind == "i":
            values[name] = array.tolist()  # a shape
            continue
        root.register_buffer(f"weight_{index}", _tensor(array, dtype, name in norms))
        values[name] = fx.Proxy(graph.get_attr(f"weight_{index}"), tracer)
    for node in model.node:
        if node.op_type == "Constant":
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        try:
            operator = _OPERATORS[node.op_type]
            result = operator(attributes, *(values[name] if name else None for name in node.input))
        except (KeyError, TypeError, _Unsupported) as error:
            detail = f" with {error}" if isinstance(error, _Unsupported) else ""
            raise ChainError(
                f"{path}: ENGINE=torch does not know the operator {node.op_type}{detail}; "
                "give the simplified graph of a network in python/networks."
            ) from None
        values[node.output[0]] = result
    graph.output(values[model.output[0].name].float().node)
    graph.lint()
    return fx.GraphModule(root, graph).eval()


def _tensor(array: Any, dtype: torch.dtype, is_norm: bool) -> Tensor:
    tensor = torch.from_numpy(array.copy())
    return tensor.to(dtype) if tensor.is_floating_point() and not is_norm else tensor
