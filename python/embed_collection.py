"""Pictures, however many -> their embeddings, in shards of Parquet; goes on where it was."""

import argparse

from collection import command
from collection.settings import Settings
from collection.worker import Worker
from common.errors import exit_with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    command.arguments(parser)
    args = vars(parser.parse_args())
    shard_inputs = args.pop("shard_inputs")
    command.run(Settings(**args), shard_inputs, Worker)


if __name__ == "__main__":
    exit_with(main)
