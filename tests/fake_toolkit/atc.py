"""A stand-in for atc: checks its flags and writes an .om that holds the ONNX itself."""

import json
import os
import platform
import re
import sys
from pathlib import Path

import onnx

FLAGS = {
    "--framework", "--model", "--output", "--input_format", "--input_shape", "--log",
    "--soc_version", "--insert_op_conf", "--precision_mode", "--op_select_implmode",
    "--optypelist_for_implmode", "--enable_small_channel", "--output_type", "--buffer_optimize",
}  # fmt: skip
SOCS = {f"Ascend{n}" for n in ("310", "310P3", "310B1", "310B4", "910B3", "910B4-1")}
MODES = {
    "force_fp16", "force_fp32", "allow_fp32_to_fp16", "must_keep_origin_dtype",
    "allow_mix_precision",
}  # fmt: skip
MESSAGES = {
    "EZ0501": "IR for Op [n1, optype [X]] is not registered.",
    "EZ3002": "Optype [X] of Ops kernel [AIcoreEngine] is unsupported.",
    "EZ3003": "No supported Ops kernel and engine are found for [n1], optype [X].",
    "EZ9010": "No parser is registered for Op [n1, optype [X]].",
    "E19010": "No parser is registered for Op [n1, optype [X]].",
    "E20001": "Failed to compile Op [n1, optype [X]].",
}


def fail(code: str, text: str) -> None:
    print("ATC run failed, Please check the detail log, Try 'atc --help' for more information")
    print(
        f"{code}: {text}\n        Solution: Check the model.\n        TraceBack (most recent call)"
    )
    sys.exit(1)


def parse_aipp(text: str) -> dict:
    match = re.fullmatch(r"\s*aipp_op\s*\{(.*)\}\s*", text, re.DOTALL)
    if not match:
        fail("E10000", "The AIPP configuration file is malformed.")
    return dict(re.findall(r"(\w+)\s*:\s*(\S+)", match[1]))


def check_aipp(aipp: dict, shape: list[int]) -> None:
    if aipp.get("aipp_mode") != "static" or aipp.get("input_format") != "RGB888_U8":
        fail("E10001", "This stand-in knows static AIPP of RGB888_U8 only.")
    if [int(aipp.get(f"src_image_size_{d}", 0)) for d in "hw"] != shape[2:]:
        fail("E10002", "The size in the AIPP configuration is not the model's.")
    if aipp.get("csc_switch", "false") != "false":
        fail("E10003", "This stand-in does no colour conversion.")


def main() -> None:
    given = {}
    for argument in sys.argv[1:]:
        name, equals, value = argument.partition("=")
        if name not in FLAGS or not equals:
            print(f"E10001: unknown command line flag '{argument}'")
            sys.exit(1)
        given[name] = value
    print("ATC start working now, please wait for a moment.", flush=True)
    if given.get("--log", "null") == "debug":
        print("[DEBUG] GE(1,atc.bin): a flood of lines")
    if given.get("--framework") != "5":
        fail("E10007", "[--framework] must be 5 for ONNX.")
    if given.get("--soc_version") not in SOCS:
        fail("E10001", f"Value [{given.get('--soc_version')}] for [--soc_version] is invalid.")
    if given.get("--precision_mode", "force_fp16") not in MODES:
        fail("E10001", "Value for [--precision_mode] is invalid.")
    if given.get("--enable_small_channel", "0") not in ("0", "1"):
        fail("E10001", "Value for [--enable_small_channel] is invalid.")
    source = Path(given.get("--model", ""))
    if not source.is_file():
        fail("E10001", f"Value [{source}] for [--model] is invalid: no such file.")
    try:
        # The converter takes one file: tensors beside it are not found.
        model = onnx.load(str(source), load_external_data=False)
        outside = [t.name for t in model.graph.initializer if t.data_location == t.EXTERNAL]
    except Exception:
        fail("E10015", f"File [{source}] is no valid ONNX.")
    if outside:
        fail("E16004", f"Tensor {outside[0]} has external data, which is not in the file.")
    (image,) = (
        i for i in model.graph.input if i.name not in {t.name for t in model.graph.initializer}
    )
    match = re.fullmatch(rf"{re.escape(image.name)}:(\d+(?:,\d+)*)", given.get("--input_shape", ""))
    if not match:
        fail("E10012", f"[--input_shape] does not fit the input {image.name}.")
    shape = [int(n) for n in match[1].split(",")]
    declared = [d.dim_value or None for d in image.type.tensor_type.shape.dim]
    if len(shape) != 4 or any(d and d != s for d, s in zip(declared, shape, strict=True)):
        fail("E10012", f"[--input_shape] {shape} does not fit the model's {declared}.")
    aipp = None
    if "--insert_op_conf" in given:
        aipp = parse_aipp(Path(given["--insert_op_conf"]).read_text(encoding="utf-8"))
        check_aipp(aipp, shape)

    fault = os.environ.get("FAKE_ATC", "")
    if fault in MESSAGES:
        fail(fault, MESSAGES[fault])
    # Reports that the converter drops where it runs.
    Path("fusion_result.json").write_text("{}", encoding="utf-8")
    suffix = f"_{platform.system().lower()}_{platform.machine()}" if fault == "platform" else ""
    if fault not in ("status", "nothing"):
        header = {"soc": given["--soc_version"], "shape": shape, "aipp": aipp}
        content = json.dumps(header).encode() + b"\n" + source.read_bytes()
        target = Path(f"{given['--output']}{suffix}.om")
        target.write_bytes(b"" if fault == "empty" else content)
    if fault == "status":
        print("ATC run failed, Please check the detail log, Try 'atc --help' for more information")
    elif fault != "silent":
        print("ATC run success, welcome to the next use.")


if __name__ == "__main__":
    main()
