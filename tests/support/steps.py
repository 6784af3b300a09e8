"""The chain's steps as the Makefile runs them, on files named m in a folder of the test's."""

from pathlib import Path
from subprocess import CompletedProcess

from support.project import run_module

ENGINES = ["openvino", "onnxruntime"]
# What the guide's networks expect of their input.
GUIDE = ("--colour", "bgr", "--mean", 127.5, "--scale", 127.5)


def export(
    weights: Path, folder: Path, net: str = "mobilefacenet", form: tuple = GUIDE
) -> CompletedProcess:
    return run_module(
        "export_onnx", "--net", net, "--weights", weights, "--opset", 11,
        "--weights-name", "model_m", "--onnx", folder / "model_m.onnx",
        "--baseline", folder / "baseline.npy", *form,
    )  # fmt: skip


def fix(folder: Path, batch: int) -> CompletedProcess:
    out = folder / f"model_m_bs{batch}.onnx"
    source = folder / "model_m.onnx"
    return run_module("fix_batch", "--onnx", source, "--batch-size", batch, "--out", out)


def simplify(folder: Path, batch: int) -> CompletedProcess:
    stem = folder / f"model_m_bs{batch}"
    return run_module(
        "simplify_onnx", "--onnx", f"{stem}.onnx", "--baseline", folder / "baseline.npy",
        "--weights-name", "model_m", "--out", f"{stem}_sim.onnx", "--parity", f"{stem}_parity.json",
    )  # fmt: skip


def embed(folder: Path, engine: str, batch: int, out: Path, *options: object, model=None):
    return run_module(
        "embed", "--model", model or folder / f"model_m_bs{batch}_sim.onnx",
        "--crops", folder / "crops", "--engine", engine, "--precision", "fp32",
        "--batch-size", batch, "--out", out / "e.npy", "--run", out / "run.json", *options,
    )  # fmt: skip
