"""Mutated verification files: no execution, no crash, no hang, bounded memory."""

import json
import os
import subprocess
import sys

from support.project import PYTHON, ROOT

FILES = 100_000


def test_mutated_files() -> None:
    tests = ROOT / "tests"
    environment = os.environ | {"PYTHONPATH": f"{PYTHON}:{tests}", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(tests / "support/fuzz_bin.py"), str(FILES)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    figures = json.loads(result.stdout)
    # Some mutations must be harmless, or the run has tested nothing but the first opcodes.
    assert figures["read"] > FILES / 100
    assert figures["refused"] > FILES / 2
    assert figures["peak"] < 512 << 20
