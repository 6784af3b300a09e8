"""An ONNX graph that is being rewritten: who makes and who reads a tensor, constants in float64."""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import (
    AttributeProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    numpy_helper,
)

from onnx_graph.store import EXTERNAL_FROM

FLOAT = onnx.TensorProto.FLOAT


class Graph:
    """The nodes of ``model`` with its initializers; ``finish`` returns the rewritten model.

    Constants that a rewrite makes are kept in float64 until the end, so that several of them
    on the same tensor round once.
    """

    def __init__(self, model: ModelProto):
        self._model = model
        # Copies: ``model`` itself stays as it is.
        self.nodes = [NodeProto.FromString(n.SerializeToString()) for n in model.graph.node]
        self.outputs = {value.name for value in model.graph.output}
        self.inputs = {value.name for value in model.graph.input}
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self._made: dict[str, np.ndarray] = {}
        self._taken = self.inputs | set(self._stored) | {o for n in self.nodes for o in n.output}
        shapes = [*model.graph.value_info, *model.graph.input]
        self._rank = {v.name: len(v.type.tensor_type.shape.dim) for v in shapes}

    def foreign(self) -> str | None:
        """Return why the graph is not one whose tensors can be followed, or None."""
        for node in self.nodes:
            if node.domain not in ("", "ai.onnx"):
                return f"{node.op_type} belongs to the operators of {node.domain}"
            if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute):
                return f"{node.op_type} has a graph inside"
        return None

    def rank(self, name: str) -> int | None:
        """Return the number of dimensions of the tensor ``name`` where the model says so."""
        return self._rank.get(name)

    def producer(self, name: str) -> NodeProto | None:
        """Return the node that makes the tensor ``name``; None for an input or a constant."""
        return next((node for node in self.nodes if name in node.output), None)

    def readers(self, name: str) -> list[NodeProto]:
        """Return the nodes that read the tensor ``name``, a node once for each time it does."""
        return [node for node in self.nodes for entry in node.input if entry == name]

    def only_reader(self, name: str, *kinds: str) -> NodeProto | None:
        """Return the one reader of ``name`` if it is of one of ``kinds`` and nobody else reads."""
        readers = self.readers(name)
        if len(readers) == 1 and name not in self.outputs and readers[0].op_type in kinds:
            return readers[0]
        return None

    def is_constant(self, name: str) -> bool:
        """Tell whether ``name`` is a float32 constant, and so has a ``value``."""
        if name in self._made:
            return True
        stored = self._stored.get(name)
        # An initializer that is an input too is a mere default.
        return stored is not None and name not in self.inputs and stored.data_type == FLOAT

    def value(self, name: str) -> np.ndarray:
        """Return the constant ``name`` in float64."""
        if name in self._made:
            return self._made[name]
        return numpy_helper.to_array(self._stored[name]).astype(np.float64)

    def constant(self, near: str, value: np.ndarray) -> str:
        """Add the constant ``value``; return its name, which is like ``near`` but new."""
        name = self.fresh(near)
        self._made[name] = np.asarray(value, np.float64)
        return name

    def fresh(self, near: str) -> str:
        """Return a tensor name that nothing has yet, made from ``near``."""
        stem, count = near.split("__")[0], 0
        while f"{stem}__{count}" in self._taken:
            count += 1
        self._taken.add(f"{stem}__{count}")
        return f"{stem}__{count}"

    def replace_reads(self, old: str, new: str) -> None:
        """Let every reader of ``old`` read ``new``."""
        for node in self.nodes:
            for index, entry in enumerate(node.input):
                if entry == old:
                    node.input[index] = new

    def bypass(self, node: NodeProto) -> bool:
        """Remove ``node``, whose first input takes the place of its output; False if it cannot.

        It cannot where both are names that the graph's users know.
        """
        (output,) = node.output
        if output not in self.outputs:
            self.replace_reads(output, node.input[0])
        elif (maker := self.producer(node.input[0])) is not None:
            if node.input[0] in self.outputs:
                return False
            old = node.input[0]
            maker.output[list(maker.output).index(old)] = output
            self.replace_reads(old, output)
        else:
            return False
        self.nodes.remove(node)
        return True

    def insert_after(self, node: NodeProto, made: NodeProto) -> None:
        """Put ``made`` behind ``node`` in the order of execution."""
        self.nodes.insert(self.nodes.index(node) + 1, made)

    def overflows(self) -> bool:
        """Tell whether a constant that a rewrite made is not finite in float32."""
        with np.errstate(over="ignore"):
            return not all(np.isfinite(v.astype(np.float32)).all() for v in self._made.values())

    def finish(self) -> ModelProto:
        """Return the model with the nodes as they are now, unused constants left out."""
        result = ModelProto()
        result.CopyFrom(self._model)
        graph = result.graph
        for field in (graph.node, graph.initializer, graph.value_info):
            del field[:]
        graph.node.extend(self.nodes)
        used = {entry for node in self.nodes for entry in node.input}
        graph.initializer.extend(t for n, t in self._stored.items() if n in used)
        graph.initializer.extend(
            numpy_helper.from_array(v.astype(np.float32), n)
            for n, v in self._made.items()
            if n in used
        )
        graph.value_info.extend(_inferred(result))
        return result


def _inferred(model: ModelProto) -> Iterable[ValueInfoProto]:
    """Return the shapes between the nodes of ``model``."""
    # Without the weights' values, which say nothing of shapes: copying them took half of the time.
    light = ModelProto()
    light.CopyFrom(model)
    for tensor in light.graph.initializer:
        if tensor.ByteSize() > EXTERNAL_FROM:
            tensor.CopyFrom(
                TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
            )
    inferred = onnx.shape_inference.infer_shapes(light, strict_mode=True, data_prop=True)
    return inferred.graph.value_info


def attributes(node: NodeProto) -> dict[str, object]:
    """Return the attributes of ``node`` by name."""
    return {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}


def count(nodes: Iterable[NodeProto]) -> dict[str, int]:
    """Return how often each operator occurs among ``nodes``, sorted by name."""
    kinds = [node.op_type for node in nodes]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}
