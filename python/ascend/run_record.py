"""The options of an ascend run, and the record of what produced its result."""

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from common.checksum import sha256
from common.errors import ChainError
from common.machine import versions
from dataset.crops import open_crops, set_name

# Asked of the interpreter that runs ais_bench, which may be another one.
_ASK = """
import importlib.metadata as m, json, platform
found = {"python_of_ais_bench": platform.python_version()}
for name in ("ais_bench", "aclruntime"):
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that the set's run and the benchmark share to ``parser``."""
    parser.add_argument("--om", type=Path, required=True, help="model, its record beside it")
    parser.add_argument("--crops", type=Path, required=True, help="decoded set (bcolz)")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--devices", type=_devices, required=True, help="numbers, e.g. 0,1")
    parser.add_argument("--outfmt", choices=("NPY", "BIN"), default="NPY")
    parser.add_argument("--python", required=True, help="interpreter that has ais_bench")
    parser.add_argument("--log", type=Path, required=True, help="file for ais_bench's output")


def _devices(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def path_of(om: Path) -> Path:
    """Return the name of the record of the model ``om``."""
    return om.with_name(om.name + ".json")


def load_model_record(om: Path, batch_size: int) -> dict[str, Any]:
    """Return the record of the model ``om``.

    Raises ``ChainError`` where it is missing, describes another file, or another batch size.
    """
    path = path_of(om)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        raise ChainError(f"{path} is missing or damaged; remove {om} and run make again.") from None
    if record["om_sha256"] != sha256(om):
        raise ChainError(f"{om} is not the file that {path} describes; remove it, run make again.")
    if record["batch_size"] != batch_size:
        raise ChainError(f"{om} has batch size {record['batch_size']}, not {batch_size}.")
    return record


def record(args: argparse.Namespace, model: dict[str, Any]) -> dict[str, Any]:
    """Return what produces a result, with the fields that every engine's results have."""
    return {
        "net": model["net"],
        "checkpoint": model["checkpoint"],
        "dataset": set_name(args.crops),
        "batch_size": model["batch_size"],
        "engine": "ascend",
        "precision": model["precision"],
        "provider": "ais_bench",
        "device": model["soc_version"],
        "devices": args.devices,
        "threads": None,
        "aipp": model["aipp"],
        "atc_flags": model["atc_flags"],
        "versions": versions("numpy") | tool_versions(args.python),
        "exported_with": model["exported_with"],
        "model_sha256": model["onnx_sha256"],
        "om_sha256": model["om_sha256"],
        "weights_sha256": model["weights_sha256"],
        "data_sha256": open_crops(args.crops).attrs["source_sha256"],
    }


def tool_versions(python: str) -> dict[str, str]:
    """Return the versions of ais_bench, aclruntime and CANN, as far as they tell them."""
    asked = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=False)
    found = json.loads(asked.stdout) if asked.returncode == 0 else {}
    home = Path(os.environ.get("ASCEND_HOME_PATH", "/nonexistent"))
    pattern = f"{platform.machine()}-linux/ascend_toolkit_install.info"
    for path in (home / pattern, home / "ascend_toolkit_install.info"):
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("version="):
                    found["cann"] = line.partition("=")[2].strip()
    return found
