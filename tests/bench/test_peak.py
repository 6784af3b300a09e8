"""What a network costs and what the machine can do: counted and measured, checked by hand."""

import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import networks
from bench import peak
from common.errors import ChainError
from onnx_graph import flops

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, peak.COMPILERS)), reason="needs a C compiler"
)


def test_flops_equal_a_count_by_hand(tmp_path):
    """A 3x3 convolution 4->8, a depthwise 3x3 of stride 2, and a Gemm 32->5, batch 2."""

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    weights = {"a": (8, 4, 3, 3), "b": (8, 1, 3, 3), "c": (5, 32)}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "a"], ["y"], pads=[1, 1, 1, 1]),
            helper.make_node("Conv", ["y", "b"], ["z"], pads=[1] * 4, strides=[2, 2], group=8),
            helper.make_node("Flatten", ["z"], ["f"]),
            helper.make_node("Gemm", ["f", "c"], ["out"], transB=1),
        ],
        "g",
        [value("x", 2, 4, 4, 4)],
        [value("out", 2, 5)],
        [
            helper.make_tensor(n, TensorProto.FLOAT, s, np.ones(s, np.float32).ravel())
            for n, s in weights.items()
        ],
    )
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    first = 8 * 4 * 4 * (4 * 3 * 3)
    depthwise = 8 * 2 * 2 * (3 * 3)
    assert flops.count(tmp_path / "m.onnx") == 2 * 2 * (first + depthwise + 5 * 32)
    assert flops.batch_size(tmp_path / "m.onnx") == 2


def test_flops_of_a_network_equal_those_of_its_layers(ready):
    total = 0

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += 2 * output.numel() * module.weight[0].numel()

    with torch.device("meta"):
        network = networks.build("mobilefacenet").eval()
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.register_forward_hook(count)
        network(torch.zeros(7, 3, 112, 112))
    assert flops.count(ready / "model_m_bs7.onnx") == total


def test_flops_need_a_fixed_batch(ready):
    with pytest.raises(ChainError, match="one batch size"):
        flops.count(ready / "model_m.onnx")


@needs_compiler
def test_peak_counts_its_own_arithmetic(tmp_path):
    program = peak.compile_kernels(tmp_path)
    (cpu,) = peak.choose_cpus(1)
    measured = 0
    for precision in peak.PRECISIONS:
        try:
            result = peak.measure(program, precision, 0.05, [cpu])
        except peak.NotMeasuredError:
            continue  # a processor without the instruction
        measured += 1
        # One lane at 100 MHz would give 0.2; no core yet built gives 100,000.
        assert 0.2 < result.gflops < 1e5
        assert result.kernel.startswith("v")
    assert measured or "avx2" not in peak.cpu_flags()
    with pytest.raises(peak.NotMeasuredError, match=r"lacks the instruction|architecture"):
        peak.measure(program, "fp64", 0.05, [cpu])


def test_peak_refuses_wrong_arithmetic(tmp_path, monkeypatch):
    program = tmp_path / "peak"
    program.write_text("#!/bin/sh\nprintf 'k\\t999\\t1000\\t1.0\\n'\n", encoding="ascii")
    program.chmod(0o755)
    with pytest.raises(ChainError, match="999 multiply-adds instead of 1000"):
        peak.measure(program, "fp32", 0.05, [0])
    program.write_text("#!/bin/sh\nprintf 'k\\t1000\\t1000\\t2.0\\n'\n", encoding="ascii")
    # A multiply-add is two operations: 2 * 1000 in 2 s.
    assert peak.measure(program, "fp32", 0.05, [0]).gflops == pytest.approx(1e-6)
    monkeypatch.setattr(peak, "cpu_flags", lambda: {"amx_int8"})
    with pytest.raises(peak.NotMeasuredError, match="amx_int8"):
        peak.measure(program, "int8", 0.05, [0])


def test_peak_says_why_it_cannot_be_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(peak.shutil, "which", lambda name: None)
    with pytest.raises(peak.NotMeasuredError, match="no C compiler"):
        peak.compile_kernels(tmp_path)
    with pytest.raises(ChainError, match="more than the"):
        peak.choose_cpus(10**6)
