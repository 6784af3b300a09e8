"""The reference: cloned at its commit, patched by rule, compared with, and exported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import networks
import reference_check
from common.errors import ChainError
from make_demo_checkpoint import draw
from networks import _ir
from patch_reference import patch
from reference import checkout
from support.project import Project
from support.reference_tree import (
    FILES,
    LINKS,
    check_loader,
    git,
    make_repository,
    write_tree,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files of a checkout, not patched yet."""
    write_tree(tmp_path / "tree")
    return tmp_path / "tree"


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*.py")}


def test_patch_is_idempotent_and_imports_without_mxnet(tree: Path) -> None:
    assert patch(tree) == ["verifacation.py", "data/data_pipe.py", *LINKS]
    once = contents(tree)
    assert patch(tree) == [] and contents(tree) == once
    assert once["model.py"] == FILES["model.py"]
    for name in LINKS:
        assert (tree / name).is_dir() and not (tree / name).is_symlink()
    code = "import model, verifacation, data.data_pipe, sys; assert 'mxnet' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True)
    # What cannot work without mxnet still asks for it where it is used.
    assert "\n    import mxnet as mx\n    return mx.recordio" in once["data/data_pipe.py"]


def test_the_patched_loader_reads_our_sets(tree: Path, tmp_path: Path) -> None:
    patch(tree)
    check_loader(tree, tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("verifacation.py", "def something(): pass\n", "does not define calculate_accuracy"),
        ("model.py", "def (", "is not Python"),
        ("verifacation.py", FILES["verifacation.py"] + "\nmx.cpu()\n", "outside of a function"),
        ("data/data_pipe.py", None, "is missing"),
    ],
)
def test_another_tree_is_refused_untouched(
    tree: Path, name: str, text: str | None, reason: str
) -> None:
    if text is None:
        (tree / name).unlink()
    else:
        (tree / name).write_text(text)
    before = contents(tree)
    with pytest.raises(ChainError, match=reason):
        patch(tree)
    assert contents(tree) == before and all((tree / name).is_symlink() for name in LINKS)


@pytest.mark.parametrize("name", ["model.py", "data", "work_space"])
def test_links_that_the_reference_does_not_have_are_refused(
    tree: Path, tmp_path: Path, name: str
) -> None:
    """Nothing outside of the checkout is written, however it got there."""
    outside = tmp_path / "outside"
    (tree / name).rename(outside)
    (tree / name).symlink_to(outside)
    before = contents(tmp_path)
    with pytest.raises(ChainError, match=f"{name}.* is a link or lies behind one"):
        patch(tree)
    assert contents(tmp_path) == before and all((tree / name).is_symlink() for name in LINKS)


