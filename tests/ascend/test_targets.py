"""Every target on a host whose default engine is ascend: it works, or says what to add."""

import os
import re

import pytest

from support.ascend import TOOLKIT, environment, make_python3
from support.project import ROOT, Project, expect_error

# They install packages, run these very tests, or need a network.
ELSEWHERE = {"venv", "test", "torture", "lint", "patch", "reference-check"}
CLEANING = ("clean", "distclean")
SAID = {
    "verify": "add ENGINE=openvino",
    "tune": "add ENGINE=openvino",
    "tune-all": "add ENGINE=openvino",
    "profile": "add ENGINE=openvino",
    "diagnose": "add ENGINE=openvino",
    "bench-chain": "add ENGINE=openvino",
    "bin": "SRC= is missing",
    "embed": "add ENGINE=openvino",
    "identify": "GALLERY= is empty",
    "all-pairs": "EMBEDDINGS= is empty",
    "gpu-table": "choose TORCH_DEVICE=cpu",
}
RESULT = "result/mobilefacenet_faces_ascend_fp16_bs4"
GIVEN = {"compare": [f"A={RESULT}", f"B={RESULT}"], "verify": ["A=a.jpg", "B=b.jpg"]}


@pytest.fixture(scope="module")
def host(tmp_path_factory, tiny):
    """Return a project and a function that runs make in it as on an NPU host."""
    project = Project(tmp_path_factory.mktemp("host") / "project")
    # A benchmark of seconds instead of minutes.
    door = project.root / "python/bench_peers.py"
    text = door.read_text()
    short = text.replace("default=7)", "default=1)").replace("default=4.0", "default=0.01")
    assert short.count("default=1)") == short.count("default=0.01") == 1
    door.write_text(short)
    rules = project.root / "scripts/extras.mk"
    text = rules.read_text()
    assert "PEER_BATCHES := 1 16 64\n" in text
    rules.write_text(text.replace("PEER_BATCHES := 1 16 64\n", "PEER_BATCHES := 4\n"))
    chosen = environment()
    python3 = make_python3(project.root.parent / "python3")
    chosen["PATH"] = f"{python3}:{TOOLKIT / 'driver'}:{os.environ['PATH']}"
    chosen.pop("ASCEND_HOME_PATH")
    given = [f"DATA={tiny}/faces.bin", f"WEIGHTS={tiny}/mobilefacenet.pth", "NET=mobilefacenet"]

    def make(*arguments: str, ok: bool = True):
        return project.make(
            "BS=4", "BATCHES=4", "LOOP=2", "STRICT=0", *given, *arguments, ok=ok, env=chosen
        )

    return project.root, make


def targets() -> list[str]:
    source = "".join((ROOT / name).read_text() for name in ("Makefile", "scripts/extras.mk"))
    found = re.findall(r"^([a-z-]+):.*## ", source, re.MULTILINE)
    return sorted(set(found) - ELSEWHERE - set(CLEANING), key=found.index)


def test_every_target_works_or_says_what_to_add(host):
    _, make = host
    assert set(SAID) <= set(targets()) and len(targets()) > 30
    for target in targets():
        result = make(target, *GIVEN.get(target, []), ok=target not in SAID)
        assert "Traceback" not in result.stderr, target
        if target in SAID:
            assert SAID[target] in result.stderr, target
            assert result.stderr.count("***") == 1 or result.stderr.count("error: ") == 1, target


def test_what_needs_a_cpu_engine_works_with_one(host, tiny):
    root, make = host
    for target in ("accuracy", "tune", "profile", "quantize"):
        make(target, "ENGINE=openvino")
    # The picture's distance is judged by the model of the precision that was asked for.
    from dataset import verification_bin

    for name, encoded in zip(
        "ab", verification_bin.read(tiny / "faces.bin").images[:2], strict=True
    ):
        (root / f"{name}.jpg").write_bytes(encoded)
    pictures = ("A=a.jpg", "B=b.jpg", "THRESHOLD=1.5")
    said = {
        precision: make("verify", "ENGINE=openvino", f"PRECISION={precision}", *pictures).stdout
        for precision in ("fp32", "int8")
    }
    distances = {p: float(re.search(r"distance: +([\d.]+)", text)[1]) for p, text in said.items()}
    assert distances["fp32"] != distances["int8"]
    assert distances["fp32"] == pytest.approx(distances["int8"], abs=0.3)


def test_the_reference_cannot_be_cloned_here(host, tmp_path):
    _, make = host
    for target in ("patch", "reference-check"):
        result = make(target, f"REFERENCE_REPO={tmp_path}/none", ok=False)
        expect_error(result, "could not be cloned", "REFERENCE_REPO=")


def test_cleaning_removes_what_the_npu_made(host):
    root, make = host
    make("accuracy")
    assert (root / RESULT).exists()
    for target in CLEANING:
        make(target)
        assert not (root / RESULT).exists()
