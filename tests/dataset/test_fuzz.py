"""Mutated verification files: no execution, no crash, no hang, bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.project import PYTHON

FILES = 100_000


def test_mutated_files() -> None:
    environment = os.environ | {"PYTHONPATH": str(PYTHON), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("fuzz_bin.py")), str(FILES)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    figures = json.loads(result.stdout)
    # Some mutations must be harmless, or the run has tested nothing but the first opcodes.
    assert figures["read"] > FILES / 100
    assert figures["refused"] > FILES / 2
    assert figures["peak"] < 512 << 20
