"""Print what a collection holds and how it was made: the last lines of make embed."""

import argparse

from collection.embeddings import Collection
from common.errors import exit_with
from reporting.collection_card import card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collection", required=True, help="folder or address of the embeddings")
    args = parser.parse_args()
    print(*card(Collection(args.collection).manifest, args.collection), sep="\n")


if __name__ == "__main__":
    exit_with(main)
