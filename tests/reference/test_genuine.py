"""The genuine reference, where it can be had: patched, compared, the stand-in held against it."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import networks
import reference_check
from make_demo_checkpoint import draw
from patch_reference import KNOWN, patch
from reference import checkout
from support.project import Project
from support.reference_tree import LINKS, check_loader, git, make_repository


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout that make patch makes of the repository which the environment names."""
    if not os.environ.get("REFERENCE_REPO"):
        pytest.skip("needs REFERENCE_REPO: a clone or mirror of TreB1eN/InsightFace_Pytorch")
    project = Project(tmp_path_factory.mktemp("genuine") / "project")
    project.make("patch")
    return project.root / "LResNet"


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stand-in")
    git(folder, "init", "--quiet")
    commit = make_repository(folder)
    git(folder, "checkout", "--quiet", "--detach", commit)
    patch(folder)
    return folder


def test_the_patch_touches_the_same_of_both(genuine: Path, stand_in: Path) -> None:
    for folder in (genuine, stand_in):
        touched = git(folder, "status", "--porcelain", "--untracked-files=no").split("\n")
        assert sorted(line.split()[-1] for line in touched) == sorted(
            ["data/data_pipe.py", "verifacation.py", *LINKS]
        )
        assert patch(folder) == []
        assert all((folder / n).is_dir() and not (folder / n).is_symlink() for n in LINKS)


def test_the_patched_loader_reads_our_sets(genuine: Path, tmp_path: Path) -> None:
    check_loader(genuine, tmp_path)


def shapes(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Return of each known function and class its arguments, and what is imported inside it."""
    found = {}
    for name, definitions in KNOWN.items():
        for node in ast.parse((folder / name).read_text()).body:
            known = getattr(node, "name", None)
            if known not in definitions:
                continue
            imported = [ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Import)]
            if isinstance(node, ast.ClassDef):
                node = next(n for n in node.body if getattr(n, "name", None) == "__init__")
            found[known] = ast.unparse(node.args), imported
    return found


def test_the_stand_in_is_called_as_the_genuine_one(genuine: Path, stand_in: Path) -> None:
    assert len(shapes(genuine)) == sum(map(len, KNOWN.values()))
    assert shapes(stand_in) == shapes(genuine)


@pytest.mark.parametrize("name", [n for n in networks.names() if not n.startswith("iresnet")])
def test_state_dicts_have_the_genuine_layout(name: str, genuine: Path, stand_in: Path) -> None:
    with torch.device("meta"):
        built = [networks.build(name), *(checkout.build(f, name) for f in (genuine, stand_in))]
    ours, theirs, made_up = ({k: v.shape for k, v in n.state_dict().items()} for n in built)
    assert ours == theirs == made_up


@pytest.mark.parametrize("name", ["mobilefacenet", "ir50", "ir_se50"])
def test_networks_agree_with_the_genuine_ones(name: str, genuine: Path, stand_in: Path) -> None:
    ours = networks.build(name)
    draw(ours)
    images = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(1)).double()
    outputs = []
    for network in (ours, checkout.build(genuine, name), checkout.build(stand_in, name)):
        network.load_state_dict(ours.state_dict())
        with torch.inference_mode():
            outputs.append(network.double().eval()(images).numpy())
    # Of unit length. The genuine layers are ours; the stand-in's compute another way.
    assert np.array_equal(outputs[0], outputs[1])
    assert np.allclose(outputs[0], outputs[2], rtol=0, atol=1e-9)


def test_evaluation_agrees_with_the_genuine_one(genuine: Path, stand_in: Path) -> None:
    random = np.random.default_rng(5)
    embeddings = random.standard_normal((400, 32)).astype(np.float32)
    issame = random.random(200) < 0.5
    noise = random.standard_normal((200, 32)).astype(np.float32)
    embeddings[1::2][issame] = (embeddings[0::2] + noise)[issame]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    for folder in (genuine, stand_in):
        assert reference_check.compare_evaluations(folder, embeddings, issame, "x") == 200
