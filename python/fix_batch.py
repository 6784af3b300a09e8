"""ONNX with a symbolic batch -> the same graph for one batch size, every shape static."""

import argparse
from pathlib import Path

import onnx
from onnx import ModelProto, ValueInfoProto

from common.errors import ChainError, exit_with
from onnx_graph import store
from seals.ledger import made
from seals.products import product


def fix_batch(model: ModelProto, batch_size: int) -> ModelProto:
    """Return ``model`` with the first dimension of its input and output set to ``batch_size``.

    Weights may be external references. Raises ``ChainError`` where some tensor's shape still
    depends on the batch, because runtimes would then treat the model as dynamic.
    """
    fixed = ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]
    for value in (*fixed.graph.input, *fixed.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch_size
    fixed = onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)
    known = {v.name for v in (*fixed.graph.value_info, *fixed.graph.output) if _is_static(v)}
    for node in fixed.graph.node:
        for name in node.output:
            if name not in known:
                raise ChainError(
                    f"the shape of {name} ({node.op_type}) still depends on the batch; "
                    "try another OPSET=."
                )
    return fixed


def _is_static(value: ValueInfoProto) -> bool:
    shape = value.type.tensor_type
    return shape.HasField("shape") and all(d.HasField("dim_value") for d in shape.shape.dim)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="ONNX with symbolic batch")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write, same folder")
    args = parser.parse_args()
    fixed = fix_batch(store.load_graph(args.onnx), args.batch_size)
    with product(args.out, store.weight_files(fixed, args.out.parent)) as temporary:
        temporary.write_bytes(fixed.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(temporary))


if __name__ == "__main__":
    exit_with(main)
