"""Print what a comparison with the reference has found."""

import argparse
import json
from pathlib import Path

from errors import exit_with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="JSON of the comparison")
    result = json.loads(parser.parse_args().result.read_text(encoding="utf-8"))
    print(
        f"{result['net']}: {result['images']} images embedded as by the reference "
        f"(smallest cosine {result['smallest_cosine']:.8f}, "
        f"largest difference {result['largest_difference']:.1e})"
    )
    print(f"evaluate: equal to the reference's on {result['evaluated_pairs']} pairs")


if __name__ == "__main__":
    exit_with(main)