@pytest.mark.parametrize("name", ["ir50", "ir_se50", "ir_se100", "ir_se152", "mobilefacenet"])
def test_state_dicts_have_the_references_layout(name: str, tree: Path) -> None:
    with torch.device("meta"):
        ours, theirs = networks.build(name).state_dict(), checkout.build(tree, name).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_backbone_agrees_and_a_difference_is_found(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One unit a stage instead of 24: the same code, sooner.
    text = FILES["model.py"].replace("50: (3, 4, 14, 3)", "50: (1, 1, 1, 1)")
    (tree / "model.py").write_text(text)
    monkeypatch.setitem(_ir.STAGES, 50, (1, 1, 1, 1))
    network = networks.build("ir_se50")
    draw(network)
    weights = tmp_path / "weights.pth"
    torch.save(network.state_dict(), weights)
    pixels = np.random.default_rng(2).integers(0, 256, (4, 3, 112, 112), np.uint8)
    a, b = reference_check.compare_networks("ir_se50", weights, tree, pixels)
    assert np.allclose(a, b, atol=1e-4)
    (tree / "model.py").write_text(text.replace("torch.sigmoid", "torch.tanh"))
    with pytest.raises(ChainError, match="gives another embedding"):
        reference_check.compare_networks("ir_se50", weights, tree, pixels)


def test_evaluation_agrees_and_a_difference_is_found(tree: Path) -> None:
    patch(tree)
    random = np.random.default_rng(3)
    embeddings = random.standard_normal((400, 32)).astype(np.float32)
    issame = random.random(200) < 0.5
    embeddings[1::2][issame] = embeddings[0::2][issame] + random.standard_normal(
        (issame.sum(), 32)
    ).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert reference_check.compare_evaluations(tree, embeddings, issame, "x") == 200
    text = (tree / "verifacation.py").read_text()
    (tree / "verifacation.py").write_text(
        text.replace("(dist, threshold)", "(dist, 0.9 * threshold)")
    )
    with pytest.raises(ChainError, match="gives another"):
        reference_check.compare_evaluations(tree, embeddings, issame, "x")


def name_commit(project: Project, commit: str) -> None:
    """Make ``commit`` the one that the copy's scripts/reference.sh is for."""
    script = project.root / "scripts/reference.sh"
    text, count = re.subn(r"(?m)^commit=[0-9a-f]{40}$", f"commit={commit}", script.read_text())
    assert count == 1
    script.write_text(text)


def test_make_patch_check_and_export(project: Project, tiny: Path, tmp_path: Path) -> None:
    repository = tmp_path / "mirror"
    repository.mkdir()
    commit = make_repository(repository)
    repo = f"REFERENCE_REPO={repository}"

    failed = project.make("patch", repo, ok=False)
    assert "has no commit 350ff7aa" in failed.stderr
    failed = project.make("patch", f"REFERENCE_REPO={tmp_path}/none", ok=False)
    assert "REFERENCE_REPO=" in failed.stderr and "default chain does not need it" in failed.stderr
    assert not list(project.root.glob("LResNet*"))

    name_commit(project, commit)
    project.make("patch", repo)
    checkout = project.root / "LResNet"
    assert git(checkout, "rev-parse", "HEAD") == commit
    assert all((checkout / name).is_dir() for name in LINKS)
    assert "LResNet" not in project.make("patch", repo).stdout
    # Another commit is refused, and what is there stays.
    name_commit(project, "0" * 40)
    failed = project.make("patch", repo, ok=False)
    assert "instead of 000" in failed.stderr
    name_commit(project, commit)
    assert "patched model.py" not in project.make("patch", repo).stdout
    assert git(checkout, "rev-parse", "HEAD") == commit

    chain = (f"DATA={tiny}/faces.bin", f"WEIGHTS={tiny}/mobilefacenet.pth", "NET=mobilefacenet")
    told = project.make("reference-check", *chain, repo).stdout
    assert "40 images embedded" in told and "on 20 pairs" in told
    result = json.loads((project.root / "result/mobilefacenet_faces_reference.json").read_text())
    assert result["smallest_cosine"] >= 0.99999

    project.make("onnx", "BS=1", *chain, repo, "BACKBONE=reference")
    model = onnx.load(project.root / "model/mobilefacenet_bs1.onnx", load_external_data=False)
    assert {p.key: p.value for p in model.metadata_props}["backbone"] == "reference"
    # The knob is stamped: the same file is now stale with the other class.
    assert "export_onnx" in project.make("-n", "onnx", "BS=1", *chain, repo).stdout
    again = project.make("-n", "onnx", "BS=1", *chain, repo, "BACKBONE=reference").stdout
    assert "export_onnx" not in again


def test_make_patch_refuses_a_folder_that_is_no_clone(project: Project) -> None:
    (project.root / "LResNet").mkdir()
    failed = project.make("patch", ok=False)
    assert "LResNet is not a clone of the reference" in failed.stderr
    failed = project.make("patch", "REFERENCE_REPO=ext::sh -c id", ok=False)
    assert "REFERENCE_REPO=" in failed.stderr
