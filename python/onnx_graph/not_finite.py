"""Where an ONNX graph goes wrong for an image: its first layer that gives infinity or NaN."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, ValueInfoProto


def first_layer(model: ModelProto | Path, images: np.ndarray) -> str | None:
    """Return the first layer of ``model`` whose output is not finite for one of ``images``.

    ``model`` is a file, or has its tensors; it is run in ONNX Runtime's float32, an image of
    ``images``, float32 (N, 3, 112, 112), at a time. Returns its operator and name, ``""`` where the
    graph cannot be run so, and None where every layer is finite for each of them.
    """
    found = ModelProto()
    found.CopyFrom(onnx.load(str(model)) if isinstance(model, Path) else model)
    graph = found.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    (entry,) = (v.name for v in graph.input if v.name not in {t.name for t in graph.initializer})
    known = {value.name for value in graph.output}
    makers = {name: node for node in graph.node for name in node.output if name}
    graph.output.extend(ValueInfoProto(name=name) for name in makers if name not in known)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what goes wrong is raised
    # No layer is merged with another, so that each has its own output.
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            found.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        for image in images:
            outputs = session.run(list(makers), {entry: image[None]})
            for value, node in zip(outputs, makers.values(), strict=True):
                if value.dtype.kind == "f" and not np.isfinite(value).all():
                    return f"{node.op_type} {node.name or node.output[0]}"
    except Exception:  # the exceptions of the runtime share no narrower base
        return ""
    return None
