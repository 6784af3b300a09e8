""".om -> does the device compute with it what ONNX Runtime computes with the ONNX file?

The gate that every ONNX stage has, on the device: a few images, through ais_bench, on each of
the devices. Where there is no such device it says so, and leaves no record.
"""

import argparse
import math
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from ascend import ais_bench, input_files, npu, output_files, run_record
from ascend.interpreter import check_tools
from common.checksum import sha256
from common.errors import ChainError, exit_with
from dataset.preprocessing import of_record
from onnx_graph import parity
from seals.ledger import made
from seals.products import write_json

# Rounding to half precision, layer upon layer, costs up to 1e-3; what is not in single
# precision throughout is held to the same.
MIN_COSINE = {"fp32": parity.MIN_COSINE}
MIN_COSINE_HALF = 0.999


def check_chips(devices: list[int], soc_version: str) -> None:
    """Raise ``ChainError`` where one of ``devices`` is not the chip ``soc_version``.

    Where npu-smi does not tell, as in many containers, ais_bench says whether there is a device.
    """
    listed = {}
    with suppress(ChainError):
        listed = {device.index: device.name for device in npu.devices()}
    for device in devices:
        name = listed.get(device)
        if name and npu.soc_version(name) != soc_version:
            raise ChainError(
                f"device {device} is a {name}, and the model is for {soc_version}; choose another "
                "CHIP= or DEVICE=."
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_record.add_arguments(parser)
    parser.add_argument("--onnx", type=made, required=True, help="what the .om was made of")
    parser.add_argument("--needed", action="store_true", help="fail where there is no device")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()

    model = run_record.load_model_record(args.om, args.batch_size)
    if model["onnx_sha256"] != sha256(args.onnx):
        raise ChainError(f"{args.om} was not made of {args.onnx}; remove it and run make again.")
    try:
        check_chips(args.devices, model["soc_version"])
        if not args.needed:
            for device in args.devices:
                npu.name_of(device)
            check_tools(args.python)
    except ChainError as error:
        if args.needed:
            raise
        print(f"note: {args.om} was not run on a device: {error}", file=sys.stderr)
        return

    # Whole batches, so that every row is compared; each device gets as many.
    rows = args.batch_size * math.ceil(parity.IMAGES / args.batch_size)
    form = of_record(model["preprocessing"])
    pixels = parity.pixels()
    count = rows * len(args.devices)
    with ais_bench.private_folder(args.out.parent) as private:
        inputs = private / "inputs"
        inputs.mkdir(mode=0o750)
        for i in range(count):
            content, _ = input_files.encode(pixels[i % rows % parity.IMAGES], form, model["aipp"])
            content.tofile(inputs / f"{i}.bin")
            # Newer versions of ais_bench refuse what others may write.
            (inputs / f"{i}.bin").chmod(0o640)
        job = run_record.job(args, private, ais_bench.FIRST_LIMIT_S)._replace(inputs=inputs)
        parts, wall = ais_bench.run(job)
        stems = [str(i) for i in range(count)]
        output_files.keep(parts, stems, job, model["dimension"], private / "kept")
        outputs, _ = output_files.load(private / "kept", stems, job.outfmt, model["dimension"])
    images = parity.images(form)[np.arange(rows) % parity.IMAGES]
    batches = [images[i : i + args.batch_size] for i in range(0, rows, args.batch_size)]
    baseline = np.concatenate([parity.run_onnx(args.onnx, batch) for batch in batches])
    found = parity.compare(np.tile(baseline, (len(args.devices), 1)), outputs)
    least = MIN_COSINE.get(model["precision"], MIN_COSINE_HALF)
    # Written so that NaN fails too.
    if not found["min_cosine"] >= least:
        raise ChainError(
            f"{args.om} on device {', '.join(map(str, args.devices))} does not agree with ONNX "
            f"Runtime on {args.onnx}: cosine {found['min_cosine']:.5f} (at least {least}); try "
            "PRECISION=fp32 or without ATC_FLAGS=, and run make doctor."
        )
    write_json(
        args.out,
        found
        | {
            "required_cosine": least,
            "devices": args.devices,
            "images": parity.IMAGES,
            "rows": rows,
            "om_sha256": model["om_sha256"],
            "wall_s": round(wall, 3),
            "batch_ms": max(sum(part.times_ms) / len(part.times_ms) for part in parts),
        },
    )


if __name__ == "__main__":
    exit_with(main)
