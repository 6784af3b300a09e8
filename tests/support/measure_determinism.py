"""Embeddings of one set again and again: which runs give the same bytes, and how far others are.

    PYTHONPATH=python:tests python tests/support/measure_determinism.py SET.bin WEIGHTS.pth [N]

Prints a table of MobileFaceNet's embeddings by each CPU engine, as ``python/embed.py`` makes them:
the largest difference of a number, embeddings having unit length, from the first run of that
engine, and from that of the first engine.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from dataset import crop_store, verification_bin
from dataset.decode import decode
from support.project import run_module
from support.steps import embed, export, fix, simplify

BATCHES = (16, 1, 64)
# The first is what the others of an engine are held against.
RUNS = {
    "openvino": [
        (16, ()), (16, ()), (16, ("--threads", 1)), (16, ("--threads", 2)),
        (16, ("--streams", 1)), (16, ("--streams", 2)), (1, ()), (64, ()),
    ],
    "onnxruntime": [
        (16, ()), (16, ()), (16, ("--threads", 1)), (16, ("--threads", 2)), (1, ()), (64, ()),
    ],
    "ncnn": [
        (16, ()), (16, ()), (16, ("--threads", 1)), (16, ("--threads", 2)),
        (16, ("--streams", 1)), (16, ("--streams", 2)), (1, ()), (64, ()),
    ],
}  # fmt: skip


def expect(result) -> None:
    """Exit with what ``result``, a finished process, said where it failed."""
    if result.returncode:
        sys.exit(result.stderr)


def main() -> None:
    source, weights = map(Path, sys.argv[1:3])
    pictures = int(sys.argv[3]) if len(sys.argv) > 3 else 256
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoded = verification_bin.read(source).images[:pictures]
        crops = np.stack([decode(e, i, source) for i, e in enumerate(encoded)])
        crop_store.write(folder / "crops", len(crops), [crops])
        crop_store.set_attributes(folder / "crops", {"source_sha256": "0" * 64})
        expect(export(weights, folder))
        for batch in BATCHES:
            expect(fix(folder, batch))
            expect(simplify(folder, batch))
        one = folder / "model_m_bs1_sim.onnx"
        made = ("--onnx", one, "--baseline", folder / "baseline.npy", "--out", folder / "ncnn")
        expect(run_module("convert_ncnn", *made))
        print(f"{len(crops)} pictures of {source.name}; largest difference from the first run")
        print(
            f"{'engine':12} {'batch':>5}  {'options':12} {'of the engine':>15} {'of openvino':>12}"
        )
        reference = None
        for engine, runs in RUNS.items():
            first = None
            model = folder / "ncnn/model.param" if engine == "ncnn" else None
            for batch, options in runs:
                expect(embed(folder, engine, batch, folder, *options, model=model))
                found = np.load(folder / "e.npy")
                first = found if first is None else first
                reference = found if reference is None else reference
                same = found.tobytes() == first.tobytes()
                own = "same bytes" if same else f"{np.abs(found - first).max():.1e}"
                other = np.abs(found - reference).max()
                shown = " ".join(map(str, options))
                print(f"{engine:12} {batch:5}  {shown:12} {own:>15} {other:12.1e}", flush=True)


if __name__ == "__main__":
    main()
