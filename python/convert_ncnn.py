"""ONNX file of batch size 1 -> a model for ncnn by pnnx, gated by parity -> folder."""

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import onnx

import engines
from common.arrays import read_npy
from common.errors import ChainError, exit_with, reason
from common.files import remove
from common.imports import hidden
from common.machine import versions
from common.shapes import SIDE
from dataset import preprocessing
from dataset.preprocessing import CHANNELS
from onnx_graph import flops, lp_normalization, parity, store
from onnx_graph.derived import NCNN, checksum, write
from seals.ledger import made

# A network of 250 MB takes 6 s on 2 cores.
LIMIT_S = 600
STEM = "model"


def convert(model: onnx.ModelProto, folder: Path) -> None:
    """Write ``model``, tensors included, of batch size 1, to ``folder`` as ncnn's two files.

    Raises ``ChainError`` where pnnx fails, or leaves an operator out, which it does in silence.
    """
    with hidden("torch", empty=True):  # two seconds, for what is not used here
        import pnnx

    # ncnn has no LpNormalization, and pnnx would drop it.
    lp_normalization.spell_out(model)
    source = folder / f"{STEM}.onnx"
    source.write_bytes(model.SerializeToString())
    # All weights as they are: pnnx would make them fp16.
    words = [pnnx.EXEC_PATH, source.name, f"inputshape=[1,{CHANNELS},{SIDE},{SIDE}]f32", "fp16=0"]
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ChainError(f"pnnx cannot be run ({reason(error)}); install it anew.") from None
    made = {kind: folder / f"{STEM}.ncnn.{kind}" for kind in ("param", "bin")}
    said = done.stdout + done.stderr
    ignored = [line.split()[1] for line in said.splitlines() if line.startswith("ignore ")]
    if ignored:
        raise ChainError(
            f"ncnn has no {', '.join(sorted(set(ignored)))}, which this network uses; choose "
            "another ENGINE=."
        )
    if done.returncode or not all(path.is_file() for path in made.values()):
        raise ChainError(
            f"pnnx cannot convert this network ({reason(said, line=-1)}); choose another ENGINE=."
        )
    made["param"].replace(folder / NCNN.graph)
    made["bin"].replace(folder / NCNN.weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="ONNX file of batch size 1")
    parser.add_argument("--baseline", type=made, required=True, help="PyTorch's output, .npy")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()

    baseline = read_npy(args.baseline, "f", 2)
    source = store.metadata(store.load_graph(args.onnx))
    report: dict[str, Any] = {"source": source, "gflop_per_image": flops.count(args.onnx) / 1e9}
    args.out.mkdir(parents=True, exist_ok=True)
    for name in (NCNN.graph, NCNN.weights):
        remove(args.out / name)
    with tempfile.TemporaryDirectory(dir=args.out, prefix=".tmp-") as name:
        folder = Path(name)
        convert(onnx.load(str(args.onnx)), folder)
        options = engines.Options("fp32", batch_size=parity.IMAGES)
        form = preprocessing.of_metadata(source, args.onnx)
        output = engines.load("ncnn", folder / NCNN.graph, options).run(parity.images(form))
        report["parity"] = parity.check(output, baseline, f"ncnn's form of {args.onnx}", source)
        report["versions"] = versions("ncnn", "pnnx")
        report["model_sha256"] = checksum(folder, NCNN)
        write(report, folder, args.out, NCNN)


if __name__ == "__main__":
    exit_with(main)
