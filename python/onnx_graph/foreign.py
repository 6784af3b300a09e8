"""ONNX files that somebody else made: read within bounds, and refused where they are no recogniser.

Each refusal is one sentence; nothing is run here.
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from common.checksum import sha256
from common.errors import ChainError
from common.shapes import SIDE
from dataset.preprocessing import CHANNELS
from onnx_graph import store

# BatchNormalization has had its present meaning since 7; beyond 21 nothing was tested.
OPSETS = range(7, 22)
# A protobuf message holds no more, and the chain keeps graph and tensors in one until it stores it.
LARGEST = (2 << 30) - 1
# Elements of one tensor between layers, at batch size 1: a hundred times what recognisers have.
LARGEST_TENSOR = 1 << 28

_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger")
_OWN = ("", "ai.onnx")


def read(path: Path) -> ModelProto:
    """Return the ONNX file ``path`` as it is, tensors in other files left there.

    Raises ``ChainError`` where it is none.
    """
    if path.stat().st_size > LARGEST:
        raise ChainError(f"{path} is larger than 2 GiB; keep its tensors in a file beside it.")
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except DecodeError:
        model = ModelProto()
    if not model.graph.node or not model.opset_import:
        raise ChainError(f"{path} is not an ONNX file; name one with ONNX=.")
    return model


def check_files(path: Path, model: ModelProto) -> int:
    """Return the bytes of all tensors of ``model``, which is that of ``path``.

    Raises ``ChainError`` unless the files that it names lie in the folder of ``path`` and are long
    enough, and all tensors fit into one message.
    """
    total = 0
    for tensor in model.graph.initializer:
        total += _size(path, tensor)
        if total > LARGEST:
            raise ChainError(f"{path} has more than 2 GiB of weights, which the chain cannot hold.")
    return total


def load_tensors(path: Path, model: ModelProto) -> None:
    """Bring the tensors that ``model``, read from ``path``, keeps in other files into it.

    ``check_files`` has been content. Raises ``ChainError`` where one is damaged, has values that
    are not finite, or holds variances below zero.
    """
    onnx.load_external_data_for_model(model, str(path.parent))
    variances = {n.input[4] for n in model.graph.node if n.op_type == "BatchNormalization"}
    for tensor in _tensors(model):
        try:
            values = numpy_helper.to_array(tensor)
        except (ValueError, TypeError):
            raise ChainError(
                f"{path}: the tensor {tensor.name} is damaged; get a fresh copy."
            ) from None
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ChainError(
                f"{path}: the tensor {tensor.name} has values that are not finite; get a fresh "
                "copy."
            )
        if tensor.name in variances and (values < 0).any():
            raise ChainError(
                f"{path}: the tensor {tensor.name} has variances below zero; get a fresh copy."
            )


def checksum(path: Path, model: ModelProto) -> str:
    """Return a SHA-256 of the ONNX file ``path`` and of the files that hold its tensors."""
    sums = [sha256(path), *map(sha256, store.weight_files(model, path.parent))]
    # Of one file the sum itself, so that a person can compare it.
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()


def _size(path: Path, tensor: TensorProto) -> int:
    """Return the bytes of ``tensor``; ``ChainError`` where the file that it names lacks them."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return tensor.ByteSize()
    entries = {entry.key: entry.value for entry in tensor.external_data}
    name = PurePosixPath(entries.get("location", ""))
    file = path.parent / name
    if name.is_absolute() or ".." in name.parts or not name.name:
        raise ChainError(f"{path} names weights outside its own folder; save it anew.")
    try:
        offset, length = (int(entries.get(key, 0)) for key in ("offset", "length"))
    except ValueError:
        offset = length = -1
    if offset < 0 or length < 0:
        raise ChainError(f"{path}: the tensor {tensor.name} is damaged; get a fresh copy.")
    if not file.is_file() or not file.resolve().is_relative_to(path.parent.resolve()):
        raise ChainError(f"{file}, which holds the weights of {path}, is missing; put it there.")
    needed = offset + (length or 1)
    if file.stat().st_size < needed:
        raise ChainError(
            f"{file}, which holds the weights of {path}, is cut short: it has "
            f"{file.stat().st_size:,} bytes of at least {needed:,}; get a fresh copy."
        )
    return length or file.stat().st_size - offset


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        yield from (a.t for a in node.attribute if a.type == AttributeProto.TENSOR)


def check_operators(path: Path, model: ModelProto) -> None:
    """Raise ``ChainError`` where ``model`` has what the chain does not run."""
    opset = next((o.version for o in model.opset_import if o.domain in _OWN), 0)
    if opset not in OPSETS:
        raise ChainError(
            f"{path} has opset {opset}; export it again with {OPSETS[0]} to {OPSETS[-1]}."
        )
    for node in model.graph.node:
        if fault := _fault(node):
            raise ChainError(f"{path} {fault}.")


def _fault(node: NodeProto) -> str | None:
    name = node.name or node.output[0]
    if node.domain not in _OWN:
        return (
            f"has an operator that is not ONNX's own: {node.op_type} of {node.domain} ({name}); "
            "export it without"
        )
    if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute):
        return (
            f"has control flow: {node.op_type} ({name}); export it again, with the branch that is "
            "taken alone"
        )
    if node.op_type in _QUANTIZED:
        return f"is quantized ({node.op_type}); give the float model: PRECISION=int8 quantizes it"
    return None


def image_input(path: Path, model: ModelProto) -> tuple[ValueInfoProto, bool]:
    """Return the one input of ``model``, and whether its channels come last.

    Raises ``ChainError`` unless it takes float32 images of 3 x 112 x 112; open dimensions fit.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ChainError(
            f"{path} has {len(inputs)} inputs ({names}); a recogniser takes one batch of faces."
        )
    (image,) = inputs
    kind = image.type.tensor_type.elem_type
    if kind != TensorProto.FLOAT:
        shown = TensorProto.DataType.Name(kind).lower()
        raise ChainError(
            f"{path}: its input {image.name} is {shown}; export it with float32 images."
        )
    # An open dimension reads as 0.
    shape = tuple(d.dim_value for d in image.type.tensor_type.shape.dim)
    wanted = {False: (CHANNELS, SIDE, SIDE), True: (SIDE, SIDE, CHANNELS)}
    for channels_last, sides in wanted.items():
        if len(shape) == 4 and all(a in (0, b) for a, b in zip(shape[1:], sides, strict=True)):
            return image, channels_last
    shown = "x".join(str(n or "?") for n in shape)
    raise ChainError(
        f"{path}: its input {image.name} is {shown}; the chain feeds aligned faces of "
        f"{CHANNELS}x{SIDE}x{SIDE}."
    )


def choose_output(path: Path, model: ModelProto, name: str | None) -> str:
    """Return the output ``name`` of ``model``, or its only one; ``ChainError`` otherwise."""
    names = [value.name for value in model.graph.output]
    if name is None and len(names) == 1:
        return names[0]
    if name in names:
        return name
    what = f"has no output {name}" if name else f"has {len(names)} outputs"
    raise ChainError(f"{path} {what}; choose one of them with OUTPUT=: {' '.join(names)}")


def check_sizes(path: Path, model: ModelProto) -> None:
    """Raise ``ChainError`` where a tensor of ``model``, at batch size 1, would fill the memory."""
    for value in onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info:
        elements = math.prod(d.dim_value for d in value.type.tensor_type.shape.dim)
        if elements > LARGEST_TENSOR:
            raise ChainError(f"{path}: {value.name} would have {elements:,} values; refused.")
