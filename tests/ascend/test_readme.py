"""Every command in docs/ascend.md, typed in its order on a bare host.

The host is the stand-in toolkit, and its python3 gets the wheels of ais_bench and aclruntime.
"""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig

import pytest

from ascend import toolkit
from common import parts
from support.ascend import TOOLKIT, write_wheel
from support.project import ROOT, Project


def commands() -> list[str]:
    """Return the lines of the page's shell blocks."""
    text = (ROOT / "docs/ascend.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def host(tmp_path_factory, tiny):
    """A project on a host with driver and toolkit, and an environment as make venv makes it."""
    project = Project(tmp_path_factory.mktemp("host") / "project")
    root = project.root
    for name in ("ais_bench", "aclruntime"):
        write_wheel(root, name)
    # make venv takes a minute and a network: its product is replaced by one that borrows the
    # packages of the interpreter that runs the tests.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    packages = next((root / ".venv/lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    for part in parts.by_part():
        (root / f".venv/.installed-{part}").touch()
    # The host's python3: an environment with pip, atc's packages and onnxruntime-cann.
    subprocess.run([sys.executable, "-m", "venv", root.parent / "python"], check=True)
    site = next((root.parent / "python/lib").glob("python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    for module in toolkit.ATC_MODULES:
        if importlib.util.find_spec(module) is None:
            (site / module.replace(".", "/")).mkdir(parents=True)
            (site / module.replace(".", "/") / "__init__.py").touch()
    python = root.parent / "bin" / "python3"
    python.parent.mkdir()
    cann = f"PYTHONPATH={TOOLKIT}/cann_provider:${{PYTHONPATH:-}}"
    own = shlex.quote(str(root.parent / "python/bin/python"))
    python.write_text(f'#!/bin/sh\n{cann} exec {own} "$@"\n')
    python.chmod(0o755)
    # A toolkit's set_env.sh, without ais_bench.
    home = root.parent / "cann"
    home.mkdir()
    (home / "ascend_toolkit_install.info").write_text("version=9.1.0\n")
    script = home / "set_env.sh"
    script.write_text(
        f"export PATH={root.parent}/bin:{TOOLKIT}/bin:$PATH ASCEND_HOME_PATH={home}\n"
    )
    return root, tiny, script


def test_the_page_has_commands():
    assert len(commands()) > 12
    assert any(c.startswith("make perf-all") for c in commands())


def test_every_command(host):
    root, tiny, script = host
    made = ("MAKE", "MFLAGS", "VENV", "PYTHON")  # a make that runs the tests passes these on
    environment = {k: v for k, v in os.environ.items() if not k.startswith(made)}
    environment |= {
        "ASCEND_SET_ENV": str(script),
        "FAKE_PYTHON": sys.executable,
        "PATH": f"{root.parent}/bin:{TOOLKIT}/driver:{environment['PATH']}",
        # The small network and set, and few runs, in the place of the defaults.
        "NET": "mobilefacenet",
        "DATA": str(tiny / "faces.bin"),
        "WEIGHTS": str(tiny / "mobilefacenet.pth"),
        "LOOP": "2",
        "BATCHES": "16",
        # Wheels only from the command line.
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    printed = {}
    for command in commands():
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        printed[command] = result.stdout
    assert "✗" not in printed["make doctor"]
    assert "guide's fps" in printed["make perf-all"]
    folder = root / "result/mobilefacenet_faces_ascend_fp16_bs16"
    accuracy = json.loads((folder / "accuracy.json").read_text())
    assert accuracy["versions"]["ais_bench"] == "0.0.2" and accuracy["versions"]["cann"] == "9.1.0"
    assert accuracy["ais_python"] == f"{root.parent}/bin/python3"
    for variant in ("_aipp", "_fused"):
        other = root / f"result/mobilefacenet_faces_ascend_fp16{variant}_bs16/accuracy.json"
        assert json.loads(other.read_text())["accuracy"] == accuracy["accuracy"]
    (cann,) = (root / "result").glob("*_onnxruntime_fp16_bs16")
    record = json.loads((cann / "accuracy.json").read_text())
    assert record["provider"] == "CANNExecutionProvider" and record["device"] == "Ascend310P3"
    assert record["accuracy"] == accuracy["accuracy"]
