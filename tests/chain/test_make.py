"""The Makefile's habits, on a copy of the project with a tiny set and MobileFaceNet."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.project import ROOT, Project

RESULT = "result/mobilefacenet_faces_openvino_fp32_bs4"


def arguments(folder: Path, *goals: str) -> list[str]:
    return [
        *goals,
        "NET=mobilefacenet",
        "BS=4",
        f"DATA={folder}/faces.bin",
        f"WEIGHTS={folder}/mobilefacenet.pth",
    ]


def steps(output: str) -> list[str]:
    """Return the verbs of the steps that a make run printed, in order."""
    return re.findall(r"^  ([a-z-]+) +\S+ +[0-9.]+ s$", output, re.MULTILINE)


def planned(output: str) -> list[str]:
    """Return the verbs of the steps that make -n announced, in order."""
    return re.findall(r"scripts/step\.sh (?:--alone )?([a-z-]+) ", output)


@pytest.fixture(scope="module")
def inputs(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    shutil.copytree(tiny, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def built(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which `make accuracy perf` has run; tests leave it up to date."""
    project = Project(tmp_path_factory.mktemp("built"))
    plan = planned(project.make("-n", *arguments(inputs, "accuracy", "perf", "LOOP=2")).stdout)
    assert not (project.root / "result").exists()
    assert not (project.root / "model").exists()
    first = project.make("-j4", *arguments(inputs, "accuracy", "perf", "LOOP=2"))
    assert sorted(steps(first.stdout)) == sorted(plan)
    assert sorted(plan) == sorted(
        ["preprocess", "export", "fix-batch", "simplify", "fuse", "embed", "score", "benchmark"]
    )
    return project


def test_results_and_records(built: Project):
    folder = built.root / RESULT
    accuracy = json.loads((folder / "accuracy.json").read_text())
    perf = json.loads((folder / "perf.json").read_text())
    for record in (accuracy, perf):
        for key, value in {
            "net": "mobilefacenet", "dataset": "faces", "batch_size": 4, "engine": "openvino",
            "precision": "fp32",
        }.items():  # fmt: skip
            assert record[key] == value
        for key in ("provider", "device", "threads", "versions", "model_sha256", "data_sha256"):
            assert record[key]
    assert {
        "accuracy", "accuracy_std", "best_threshold", "fold_accuracy", "fold_threshold", "pairs",
        "folds", "flip", "auc",
    } <= accuracy.keys()  # fmt: skip
    assert {"throughput_fps", "latency_ms", "loop", "warmup"} <= perf.keys()
    assert perf["loop"] == 2


def test_second_run_only_prints_the_stored_result(built: Project, inputs: Path):
    result = built.make(*arguments(inputs, "accuracy"))
    stored = json.loads((built.root / RESULT / "accuracy.json").read_text())
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        f"{RESULT}/accuracy.json",
        f"accuracy: {stored['accuracy']}",
        f"best_thresholds: {stored['best_threshold']}",
    ]


@pytest.mark.parametrize(
    ("touched", "remade"),
    [
        ("python/score.py", ["score"]),
        ("python/embed.py", ["embed", "score"]),
        ("python/simplify_onnx.py", ["simplify", "fuse", "embed", "score"]),
        ("python/fuse/trunk.py", ["fuse", "embed", "score"]),
        ("python/preprocess.py", ["preprocess", "embed", "score"]),
        ("python/engines/onnxruntime.py", []),
    ],
)
def test_touching_a_script_remakes_what_follows(
    built: Project, inputs: Path, touched: str, remade: list[str]
):
    (built.root / touched).touch()
    plan = built.make("-n", *arguments(inputs, "accuracy")).stdout
    assert sorted(planned(plan)) == sorted(remade)
    assert sorted(steps(built.make(*arguments(inputs, "accuracy")).stdout)) == sorted(remade)


def test_changed_inputs_rebuild_and_changing_back_does_not_lie(
    built: Project, inputs: Path, tmp_path: Path
):
    def accuracy() -> tuple[list[str], dict]:
        made = steps(built.make(*arguments(other, "accuracy")).stdout)
        return made, json.loads((built.root / RESULT / "accuracy.json").read_text())

    model = ["embed", "export", "fix-batch", "fuse", "score", "simplify"]
    other = inputs
    _, first = accuracy()
    other = tmp_path
    shutil.copy2(inputs / "faces.bin", tmp_path)
    command = [sys.executable, "python/seed_checkpoint.py", "--net", "mobilefacenet"]
    subprocess.run(
        [*command, "--bin", inputs / "faces.bin", "--out", tmp_path / "mobilefacenet.pth"],
        cwd=built.root, check=True,
    )  # fmt: skip
    # Older than every product, as a file from an archive may be.
    os.utime(tmp_path / "mobilefacenet.pth", (1e9, 1e9))
    made, _ = accuracy()
    assert sorted(made) == sorted([*model, "preprocess"])
    other = inputs
    made, last = accuracy()
    assert sorted(made) == sorted([*model, "preprocess"])
    assert {k: v for k, v in last.items() if not k.endswith(("_s", "fps"))} == {
        k: v for k, v in first.items() if not k.endswith(("_s", "fps"))
    }


