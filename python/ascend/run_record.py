"""The options of an ascend run, and the record of what produced its result."""

import argparse
from pathlib import Path
from typing import Any

from ascend.ais_bench import Job
from ascend.interpreter import describe
from ascend.toolkit import cann_version
from common.checksum import sha256
from common.errors import ChainError
from common.machine import versions
from dataset.crops import open_crops, set_name
from seals.ledger import made
from seals.products import read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of everything that runs ais_bench to ``parser``."""
    parser.add_argument("--om", type=made, required=True, help="model, its records beside it")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--devices", type=_devices, required=True, help="numbers, e.g. 0,1")
    parser.add_argument("--python", required=True, help="interpreter that has ais_bench")
    parser.add_argument("--log", type=Path, required=True, help="file for ais_bench's output")


def job(args: argparse.Namespace, folder: Path, limit_s: float) -> Job:
    """Return the job that ``args`` of ``add_arguments`` name, on synthetic input."""
    return Job(args.python, args.om, args.batch_size, args.devices, folder, args.log, limit_s)


def _devices(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def path_of(om: Path) -> Path:
    """Return the name of the record of the model ``om``."""
    return om.with_name(om.name + ".json")


def parity_path(om: Path) -> Path:
    """Return the name of the comparison of the model ``om`` on its device with ONNX Runtime."""
    return om.with_name(om.name + ".parity.json")


def load_model_record(om: Path, batch_size: int) -> dict[str, Any]:
    """Return the record of the model ``om``.

    Raises ``ChainError`` where it is missing, describes another file, or another batch size.
    """
    path = path_of(om)
    record = read_json(path)
    if record["om_sha256"] != sha256(om):
        raise ChainError(f"{om} is not the file that {path} describes; remove it, run make again.")
    if record["batch_size"] != batch_size:
        raise ChainError(f"{om} has batch size {record['batch_size']}, not {batch_size}.")
    return record


def load_parity(om: Path, model: dict[str, Any]) -> dict[str, Any]:
    """Return what the device gave for the model ``om`` and its record ``model``.

    Raises ``ChainError`` where that was never compared, or for another file.
    """
    parity = read_json(parity_path(om))
    if parity["om_sha256"] != model["om_sha256"]:
        raise ChainError(f"{parity_path(om)} is of another {om.name}; remove it, run make again.")
    return parity


def record(
    args: argparse.Namespace, model: dict[str, Any], parity: dict[str, Any]
) -> dict[str, Any]:
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
        "graph": model["graph"],
        "atc_flags": model["atc_flags"],
        "ais_python": args.python,
        "device_parity": {key: parity[key] for key in ("min_cosine", "max_relative_error")},
        "versions": versions("numpy") | tool_versions(args.python),
        "exported_with": model["exported_with"],
        "preprocessing": model["preprocessing"],
        "dimension": model["dimension"],
        "model_sha256": model["onnx_sha256"],
        "om_sha256": model["om_sha256"],
        "weights_sha256": model["weights_sha256"],
        "data_sha256": open_crops(args.crops).attrs["source_sha256"],
    }


def tool_versions(python: str) -> dict[str, str]:
    """Return the versions of ais_bench, aclruntime, their Python and CANN, as far as known."""
    found = {}
    if asked := describe(python, "ais_bench", "aclruntime", "numpy"):
        found = {"python_of_ais_bench": asked.version} | {
            name if name != "numpy" else "numpy_of_ais_bench": version
            for name, version in asked.packages.items()
        }
    return found | ({"cann": version} if (version := cann_version()) else {})
