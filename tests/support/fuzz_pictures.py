"""Read COUNT mutated photographs under a memory limit; run by dataset/test_image_header.py.

Prints one JSON line: how many were read and refused, and the peak memory in bytes. Any other ending
is a failure: an exception that is no ChainError, a crash, a hang.
"""

import json
import random
import resource
import signal
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from common.errors import ChainError
from dataset import photograph
from support.fuzz_bin import LIMIT, SECONDS, mutated


def seeds() -> list[bytes]:
    """One small picture in each of the formats, with and without alpha."""
    colours = np.random.default_rng(4).integers(0, 256, (20, 30, 4), np.uint8)
    forms = [(suffix, colours[..., :3]) for suffix in photograph.SUFFIXES]
    forms += [(suffix, colours) for suffix in (".png", ".bmp", ".webp")]
    return [cv2.imencode(suffix, pixels)[1].tobytes() for suffix, pixels in forms]


def main() -> None:
    corpus, draw = seeds(), random.Random(112)
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    read = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for k in range(int(sys.argv[1])):
            if k % 1000 == 0:
                signal.alarm(SECONDS)
            path.write_bytes(mutated(draw.choice(corpus), draw.choice(corpus), draw))
            try:
                photograph.read(path)
                read += 1
            except ChainError:
                refused += 1
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"read": read, "refused": refused, "peak": peak}))


if __name__ == "__main__":
    main()
