"""Pictures, however many -> their embeddings, by all nodes of a Ray cluster."""

import argparse

from collection import command, on_ray, ray_cluster
from collection.settings import Settings
from common.errors import exit_with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    command.arguments(parser)
    parser.add_argument("--address", required=True, help="auto, or host:port of a Ray cluster")
    args = vars(parser.parse_args())
    shard_inputs, address = args.pop("shard_inputs"), args.pop("address")
    with ray_cluster.quiet(), ray_cluster.connected(address):
        command.run(Settings(**args), shard_inputs, on_ray.Nodes)


if __name__ == "__main__":
    exit_with(main)
