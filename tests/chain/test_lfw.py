"""Acceptance on the real set and real weights: the reference code's own figures."""

import re
from pathlib import Path

import pytest

from support.project import Project


def test_mobilefacenet_on_lfw(project: Project, shared: Path):
    result = project.make(
        "accuracy", "BS=16", "NET=mobilefacenet",
        f"DATA={shared}/lfw.bin", f"WEIGHTS={shared}/mobilefacenet.pth",
    )  # fmt: skip
    accuracy = float(re.search(r"^accuracy: (.*)$", result.stdout, re.MULTILINE)[1])
    threshold = float(re.search(r"^best_thresholds: (.*)$", result.stdout, re.MULTILINE)[1])
    assert accuracy == pytest.approx(0.9930, abs=0.0003)
    assert threshold == pytest.approx(1.443, abs=0.01)
