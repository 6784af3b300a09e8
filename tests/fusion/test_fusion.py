"""The graph rewrite: exact on every network, and hands off what it does not know."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import networks
import networks._ir
import networks._iresnet
from export_onnx import export
from fix_batch import fix_batch
from fuse_onnx import fuse
from fusion.graph import count
from make_demo_checkpoint import draw
from support.project import expect_error, run_module
from support.sealing import seal

UNTOUCHED = {"rewritten": {}, "kept": {}}


def run(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {model.graph.input[0].name: images})


def check_exact(model: onnx.ModelProto, fused: onnx.ModelProto, images: np.ndarray) -> None:
    onnx.checker.check_model(fused, full_check=True)
    for a, b in zip(run(model, images), run(fused, images), strict=True):
        assert np.linalg.norm(b - a) <= 1e-5 * np.linalg.norm(a)


@pytest.fixture
def thin(monkeypatch):
    """Backbones of full depth whose first stages have few channels."""
    for module in (networks._ir, networks._iresnet):
        monkeypatch.setattr(module, "WIDTHS", (16, 24, 32, 512))


@pytest.mark.parametrize("net", networks.names())
def test_every_network(thin, net: str):
    network = networks.build(net)
    draw(network)
    random = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.1, generator=random)
            module.running_var.uniform_(0.5, 1.5, generator=random)
    network.eval()
    model = fix_batch(export(network, 11), 2)
    fused, report = fuse(model)
    images = np.random.default_rng(1).uniform(-1, 1, (2, 3, 112, 112)).astype(np.float32)
    check_exact(model, fused, images)
    after = count(fused.graph.node)
    assert after == report["after"]
    if net == "mobilefacenet":
        assert "BatchNormalization" not in after
        return
    # The first unit's input is no sum; in the guide's networks one pool steps by two.
    family, depth = re.fullmatch(r"(ir_se|iresnet|ir)(\d+)", net).groups()
    pools = 0 if family == "iresnet" else 1
    assert (after["BatchNormalization"], after.get("MaxPool", 0)) == (1, pools)
    module = networks._iresnet if family == "iresnet" else networks._ir
    units = sum(module.STAGES[int(depth)])
    # Behind a gate the shift is an addition: all units but the last and the projections.
    assert after["Add"] == units + (units - 4 if family == "ir_se" else 0)
    assert len(report["kept"]) == 1


def constants(**values) -> list[TensorProto]:
    return [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in values.items()]


def build(nodes: list, weights: list, outputs: dict[str, list], opset: int = 11):
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 8, 8])
    sinks = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in outputs.items()]
    graph = helper.make_graph(nodes, "g", [source], sinks, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6)
    return onnx.shape_inference.infer_shapes(model)


def trunk(weight: np.ndarray, bias: np.ndarray, outputs=("y",), shared_slopes=False):
    """Two residual units; the second one's batch-norm has ``weight`` and ``bias``."""
    random = np.random.default_rng(3)
    nodes, tensors, last = [], {}, "x"
    for k in range(2):
        for name in ("a", "b"):
            tensors[f"{name}{k}"] = random.normal(0, 0.2, (4, 4, 3, 3))
        values = (weight, bias) if k else (np.ones(4), np.zeros(4))
        tensors |= {f"w{k}": values[0], f"c{k}": values[1]}
        tensors |= {f"m{k}": random.normal(0, 1, 4), f"v{k}": random.uniform(0.5, 2, 4)}
        slope = "slope0" if shared_slopes else f"slope{k}"
        tensors[slope] = np.full((4, 1, 1), 0.25)
        norm = [last, f"w{k}", f"c{k}", f"m{k}", f"v{k}"]
        nodes += [
            helper.make_node("BatchNormalization", norm, [f"n{k}"]),
            helper.make_node("Conv", [f"n{k}", f"a{k}"], [f"p{k}"], pads=[1, 1, 1, 1]),
            helper.make_node("PRelu", [f"p{k}", slope], [f"q{k}"]),
            helper.make_node("Conv", [f"q{k}", f"b{k}"], [f"r{k}"], pads=[1, 1, 1, 1]),
            helper.make_node("MaxPool", [last], [f"i{k}"], kernel_shape=[1, 1]),
            helper.make_node("Add", [f"r{k}", f"i{k}"], ["y" if k else "t"]),
        ]
        last = "t"
    return build(nodes, constants(**tensors), {name: [2, 4, 8, 8] for name in outputs})


