"""Reading the JSON files that steps leave; standard library only."""

import json
from pathlib import Path
from typing import Any

from common.errors import ChainError


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``; raises ``ChainError`` where it holds anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChainError(f"{path} is missing; run the configuration first.") from None
    except ValueError as error:
        raise ChainError(f"{path} is not JSON ({error}); remove it and run make again.") from None
    if not isinstance(value, dict):
        raise ChainError(f"{path} is not a JSON object; remove it and run make again.")
    return value
