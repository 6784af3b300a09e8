"""Read COUNT mutated verification files under a memory limit; run by dataset/test_fuzz.py.

Prints one JSON line: how many files were read and refused, and the peak memory in bytes. Any
other ending is a failure: an exception that is no ChainError, an execution, a crash, a hang.
"""

import json
import pickle
import random
import resource
import signal
import sys
from pathlib import Path

import cv2
import numpy as np

from common.errors import ChainError
from dataset import verification_bin
from dataset.decode import decode
from support.hostile import HOSTILE

LIMIT = 1 << 30
SECONDS = 20  # for one file; they take microseconds
# Opcodes, sizes and names that mutations put in.
TOKENS = [bytes([b]) for b in b".(0123IJKLMNQRSTUVXabcdeghijlopqrstu]}){}"]
TOKENS += [bytes([b]) for b in range(0x80, 0x98)]
TOKENS += [b"\xff\xff\xff\x7f", b"\xff" * 8, b"\x00" * 4, b"cos\nsystem\n", b"cnumpy\ndtype\n"]
TOKENS += [b"q\x01", b"h\x01", b"\x85R", b"O8", b"latin1", b"c_codecs\nencode\n"]


def seeds() -> list[bytes]:
    """Small sets in every form, and the hostile pickles that are small."""
    pixels = np.full((112, 112, 3), 90, np.uint8)
    image = cv2.imencode(".png", pixels)[1].tobytes()
    jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
    array = np.frombuffer(image, np.uint8)
    forms = [
        ([image, b"\xff\xd8ab"], [True]),
        ([jpeg, jpeg], [True]),
        ([array, image], np.array([False])),
    ]
    made = [pickle.dumps(f, protocol=p) for f in forms for p in range(6)]
    # Half of all draws begin from a file that is whole.
    return made * 5 + [data for data, _ in HOSTILE.values() if len(data) < 2000]


def mutated(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """Return ``data`` with one to four edits; some take in a part of ``other``."""
    result = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(result) + 1)
        kind = draw.randrange(6)
        if kind == 0 and at < len(result):
            result[at] = draw.randrange(256)
        elif kind == 1 and at < len(result):
            result[at] ^= 1 << draw.randrange(8)
        elif kind == 2:
            result[at:at] = draw.choice(TOKENS)
        elif kind == 3:
            del result[at : at + draw.randint(1, 8)]
        elif kind == 4:
            result[at:] = other[draw.randrange(len(other) + 1) :]
        else:
            token = draw.choice(TOKENS)
            result[at : at + len(token)] = token
    return bytes(result)


def forbid(event: str, arguments: tuple) -> None:
    """Audit hook: reading a file imports, opens, compiles and starts nothing."""
    if event.startswith(("import", "open", "exec", "compile", "os.", "subprocess.", "socket.")):
        sys.stderr.write(f"executed {event} {arguments!r:.200}\n")
        sys.stderr.flush()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.raise_signal(signal.SIGKILL)


def main() -> None:
    count, path = int(sys.argv[1]), Path("fuzz.bin")
    corpus = seeds()
    draw = random.Random(112)
    # Warm: whatever OpenCV loads lazily is loaded now.
    decode(verification_bin.parse(corpus[0], path).images[0], 0, path)
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    # Opened before opening is forbidden. getrusage would count the process that started this one.
    status = Path("/proc/self/status").open(encoding="ascii")  # noqa: SIM115
    sys.addaudithook(forbid)
    read = refused = 0
    for k in range(count):
        if k % 1000 == 0:
            signal.alarm(SECONDS)
        data = mutated(draw.choice(corpus), draw.choice(corpus), draw)
        try:
            pairs = verification_bin.parse(data, path)
            read += 1
            decode(pairs.images[0], 0, path)
        except ChainError:
            refused += 1
        except Exception as error:  # told here: a traceback would open files
            sys.exit(f"file {k}: {error!r} from {data!r}")
    status.seek(0)
    (peak,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"read": read, "refused": refused, "peak": peak}))


if __name__ == "__main__":
    main()
