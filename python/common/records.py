"""Reading the JSON files that steps leave; standard library only."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from common.errors import ChainError, reason

# A record has some ten KB, with every fold and curve of a large set a few MB. Python takes up to
# 25 bytes for one of JSON.
LARGEST = 16 << 20


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``; raises ``ChainError`` where it holds anything else."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ChainError(f"{path} is missing; run the configuration first.") from None
    return parse(content, path)


def parse(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object in ``content``, that of ``path``, as ``read_json`` does.

    Refused besides what is no JSON are more than 16 MiB, NaN and infinity, a key that occurs twice,
    text that is no Unicode and nesting beyond what Python reads.
    """
    if len(content) > LARGEST:
        raise ChainError(
            f"{path} is larger than {LARGEST >> 20} MiB; remove it and run make again."
        )
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_object,
        )
        if b"\\ud" in content.lower():  # halves of a character, which nothing could print
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise ChainError(
            f"{path} is not JSON ({reason(error)}); remove it and run make again."
        ) from None
    if not isinstance(value, dict):
        raise ChainError(f"{path} is not a JSON object; remove it and run make again.")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it holds a number beyond what a computer has")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key occurs twice")
    return value
