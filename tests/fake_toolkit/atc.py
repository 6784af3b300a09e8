"""A stand-in for atc: checks its flags and writes an .om that holds the ONNX itself."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import helper

FLAGS = {
    "--framework", "--model", "--output", "--input_format", "--input_shape", "--log",
    "--soc_version", "--insert_op_conf", "--precision_mode", "--op_select_implmode",
    "--optypelist_for_implmode", "--enable_small_channel", "--output_type", "--buffer_optimize",
    "--op_compiler_cache_mode", "--deterministic",
}  # fmt: skip
SOCS = {f"Ascend{n}" for n in ("310", "310P3", "310B1", "310B4", "910B3", "910B4-1")}
VALUES = {
    "--enable_small_channel": ("0", "1"),
    "--op_compiler_cache_mode": ("disable", "enable", "force"),
    "--deterministic": ("0", "1"),
}
DEPRECATED = ("--op_select_implmode", "--optypelist_for_implmode")
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
    "E40001": "The environment lacks the Python module [decorator].",
    "E40020": "Failed to import the Python module [tbe].",
    "E40021": "Failed to compile the operator [n1], optype [X].",
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


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)


def operator_set(model: onnx.ModelProto) -> int:
    version = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if not 11 <= version <= 18:
        fail("E16005", f"The model's ONNX operator set is {version}; 11 to 18 are supported.")
    return version


def infer_shapes(model: onnx.ModelProto, shape: list[int]) -> dict[str, list[int | None]]:
    """Return the shapes of the tensors of ``model`` with an input of ``shape``, as far as known."""
    known = onnx.ModelProto()
    known.CopyFrom(model)
    constants = {t.name for t in known.graph.initializer}
    for image in known.graph.input:
        if image.name not in constants:
            for dimension, size in zip(image.type.tensor_type.shape.dim, shape, strict=True):
                dimension.dim_value = size
    # What they say may hold for another batch size, or for the operators as they were.
    del known.graph.value_info[:]
    for output in known.graph.output:
        output.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(known, data_prop=True).graph
    shapes = {
        value.name: [d.dim_value or None for d in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    return shapes | {t.name: list(t.dims) for t in graph.initializer}


def bare_norms(model: onnx.ModelProto, version: int) -> bool:
    """Turn each LpNormalization into its norm, without the division, as one older parser did."""
    changed = False
    for node in model.graph.node:
        if node.op_type != "LpNormalization":
            continue
        axis, power = attribute(node, "axis", -1), attribute(node, "p", 2)
        node.op_type = f"ReduceL{power}"
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("keepdims", 1))
        if version < 18:
            node.attribute.append(helper.make_attribute("axes", [axis]))
        else:
            name = f"{node.output[0]}_axes"
            axes = helper.make_tensor(name, onnx.TensorProto.INT64, [1], [axis])
            model.graph.initializer.append(axes)
            node.input.append(name)
        changed = True
    return changed


def check_slopes(model: onnx.ModelProto, shapes: dict) -> bool:
    """Check the slopes of PRelu; tell whether one was changed into what ONNX Runtime takes."""
    initializers = {t.name: t for t in model.graph.initializer}
    changed = False
    for node in model.graph.node:
        slope = shapes.get(node.input[1]) if node.op_type == "PRelu" else None
        if slope is None or all(d == 1 for d in slope):
            continue
        values = shapes.get(node.input[0]) or []
        channels = values[1] if len(values) > 1 else None
        count = channels or max(d or 1 for d in slope)
        if slope not in ([count], [count, 1, 1], [1, count, 1, 1]):
            fail(
                "EZ3003",
                f"No supported Ops kernel and engine are found for [{node.name}], optype [PRelu]: "
                f"its slope is {slope}, its channels are {channels}.",
            )
        # One dimension is the channels here, but the last axis in ONNX.
        if len(slope) == 1 and len(values) > 2 and node.input[1] in initializers:
            tensor = initializers[node.input[1]]
            tensor.dims[:] = [count] + [1] * (len(values) - 2)
            changed = True
    return changed


def compile_operators() -> None:
    """Fail where the ``python3`` on PATH lacks one of the modules that operators need."""
    names = os.environ.get("FAKE_ATC_PACKAGES", "").split()
    if not names:
        return
    try:
        command = ["python3", "-c", f"import {', '.join(names)}"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        fail("E40001", f"The environment has no python3 that can be run ({error.strerror}).")
    if result.returncode:
        said = (result.stderr.strip().splitlines() or [f"exit status {result.returncode}"])[-1]
        missing = re.search(r"No module named '([^']+)'", said)
        name = missing[1] if missing else " ".join(names)
        fail("E40020", f"Failed to import the Python module [{name}]: {said}")


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
    for name, values in VALUES.items():
        if given.get(name, values[0]) not in values:
            fail("E10001", f"Value [{given[name]}] for [{name}] is invalid.")
    for name in DEPRECATED:
        if name in given:
            print(f"[WARNING] {name} is deprecated and will be removed.")
    source = Path(given.get("--model", ""))
    if not source.is_file():
        fail("E10001", f"Value [{source}] for [--model] is invalid: no such file.")
    try:
        # The converter takes one file: tensors beside it are not found.
        model = onnx.load(str(source), load_external_data=False)
        outside = [t.name for t in model.graph.initializer if t.data_location == t.EXTERNAL]
    except DecodeError:
        fail("E10015", f"File [{source}] is no valid ONNX.")
    if outside:
        fail("E16004", f"Tensor {outside[0]} has external data, which is not in the file.")
    version = operator_set(model)
    for node in model.graph.node:
        if node.op_type == "ReduceL2" and version > 17:
            fail("E19010", f"No parser is registered for Op [{node.name}, optype [ReduceL2]].")
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

    changed = bare_norms(model, version)
    shapes = infer_shapes(model, shape)
    changed |= check_slopes(model, shapes)
    outputs = []
    for output in model.graph.output:
        made = shapes.get(output.name)
        if not made or None in made:
            fail("E10014", f"This stand-in cannot tell the shape of the output {output.name}.")
        node = next(n for n in model.graph.node if output.name in n.output)
        name = f"PartitionedCall_{node.name or node.op_type}:0:{output.name}"
        outputs.append({"name": name, "shape": made})
        if changed:
            output.CopyFrom(
                helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, made)
            )
    if changed:
        del model.graph.value_info[:]

    fault = os.environ.get("FAKE_ATC", "")
    if fault in MESSAGES:
        fail(fault, MESSAGES[fault])
    compile_operators()
    # Reports that the converter drops where it runs.
    Path("fusion_result.json").write_text("{}", encoding="utf-8")
    suffix = f"_{platform.system().lower()}_{platform.machine()}" if fault == "platform" else ""
    if fault not in ("status", "nothing"):
        header = {"soc": given["--soc_version"], "shape": shape, "aipp": aipp, "outputs": outputs}
        stored = model.SerializeToString() if changed else source.read_bytes()
        content = json.dumps(header).encode() + b"\n" + stored
        target = Path(f"{given['--output']}{suffix}.om")
        target.write_bytes(b"" if fault == "empty" else content)
    if fault == "status":
        print("ATC run failed, Please check the detail log, Try 'atc --help' for more information")
    elif fault != "silent":
        print("ATC run success, welcome to the next use.")


if __name__ == "__main__":
    main()