@pytest.mark.parametrize(
    ("knob", "remade"),
    [
        ("THREADS=1", ["embed", "score"]),
        ("UNIQUE=0", ["embed", "score"]),
        ("OPSET=13", ["embed", "export", "fix-batch", "fuse", "score", "simplify"]),
        ("FUSE=0", ["embed", "score"]),
        ("STREAMS=1", ["embed", "score"]),
        ("LOOP=9", []),
        ("BATCHES=2", []),
    ],
)
def test_a_changed_knob_remakes_what_it_touches(
    built: Project, inputs: Path, knob: str, remade: list[str]
):
    plan = built.make("-n", *arguments(inputs, "accuracy"), knob).stdout
    assert sorted(planned(plan)) == remade
    assert planned(built.make("-n", *arguments(inputs, "accuracy")).stdout) == []


def test_a_removed_product_is_made_again(built: Project, inputs: Path):
    shutil.rmtree(built.root / "data" / "faces")
    assert planned(built.make("-n", *arguments(inputs, "preprocess")).stdout) == ["preprocess"]
    for weights in (built.root / "model").glob("*.data"):
        weights.unlink()
    plan = built.make("-n", *arguments(inputs, "sim")).stdout
    assert planned(plan) == ["export", "fix-batch", "simplify"]
    built.make(*arguments(inputs, "accuracy"))


