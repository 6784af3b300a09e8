"""Simplified ONNX -> .om for one chip, by atc, with a record beside it (<name>.om.json)."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx

from ascend import aipp, atc, atc_graph, npu, run_record
from common.checksum import sha256
from common.errors import ChainError, exit_with
from dataset import preprocessing
from onnx_graph import store
from seals.ledger import made
from seals.products import product, write_json


def convert(
    model: onnx.ModelProto, arguments: list[str], config: str, log: Path, folder: Path
) -> Path:
    """Convert ``model``, weights included, with atc in the empty ``folder``; return the .om.

    ``config`` is AIPP's, where ``arguments`` name it. The ``log`` is kept. Raises ``ChainError``
    with a reading of atc's answer where it does not succeed.
    """
    # One self-contained file: older versions of atc do not find weights beside a graph.
    onnx.save(model, folder / atc.ONNX)
    if f"--insert_op_conf={atc.AIPP}" in arguments:
        (folder / atc.AIPP).write_text(config, encoding="utf-8")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        print("atc", *arguments, file=file, flush=True)
        # It drops reports where it runs; they go with the folder.
        status = subprocess.run(
            ["atc", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    output = log.read_text(encoding="utf-8", errors="replace").partition("\n")[2]
    made = atc.product(folder)
    if verdict := atc.judge(status, output, made):
        print(*(f"  atc: {line}" for line in verdict.lines), sep="\n", file=sys.stderr)
        raise ChainError(f"atc made no model ({verdict.reading}); its full log is {log}.")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=made, required=True, help="simplified ONNX, fixed batch")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--chip", help="chip name (default: ask npu-smi)")
    parser.add_argument("--precision", choices=("fp16", "fp32"), default="fp16")
    parser.add_argument("--aipp", action="store_true", help="uint8 NHWC input, normalised by AIPP")
    parser.add_argument("--graph", choices=("sim", "fused"), required=True, help="its stage")
    parser.add_argument("--flags", default="", help="further flags for atc, separated by blanks")
    parser.add_argument("--log", type=Path, required=True, help="file for atc's output")
    parser.add_argument("--out", type=Path, required=True, help=".om file to write")
    args = parser.parse_args()
    if not shutil.which("atc"):
        raise ChainError(
            "atc is not on PATH; install the CANN toolkit, or export ASCEND_SET_ENV=.../set_env.sh."
        )
    soc_version = npu.soc_version(args.chip or npu.chip(npu.devices()))
    extra = args.flags.split()
    precision = atc.precision_of(args.precision, extra)

    model = atc_graph.prepare(args.onnx)
    atc_graph.refuse(args.onnx, model)
    (image,) = model.graph.input
    if image.type.tensor_type.shape.dim[0].dim_value != args.batch_size:
        raise ChainError(
            f"{args.onnx} does not have batch size {args.batch_size}; remove it and run make."
        )
    metadata = store.metadata(model)
    form = preprocessing.of_metadata(metadata, args.onnx)
    arguments = atc.flags(
        batch_size=args.batch_size,
        soc_version=soc_version,
        input_name=image.name,
        precision=args.precision,
        aipp=args.aipp,
        extra=extra,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=args.out.parent, prefix=".atc.tmp-") as folder,
        product(args.out, [run_record.path_of(args.out)]) as temporary,
    ):
        convert(model, arguments, aipp.config(form), args.log, Path(folder)).rename(temporary)
        # Newer versions of ais_bench refuse what others may write.
        temporary.chmod(0o644)
        write_json(
            run_record.path_of(args.out),
            {
                "net": metadata["net"],
                "checkpoint": metadata["checkpoint"],
                "batch_size": args.batch_size,
                "soc_version": soc_version,
                "precision": precision,
                "aipp": args.aipp,
                "graph": args.graph,
                "atc_flags": arguments,
                "exported_with": store.exported_with(metadata),
                "preprocessing": form.record(),
                "dimension": int(metadata["dimension"]),
                "weights_sha256": metadata["weights_sha256"],
                "onnx_sha256": sha256(args.onnx),
                "om_sha256": sha256(temporary),
            },
        )


if __name__ == "__main__":
    exit_with(main)
