"""Model -> perf.json: pure-inference latency and throughput, nothing else on the clock."""

import argparse
from pathlib import Path

import engines
from common.errors import exit_with
from common.files import write_json
from dataset.crops import first_batch
from inference import configuration
from inference.timing import measure, summarise, throughput


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--warmup", type=int, required=True, help="untimed runs")
    parser.add_argument("--loop", type=int, help="timed runs (default: 100 and ten seconds)")
    parser.add_argument("--out", type=Path, required=True, help="perf JSON to write")
    args = parser.parse_args()

    engine = configuration.load_engine(args, throughput=False)
    form = configuration.preprocessing_of(args.model)
    batch = first_batch(args.crops, args.batch_size, form, engine.takes_pixels)
    seconds = measure(lambda: engine.run(batch), args.warmup, args.loop)
    result = summarise(seconds, args.batch_size) | {"loop": len(seconds), "warmup": args.warmup}
    record = configuration.record(args, engine)
    if "STREAMS" in engines.declared()[args.engine].variables:
        # One copy of a large model at a time.
        del engine
        engine = configuration.load_engine(args, throughput=True)
        result["throughput_mode"] = throughput(engine, batch, args.warmup, args.loop)
    write_json(args.out, record | result)


if __name__ == "__main__":
    exit_with(main)
