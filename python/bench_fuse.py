"""Time several ONNX files of one batch size in turn, in each runtime: what did a rewrite bring?"""

import argparse
import time

import numpy as np

import engines
from common.errors import ChainError, exit_with
from inference import configuration
from onnx_graph import parity, store
from seals.ledger import made

RUNTIMES = (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))


def rates(runs: list[engines.Engine], batch: np.ndarray, loop: int) -> np.ndarray:
    """Return images a second, float64 (len(runs), loop): the engines take turns call by call.

    So a disturbance from outside meets all of them alike.
    """
    result = np.empty((len(runs), loop))
    for engine in runs:
        engine.run(batch)
    for k in range(loop):
        for index, engine in enumerate(runs):
            start = time.perf_counter()
            engine.run(batch)
            result[index, k] = len(batch) / (time.perf_counter() - start)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=made, help="ONNX files of one batch size")
    parser.add_argument("--loop", type=int, default=20, help="timed runs of each")
    args = parser.parse_args()
    print("| runtime | model | median img/s | best img/s | nodes |")
    print("|---|---|---|---|---|")
    for name, precision in RUNTIMES:
        options = engines.Options(precision)
        try:
            runs = [engines.load(name, model, options) for model in args.models]
        except ChainError as error:
            print(f"| {name} {precision} | {error} | | | |")
            continue
        size = runs[0].describe()["batch_size"]
        images = parity.images(configuration.preprocessing_of(args.models[0]))
        batch = images[np.arange(size) % len(images)]
        for model, row in zip(args.models, rates(runs, batch, args.loop), strict=True):
            nodes = len(store.load_graph(model).graph.node)
            print(
                f"| {name} {precision} | {model.name} | {np.median(row):.2f} | {row.max():.2f} "
                f"| {nodes} |"
            )


if __name__ == "__main__":
    exit_with(main)
