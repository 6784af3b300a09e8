"""One configuration: its command line, its engine, and the record of what produced a result."""

import argparse
from pathlib import Path
from typing import Any

import engines
from common.checksum import sha256
from common.errors import ChainError
from common.machine import cpu_name, usable_cpus
from dataset import preprocessing
from dataset.crops import open_crops, set_name
from dataset.preprocessing import Preprocessing
from onnx_graph import derived, store
from seals.ledger import made
from seals.products import read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that embedding and benchmark share to ``parser``."""
    add_engine_arguments(parser)
    parser.add_argument("--crops", type=made, required=True, help="decoded set")


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model and all that says how it is run to ``parser``: what ``load_engine`` takes."""
    parser.add_argument(
        "--model", type=made, required=True, help="ONNX file of this batch size, or derived model"
    )
    parser.add_argument("--engine", required=True, help="engine name")
    parser.add_argument("--precision", required=True, help="precision of the computation")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--provider", help="ONNX Runtime execution provider")
    parser.add_argument("--threads", type=int, help="CPU threads (default: the engine's)")
    parser.add_argument("--device", help="device of torch: cuda or cpu")
    parser.add_argument("--mode", help="mode of torch: compile, graph or eager")
    parser.add_argument("--npu", type=int, help="device number, for a provider that has several")
    parser.add_argument("--streams", type=int, help="batches at a time (default: the engine's)")
    parser.add_argument("--tuned", type=Path, help="tune.json with threads and streams to use")


def _tuned(args: argparse.Namespace, mode: str) -> tuple[int | None, int | None]:
    """Return threads and streams that ``make tune`` chose; what a person gives comes first."""
    if args.tuned is None or args.threads or args.streams:
        return args.threads, args.streams
    tuned = read_json(args.tuned)
    if (tuned["cpu"], tuned["cpus"]) != (cpu_name(), usable_cpus()):
        raise ChainError(
            f"{args.tuned} was made on another machine ({tuned['cpus']} CPUs of {tuned['cpu']}); "
            "remove it or run make tune again."
        )
    return tuned[mode]["threads"], tuned[mode].get("streams")


def load_engine(args: argparse.Namespace, throughput: bool) -> engines.Engine:
    """Return the engine that ``args`` names; it has exactly the batch size that they name.

    With ``throughput`` it works on as many batches at a time as were asked for or tuned, or
    as it finds best, otherwise on one for the least latency.
    """
    threads, streams = _tuned(args, "throughput" if throughput else "latency")
    streams = (streams or 0) if throughput else None
    options = engines.Options(
        precision=args.precision,
        provider=args.provider,
        threads=threads,
        streams=streams,
        batch_size=args.batch_size,
        device=args.device,
        npu=args.npu,
        mode=args.mode,
    )
    if derived.kind_of(args.model):
        derived.read(args.model)
    engine = engines.load(args.engine, args.model, options)
    batch_size = engine.describe()["batch_size"]
    if batch_size != args.batch_size:
        raise ChainError(f"{args.model} has batch size {batch_size}, not {args.batch_size}.")
    return engine


def checksum(model: Path) -> str:
    """Return ``model_sha256`` of records: of the ONNX file, or of a derived model's two files."""
    return derived.read(model)["model_sha256"] if derived.kind_of(model) else sha256(model)


def metadata(model: Path) -> dict[str, str]:
    """Return what the ONNX file or derived model ``model`` says of its origin."""
    if derived.kind_of(model):
        return derived.read(model)["source"]
    return store.metadata(store.load_graph(model))


def preprocessing_of(model: Path) -> Preprocessing:
    """Return what the ONNX file or derived model ``model`` records of its input."""
    return preprocessing.of_metadata(metadata(model), model)


def record(args: argparse.Namespace, engine: engines.Engine) -> dict[str, Any]:
    """Return what produces a result: ``of_model``, and the set with its checksum."""
    return of_model(args, engine) | {
        "dataset": set_name(args.crops),
        "data_sha256": open_crops(args.crops).attrs["source_sha256"],
    }


def of_model(args: argparse.Namespace, engine: engines.Engine) -> dict[str, Any]:
    """Return what a model was run by: net, engine, what it really uses, checksums.

    Of a derived model also what its record sums up: calibration, parity.
    """
    used = engine.describe()
    model = metadata(args.model)
    extra = {key: used[key] for key in ("streams", "layers") if key in used}
    if kind := derived.kind_of(args.model):
        report = derived.read(args.model)
        extra[kind.key] = {key: report[key] for key in kind.summary}
    return extra | {
        "net": model["net"],
        "checkpoint": model["checkpoint"],
        "batch_size": used["batch_size"],
        "engine": args.engine,
        "precision": used["precision"],
        "provider": used["provider"],
        "device": used["device"],
        "threads": used["threads"],
        "versions": used["versions"],
        "exported_with": store.exported_with(model),
        "preprocessing": preprocessing_of(args.model).record(),
        "dimension": int(model["dimension"]),
        # The graph names its weight file by content, so this covers the weights as well.
        "model_sha256": checksum(args.model),
        "weights_sha256": model["weights_sha256"],
    }