def test_all_batch_sizes_share_the_export(built: Project, inputs: Path):
    result = built.make(*arguments(inputs, "perf-all", "BATCHES=1 2 4", "LOOP=2", "-j4"))
    assert steps(result.stdout).count("export") == 0
    assert steps(result.stdout).count("fix-batch") == 2
    rows = [line.split("|") for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [row[2].strip() for row in rows] == ["batch", "1", "2", "4"]
    assert [row[4].strip() for row in rows[1:3]] == ["not measured"] * 2
    assert 0 <= float(rows[3][4]) <= 1
    # One for the graphs as they are, one for the fused ones.
    assert len(list((built.root / "model").glob("*.data"))) == 2


def test_a_killed_run_leaves_no_half_made_target(project: Project, inputs: Path):
    """Kill the chain outright at several moments; what is left must load, and finish the same."""
    command = ["make", "VENV=", f"PYTHON={sys.executable}", *arguments(inputs, "accuracy")]
    for moment in (1.0, 2.5, 4.0, 5.5):
        with subprocess.Popen(
            command, cwd=project.root, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as run:  # fmt: skip
            time.sleep(moment)
            os.killpg(run.pid, signal.SIGKILL)
        for path in project.root.glob("result/*/*.json"):
            json.loads(path.read_text())
    result = project.make(*arguments(inputs, "accuracy"))
    accuracy = re.search(r"^accuracy: (.*)$", result.stdout, re.MULTILINE)[1]
    fresh = Project(project.root.parent / "fresh")
    fresh_result = fresh.make(*arguments(inputs, "accuracy"))
    assert re.search(r"^accuracy: (.*)$", fresh_result.stdout, re.MULTILINE)[1] == accuracy


@pytest.mark.parametrize(
    ("argument", "allowed"),
    [
        ("NET=ir_se101", "ir100 ir152 ir50 ir_se100 ir_se152 ir_se50 mobilefacenet"),
        ("NET=", "ir_se100"),
        ("NET=_ir", "ir_se100"),
        ("ENGINE=tensorrt", "onnxruntime openvino"),
        ("PRECISION=fp4", "fp32"),
        ("BS=0", "positive integer"),
        ("BS=-1", "positive integer"),
        ("BS=1.5", "positive integer"),
        ("BS=two", "positive integer"),
        ("BS=", "positive integer"),
        ("BS=1 4", "positive integer"),
        ("BATCHES=1 x", "positive integers"),
        ("LOOP=0", "positive integer"),
        ("THREADS=all", "positive integer"),
        ("UNIQUE=yes", "0 1"),
        ("FUSE=2", "0 1"),
        ("STREAMS=0", "positive integer"),
        ("CALIB=my faces.bin", "one file"),
        ("EP=$$(touch pwned)", "one name"),
        ("DATA=my faces.bin", "one file"),
        ("DATA='; touch pwned; '", "one file"),
        ("DATA=$$(touch pwned)", "one file"),
        ("WEIGHTS=", "one file"),
    ],
)
def test_wrong_values_stop_at_once(project: Project, argument: str, allowed: str):
    result = project.make("accuracy", argument, ok=False)
    name, _, value = argument.replace("$$", "$").partition("=")
    assert f"{name}={value}" in result.stderr
    assert allowed in result.stderr
    assert result.stdout == ""
    assert not (project.root / "result").exists()
    assert not (project.root / "pwned").exists()


def test_missing_inputs(project: Project, inputs: Path):
    result = project.make("accuracy", "NET=ir50", f"DATA={inputs}/faces.bin", ok=False)
    assert "model/model_ir50.pth is missing" in result.stderr
    assert "WEIGHTS=" in result.stderr
    assert "make demo" in result.stderr
    result = project.make(*arguments(inputs, "preprocess"), "DATA=none.bin", ok=False)
    assert "none.bin is missing" in result.stderr
    assert not list(project.root.glob("data/none*"))


def test_an_unusable_input_leaves_no_product(project: Project, inputs: Path, tmp_path: Path):
    (tmp_path / "faces.bin").write_bytes(b"no pickle")
    result = project.make(*arguments(inputs, "accuracy"), f"DATA={tmp_path}/faces.bin", ok=False)
    assert "faces.bin cannot be read as a verification .bin" in result.stderr
    assert not (project.root / "data" / "faces_list.npy").exists()
    assert not (project.root / RESULT).exists()


def test_help_is_the_default_and_names_everything(project: Project):
    text = project.make().stdout
    assert text == project.make("help").stdout
    makefiles = [ROOT / "Makefile", *(ROOT / "scripts").glob("*.mk")]
    source = "\n".join(p.read_text() for p in makefiles)
    for phony in re.findall(r"^\.PHONY: (.*)$", source, re.MULTILINE):
        for target in set(phony.split()) - {"FORCE", "verify-bs$(BS)", "profile-bs$(BS)"}:
            assert re.search(rf"^  {target} ", text, re.MULTILINE), target
    for variable in re.findall(r"^([A-Z_]+) \?=", source, re.MULTILINE):
        assert re.search(rf"^  {variable} ", text, re.MULTILINE), variable


def test_clean_keeps_downloads_and_distclean_does_not(project: Project, inputs: Path):
    keep = ["data/lfw.bin", "model/model_ir_se100.pth", ".venv/pyvenv.cfg"]
    own = ["data/mine.bin", "data/photos/a.jpg", "model/mine.pth", "result/notes.txt"]
    for name in keep + own:
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text("x")
    tracked = {p for p in project.root.rglob("*") if p.is_file()}
    project.make(*arguments(inputs, "preprocess", "onnx"))
    project.make("data/demo.bin")
    project.make("clean")
    left = {p for p in project.root.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert left == tracked
    project.make("distclean")
    for name in keep:
        assert not (project.root / name).exists()
    for name in own:
        assert (project.root / name).exists()


def test_every_script_sources_the_environment():
    for script in (ROOT / "scripts").glob("*.sh"):
        assert '. "$root/env.sh"' in script.read_text(), script
        assert os.access(script, os.X_OK), script


def test_env_sources_cann_where_it_is(project: Project, tmp_path: Path):
    (tmp_path / "set_env.sh").write_text("export FROM_CANN=$UNSET_VARIABLE.yes\nfalse\n")
    script = ("scripts/python.sh", "-c", "import os; print(os.environ['FROM_CANN'])")
    environment = os.environ | {"PY": sys.executable, "ASCEND_SET_ENV": f"{tmp_path}/set_env.sh"}
    result = subprocess.run(
        script, cwd=project.root, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == ".yes\n"


def local_imports(module: Path) -> set[Path]:
    """Return the project's modules that ``module`` imports, directly or not, itself included."""
    python = ROOT / "python"
    found: set[Path] = set()
    queue = [module]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            for name in names:
                target = python / name.replace(".", "/")
                for candidate in (target.with_suffix(".py"), target / "__init__.py"):
                    if candidate.exists():
                        queue.append(candidate)
    return found


def test_every_step_depends_on_all_the_modules_it_runs(project: Project, inputs: Path):
    """Whatever a recipe's Python imports must be a prerequisite, or a change goes unnoticed."""
    for engine in ("openvino", "onnxruntime", "torch"):
        goals = ["accuracy", "perf", "data/demo.bin", "model/demo_mobilefacenet.pth"]
        options = [*arguments(inputs, *goals), f"ENGINE={engine}"]
        database = project.make("-npq", *options, ok=False).stdout
        checked = set()
        for rule in database.split("\n\n"):
            module = re.search(r"\$\(MODULE\) python/(\w+)\.py", rule)
            # Only rules for this configuration: a target line, then the recipe.
            head = re.match(r"(?:#.*\n)*([^#\n\t][^:\n]*): ([^\n]*)", rule)
            # What is made anew each time need not say what it is made by.
            fresh = not head or "/" not in head[1] or head[1] == "result/report.html"
            if not module or fresh or "%" in head[1]:
                continue
            needed = local_imports(ROOT / "python" / f"{module[1]}.py")
            if module[1] in ("embed", "benchmark"):
                needed |= local_imports(ROOT / "python" / "engines" / f"{engine}.py")
            names = {str(p.relative_to(ROOT)) for p in needed}
            missing = names - set(head[2].split())
            assert not missing, f"{head[1]} must depend on {sorted(missing)}"
            checked.add(module[1])
        assert {"preprocess", "export_onnx", "fuse_onnx", "embed", "score", "benchmark"} <= checked
