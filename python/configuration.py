"""One configuration: its command line, its engine, and the record of what produced a result."""

import argparse
from pathlib import Path
from typing import Any

import engines
import onnx_store
from checksum import sha256
from crops import open_crops
from errors import ChainError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that embedding and benchmark share to ``parser``."""
    parser.add_argument("--model", type=Path, required=True, help="ONNX file, fixed batch")
    parser.add_argument("--crops", type=Path, required=True, help="decoded set (bcolz)")
    parser.add_argument("--engine", required=True, help="engine name")
    parser.add_argument("--precision", required=True, help="precision of the computation")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--provider", help="ONNX Runtime execution provider")
    parser.add_argument("--threads", type=int, help="CPU threads (default: the engine's)")
    parser.add_argument("--device", type=int, help="number of the NPU (default: 0)")


def load_engine(args: argparse.Namespace) -> engines.Engine:
    """Return the engine that ``args`` names; it has exactly the batch size that they name."""
    options = engines.Options(args.precision, args.provider, args.threads, args.device)
    engine = engines.load(args.engine, args.model, options)
    batch_size = engine.describe()["batch_size"]
    if batch_size != args.batch_size:
        raise ChainError(f"{args.model} has batch size {batch_size}, not {args.batch_size}.")
    return engine


def record(args: argparse.Namespace, engine: engines.Engine) -> dict[str, Any]:
    """Return what produces a result: net, set, engine, what it really uses, checksums."""
    used = engine.describe()
    model = onnx_store.metadata(onnx_store.load_graph(args.model))
    return {
        "net": model["net"],
        "dataset": args.crops.name,
        "batch_size": used["batch_size"],
        "engine": args.engine,
        "precision": used["precision"],
        "provider": used["provider"],
        "device": used["device"],
        "threads": used["threads"],
        "versions": used["versions"],
        "exported_with": {"torch": model["torch"], "opset": int(model["opset"])},
        # The graph names its weight file by content, so this covers the weights as well.
        "model_sha256": sha256(args.model),
        "weights_sha256": model["weights_sha256"],
        "data_sha256": open_crops(args.crops).attrs["source_sha256"],
    }
