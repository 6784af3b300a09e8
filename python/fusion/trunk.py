"""The batch-norm in front of a padded convolution, removed by moving the trunk's origin.

Such a batch-norm, y = a * (x - mean) + bias, cannot be folded into the convolution, because the
padding is zero in y and not in x. But y = a * t with t = x + d, d = bias / a - mean: where the
residual trunk carries t in place of x, a goes into the convolution's weights and the padding,
zero in t as in y, stays exact. What the trunk is shifted by changes from unit to unit; the
difference is one constant a channel at the addition that ends a unit. It goes into the bias of
a convolution that the addition reads (plain units, projection shortcuts) or, where a
squeeze-excitation gate stands in between, becomes an addition of its own.
"""

from typing import NamedTuple

import numpy as np
from onnx import NodeProto, helper

from fusion.graph import Graph, attributes
from fusion.norms import Norm, has_constants, is_padded, read_norm, scale_inputs, scale_outputs

# How many standard deviations of a channel its origin may move. More would cost digits in
# the trunk: half precision has three, and a factor near zero asks for any distance.
MAX_SHIFT = 16.0


class Outcome(NamedTuple):
    """``removed`` batch-norms, ``added`` additions, and why others were ``kept``, by node."""

    removed: int
    added: int
    kept: dict[str, str]


def origin(norm: Norm) -> np.ndarray | None:
    """Return d, float64 (channels,), by which the trunk must be shifted; None if too far.

    In standard deviations of the channel the shifted origin lies bias / weight from its mean.
    """
    if (np.abs(norm.bias) > MAX_SHIFT * np.abs(norm.weight)).any():
        return None
    # Where weight and bias are both zero the channel is never read, and any origin will do.
    dead = norm.scale == 0
    return np.where(dead, 0.0, norm.bias / np.where(dead, 1.0, norm.scale) - norm.mean)


def _moves(node: NodeProto) -> bool:
    """Tell whether a shift of the input of pool ``node`` is the same shift of its output."""
    one = node.op_type == "MaxPool" and set(attributes(node)["kernel_shape"]) == {1}
    return one and len(node.output) == 1 and not is_padded(node)


def _takes_shift(graph: Graph, name: str) -> bool:
    """Tell whether every reader of ``name`` can make up for a shift of it."""
    if name in graph.outputs:
        return False
    for node in graph.readers(name):
        if node.op_type == "Add":
            # A second operand of the graph's own: a constant or a scalar would broadcast.
            fits = len(set(node.input)) == 2 and not any(map(graph.is_constant, node.input))
        elif node.op_type == "Conv":
            fits = node.input[0] == name and has_constants(graph, node) and not is_padded(node)
        elif node.op_type == "MaxPool":
            fits = _moves(node) and _takes_shift(graph, node.output[0])
        else:
            fits = read_norm(graph, node) is not None and node.input[0] == name
        if not fits:
            return False
    return True


def _removable(graph: Graph, node: NodeProto) -> bool:
    """Tell whether batch-norm ``node`` is read by convolutions alone, one of them padded."""
    if read_norm(graph, node) is None or node.output[0] in graph.outputs:
        return False
    readers = graph.readers(node.output[0])
    return any(r.op_type == "Conv" and is_padded(r) for r in readers) and all(
        r.op_type == "Conv" and has_constants(graph, r) and graph.value(r.input[1]).ndim == 4
        for r in readers
    )


def carry_shifts(graph: Graph) -> Outcome:
    """Remove batch-norms in front of padded convolutions all along the residual trunks."""
    shifts: dict[str, np.ndarray] = {}
    removed = added = 0
    kept: dict[str, str] = {}
    norms = [n for n in graph.nodes if _removable(graph, n)]
    settled: set[str] = set()
    for node in list(graph.nodes):
        if node.output[0] in settled:
            continue
        if _moves(node) and node.input[0] in shifts:
            shifts[node.output[0]] = shifts[node.input[0]]
        elif node.op_type == "Conv" and node.input[0] in shifts:
            shift = shifts[node.input[0]]
            scale_inputs(graph, node, np.ones(len(shift)), -shift)
        elif node.op_type == "BatchNormalization" and node.input[0] in shifts:
            # Read by no padded convolution, or another origin was chosen: moved along.
            mean = graph.value(node.input[3]) + shifts[node.input[0]]
            node.input[3] = graph.constant(node.input[3], mean)
        elif node.op_type == "Add" and len(set(node.input)) == 2:
            total = sum(shifts[name] for name in node.input if name in shifts)
            (output,) = node.output
            chosen = _choose(graph, output, norms, kept)
            if not _takes_shift(graph, output):
                wanted: np.ndarray | float = 0.0
            else:
                wanted = total if chosen is None else origin(read_norm(graph, chosen))
            if np.any(wanted - total):
                added += _shift(graph, node, wanted - total)
            if np.ndim(wanted):
                shifts[output] = wanted
            if chosen is not None:
                settled |= _absorb(graph, chosen)
                removed += 1
    for node in norms:
        if node.output[0] not in settled:
            kept.setdefault(node.output[0], "not all that its input goes to can be shifted")
    return Outcome(removed, added, kept)


def _choose(
    graph: Graph, name: str, norms: list[NodeProto], kept: dict[str, str]
) -> NodeProto | None:
    """Return the batch-norm whose origin the sum ``name`` gets."""
    if not _takes_shift(graph, name):
        return None
    for node in norms:
        if node.input[0] == name:
            if origin(read_norm(graph, node)) is not None:
                return node
            kept[node.output[0]] = f"a weight is near zero: |bias| > {MAX_SHIFT:g} |weight|"
    return None


def _absorb(graph: Graph, node: NodeProto) -> set[str]:
    """Remove batch-norm ``node``, whose input is shifted as it wants: its scale goes on.

    Returns the outputs of the nodes that need no further change: itself and its readers.
    """
    scale = read_norm(graph, node).scale
    readers = graph.readers(node.output[0])
    graph.bypass(node)
    for reader in readers:
        scale_inputs(graph, reader, scale, np.zeros(len(scale)))
    return {n.output[0] for n in (node, *readers)}


def _shift(graph: Graph, node: NodeProto, shift: np.ndarray) -> int:
    """Add ``shift`` to what the addition ``node`` gives; return how many nodes that took."""
    for name in node.input:
        maker = graph.producer(name)
        if (
            maker is not None
            and maker.op_type == "Conv"
            and has_constants(graph, maker)
            and len(graph.value(maker.input[1])) == len(shift)
            and graph.only_reader(name, "Add") is node
        ):
            scale_outputs(graph, maker, np.ones(len(shift)), shift)
            return 0
    (output,) = node.output
    constant = graph.constant(f"{output}.shift", shift.reshape(1, -1, 1, 1))
    inner = graph.fresh(output)
    made = helper.make_node("Add", [inner, constant], [output], name=graph.fresh(f"{output}.add"))
    node.output[0] = inner
    graph.insert_after(node, made)
    return 1
