"""make om-lint: what atc would refuse is told without a toolkit, of any ONNX file."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.ascend import environment, make_model
from support.project import expect_error, run_module
from support.sealing import seal


def write(path, *, opset=11, node="PRelu", slope=(6, 1, 1), batch=2, extra=()):
    """Write a graph of a convolution, ``node`` and ``extra``: (batch, 3, 8, 8) in."""
    weights = [numpy_helper.from_array(np.ones((6, 3, 3, 3), np.float32), "w")]
    inputs = ["x"]
    if node == "PRelu":
        weights.append(numpy_helper.from_array(np.ones(slope, np.float32), "slope"))
        inputs.append("slope")
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["x"]),
        helper.make_node(node, inputs, ["y"], "middle"),
        *extra,
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 8, 8])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        weights,
    )
    domains = {n.domain for n in nodes} - {""}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)


def crosses(result) -> list[str]:
    return [line.strip("✗ ") for line in result.stdout.splitlines() if line.startswith("  ✗")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"slope": (1, 6, 1, 1)}, None),
        ({"slope": (1,)}, None),
        ({"node": "Relu", "opset": 17}, None),
        ({"slope": (6, 6, 6)}, "PReLU slopes: middle has one of shape (6, 6, 6)"),
        ({"slope": (6,)}, "PReLU slopes: middle has one of shape (6,)"),
        ({"opset": 7}, "opset 7"),
        ({"opset": 10}, "opset 10"),
        ({"opset": 18}, "opset 18"),
        ({"batch": "batch"}, "shapes: image is not static"),
        ({"node": "Sin"}, "operators not on CANN's list for such networks: Sin"),
        ({"node": "Det"}, "operators not on CANN's list for such networks: Det"),
        (
            {"extra": (helper.make_node("LpNormalization", ["y"], ["z"], axis=1),)},
            "LpNormalization, of which older toolkits make the norm without the division",
        ),
        ({"extra": (helper.make_node("Mine", ["y"], ["z"], domain="own"),)}, "operators of own"),
    ],
)
def test_each_fault(tmp_path, changes, said):
    write(tmp_path / "m.onnx", **changes)
    result = run_module("lint_om", "--onnx", tmp_path / "m.onnx")
    assert not result.stderr
    found = crosses(result)
    assert (said in found) if said else not found, result.stdout
    assert result.returncode == bool(said)


def test_weights_in_another_file(tmp_path):
    make_model(tmp_path / "m.onnx", 4)
    result = run_module("lint_om", "--onnx", tmp_path / "m.onnx")
    assert crosses(result) == ["1 tensors in another file"]
    assert run_module("lint_om", "--onnx", tmp_path / "m.onnx", "--as-om").returncode == 0


def test_weights_that_are_gone(tmp_path):
    make_model(tmp_path / "m.onnx", 4)
    (data,) = tmp_path.glob("*.data")
    data.write_bytes(data.read_bytes()[:100])
    arguments = ("--onnx", tmp_path / "m.onnx", "--as-om")
    expect_error(run_module("lint_om", *arguments), "the weights beside", "missing or damaged")
    data.unlink()
    expect_error(run_module("lint_om", *arguments), "the weights beside", "run make again")


def test_what_is_no_onnx(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\x80\x02hello")
    expect_error(run_module("lint_om", "--onnx", tmp_path / "m.onnx"), "is not an ONNX file")
    (tmp_path / "m.onnx").write_bytes(b"")
    expect_error(run_module("lint_om", "--onnx", tmp_path / "m.onnx"), "is not an ONNX file")
    expect_error(run_module("lint_om", "--onnx", tmp_path / "none"), "none")


def test_om_refuses_before_atc(tmp_path, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    write(tmp_path / "m.onnx", node="Sin")
    seal(tmp_path / "m.onnx")
    given = ("--onnx", tmp_path / "m.onnx", "--batch-size", 2, "--graph", "sim")
    files = ("--log", tmp_path / "log", "--out", tmp_path / "m.om")
    expect_error(run_module("build_om", *given, *files), "m.onnx is not for atc", "Sin")
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("opset", [11, 18])
def test_the_length_is_spelled_out(tmp_path, opset):
    """LpNormalization becomes a norm and a division of the same value."""
    import onnxruntime

    from onnx_graph.lp_normalization import spell_out

    node = helper.make_node("LpNormalization", ["x"], ["y"], "last", axis=1, p=2)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 512])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 512])],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    x = np.random.default_rng(3).standard_normal((5, 512)).astype(np.float32)

    def run() -> np.ndarray:
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"x": x})[0]

    before = run()
    spell_out(model)
    assert [n.op_type for n in model.graph.node] == ["ReduceL2", "Div"]
    np.testing.assert_allclose(run(), before, atol=1e-6)
