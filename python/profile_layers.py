"""Where an engine's time goes: milliseconds a batch by kind of layer and kernel."""

import argparse
from collections import defaultdict

import engines
from common.errors import exit_with
from common.table import aligned
from dataset.crops import first_batch
from inference import configuration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    args = parser.parse_args()
    options = engines.Options(
        precision=args.precision, threads=args.threads, batch_size=args.batch_size
    )
    form = configuration.preprocessing_of(args.model)
    batch = first_batch(args.crops, args.batch_size, form)
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for layer in engines.profile(args.engine, args.model, options, batch):
        times[layer.kind, layer.kernel].append(layer.ms)
    whole = sum(map(sum, times.values()))
    print(f"{args.model}, {args.precision}, batch {args.batch_size}: {whole:.1f} ms in layers")
    rows = sorted(times.items(), key=lambda item: -sum(item[1]))
    lines = [
        [kind, kernel, str(len(ms)), f"{sum(ms):.2f}", f"{sum(ms) / whole:.1%}"]
        for (kind, kernel), ms in rows
    ]
    print(aligned([["layer", "kernel", "layers", "ms", "share"], *lines]))


if __name__ == "__main__":
    exit_with(main)