IMAGES = np.random.default_rng(4).normal(0, 1, (2, 4, 8, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ("weight", "bias", "left"),
    [
        ([1, 0.5, -2, 0.3], [0.1, 1, -1, 2], 1),
        # A dead channel: nothing reads it, and no division by its zero.
        ([1, 0.5, 0, 0.3], [0.1, 1, 0, 2], 1),
        ([1, 0.5, 0, 0.3], [0.1, 1, 1, 2], 2),
        ([1, 0.5, 1e-9, 0.3], [0.1, 1, 1, 2], 2),
    ],
)
def test_a_near_zero_keeps_its_norm(weight, bias, left: int):
    model = trunk(np.array(weight), np.array(bias))
    fused, report = fuse(model)
    check_exact(model, fused, IMAGES)
    assert count(fused.graph.node)["BatchNormalization"] == left
    assert "MaxPool" not in count(fused.graph.node)
    assert ("near zero" in str(report["kept"])) == (left == 2)


def test_a_weight_that_would_overflow_leaves_the_graph_as_it_is():
    weights = constants(w=np.full((4, 4, 1, 1), 1e37), s=[100] * 4, b=[0] * 4, m=[0] * 4, v=[1] * 4)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["y"]),
    ]
    model = build(nodes, weights, {"y": [2, 4, 8, 8]})
    fused, report = fuse(model)
    assert fused is model and report["after"] == report["before"]
    assert "beyond float32" in report["untouched"]


def test_a_sum_that_is_an_output_is_not_shifted():
    model = trunk(np.ones(4), np.ones(4), outputs=("t", "y"))
    fused, _ = fuse(model)
    assert count(fused.graph.node)["BatchNormalization"] == 2
    check_exact(model, fused, IMAGES)


def test_each_prelu_gets_its_own_slopes():
    model = trunk(np.ones(4), np.ones(4), shared_slopes=True)
    assert len({n.input[1] for n in model.graph.node if n.op_type == "PRelu"}) == 1
    fused, report = fuse(model)
    assert len({n.input[1] for n in fused.graph.node if n.op_type == "PRelu"}) == 2
    assert report["rewritten"]["PReLU slopes separated"] == 1
    check_exact(model, fused, IMAGES)


def grouped():
    random = np.random.default_rng(5)
    return build(
        [
            helper.make_node("Conv", ["x", "w"], ["a"], group=2),
            helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["c"]),
            helper.make_node("PRelu", ["c", "p"], ["d"]),
            helper.make_node("BatchNormalization", ["d", "s", "b", "m", "v"], ["e"]),
            helper.make_node("Conv", ["e", "w2"], ["y"], group=2),
        ],
        constants(
            w=random.normal(0, 1, (4, 2, 1, 1)), w2=random.normal(0, 1, (6, 2, 3, 3)),
            s=[1, 2, -1, 0.0], b=[1, 2, 3, 4], m=[0, 1, 0, 1], v=[1, 2, 1, 2],
            p=np.full((4, 1, 1), 0.1),
        ),
        {"y": [2, 6, 6, 6]},
    )  # fmt: skip


def test_norms_fold_into_convolutions_before_and_behind():
    fused, report = fuse(grouped())
    assert report["after"] == {"Conv": 2, "PRelu": 1}
    check_exact(grouped(), fused, IMAGES)


def unknown() -> dict[str, onnx.ModelProto]:
    plain = build([helper.make_node("Relu", ["x"], ["y"])], [], {"y": [2, 4, 8, 8]})
    foreign = grouped()
    foreign.graph.node[0].domain = "example.org"
    inner = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["z"])], "i", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2, 4, 8, 8])],
    )  # fmt: skip
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    flag = [numpy_helper.from_array(np.array(True), "c")]
    return {
        "nothing in it": plain,
        "example.org": foreign,
        "a graph inside": build([branch], flag, {"y": [2, 4, 8, 8]}),
    }


@pytest.mark.parametrize("reason", ["nothing in it", "example.org", "a graph inside"])
def test_unknown_graphs_are_left_as_they_are(reason: str):
    model = unknown()[reason]
    before = model.SerializeToString(deterministic=True)
    fused, report = fuse(model)
    assert fused is model
    assert fused.SerializeToString(deterministic=True) == before
    assert reason in report["untouched"]
    assert report.items() >= UNTOUCHED.items()


def fuse_file(ready: Path, baseline: Path, out: Path, source: Path | None = None):
    return run_module(
        "fuse_onnx", "--onnx", source or ready / "model_m_bs7_sim.onnx", "--baseline", baseline,
        "--weights-name", "model_m", "--out", out / "f.onnx", "--report", out / "f.json",
    )  # fmt: skip


def test_the_step_gates_and_reports(ready: Path, tmp_path: Path):
    result = fuse_file(ready, ready / "baseline.npy", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads((tmp_path / "f.json").read_text())
    assert report["before"]["BatchNormalization"] == 1
    assert report["parity"]["max_relative_error"] < 1e-5
    again = tmp_path / "again"
    again.mkdir()
    result = fuse_file(ready, ready / "baseline.npy", again, tmp_path / "f.onnx")
    assert result.returncode == 0
    assert "left as it is" in result.stderr
    np.save(tmp_path / "wrong.npy", np.load(ready / "baseline.npy")[::-1])
    seal(tmp_path / "wrong.npy")
    (tmp_path / "f.onnx").unlink()
    expect_error(fuse_file(ready, tmp_path / "wrong.npy", tmp_path), "does not agree with PyTorch")
    assert not (tmp_path / "f.onnx").exists()
