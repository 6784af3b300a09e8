"""The short form of make torture: every class, on a chain of one engine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from torture import runner, tally

RUN = Path(__file__).with_name("run.py")


@pytest.fixture(scope="session")
def tortured(tmp_path_factory) -> dict:
    """What the short form of all classes came to."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    out = tmp_path_factory.mktemp("torture") / "torture.json"
    command = [sys.executable, RUN, "--short", "--out", out]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert out.exists(), ran.stderr
    found = json.loads(out.read_text())["classes"]
    assert ran.returncode == any(counts["wrong"] for counts in found.values())
    assert len(tally.table(out).splitlines()) == 2 + len(runner.CLASSES)
    return found


@pytest.mark.parametrize("name", runner.CLASSES)
def test_nothing_is_wrong(tortured: dict, name: str):
    assert tortured[name]["trials"] == runner.CLASSES[name]
    assert tortured[name]["wrong_trials"] == []
