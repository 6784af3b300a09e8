"""A file in Huawei's object store, by its obsutil."""

import shutil
import subprocess
from pathlib import Path

from common.errors import FetchError

SECONDS = 3600


def fetch(url: str, partial: Path) -> None:
    """Copy ``url`` (obs://bucket/key) to ``partial``; obsutil keeps its own checkpoints.

    Raises ``FetchError`` where obsutil is missing or fails.
    """
    tool = shutil.which("obsutil")
    if tool is None:
        raise FetchError("obsutil is not installed")
    try:
        result = subprocess.run(
            [tool, "cp", url, str(partial), "-f"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"obsutil did not finish in {SECONDS} s") from None
    if result.returncode or not partial.is_file():
        lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
        last = lines[-1][:200].rstrip(".") if lines else f"status {result.returncode}"
        raise FetchError(f"obsutil failed ({last})")
