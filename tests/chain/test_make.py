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

import openvino
import pytest
import torch

import engines
from support.project import ROOT, Project, expect_error

RESULT = "result/mobilefacenet_faces_openvino_fp32_bs4"
# A door, in a recipe as it is written.
DOOR = re.compile(r"^\t.*\$\((?:STEP|STEP_ALONE|RUN_DOOR)\).* python/(\w+)\.py", re.MULTILINE)


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
    return re.findall(r"^  ([a-z_-]+) +\S+ +[0-9.]+ s$", output, re.MULTILINE)


def planned(output: str) -> list[str]:
    """Return the verbs of the steps that make -n announced, in order."""
    return re.findall(r"scripts/step\.sh (?:--alone )?([a-z_-]+) ", output)


def products(project: Project) -> list[str]:
    """Return what lies in data/, model/ and result/ besides their READMEs and make's own notes."""
    found = [p for d in ("data", "model", "result") for p in (project.root / d).rglob("*")]
    names = [p.relative_to(project.root).as_posix() for p in found if p.is_file()]
    notes = ("README.md", "result/.make", "result/.now")
    return sorted(n for n in names if not n.endswith(notes) and "/.stamp/" not in n)


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
    assert products(project) == []
    first = project.make("-j4", *arguments(inputs, "accuracy", "perf", "LOOP=2"))
    # One card for both.
    assert first.stdout.count("\nfiles ") == 1
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
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        f"accuracy: {stored['accuracy']}",
        f"best_thresholds: {stored['best_threshold']}",
        "",
    ]
    assert lines[3].startswith("mobilefacenet · faces · openvino fp32 · batch 4 · ")
    assert lines[-2:] == [f"files       {RESULT}/", "next        make report"]
    assert max(map(len, lines)) <= 80


def test_what_infer_left_is_scored_by_name(built: Project, inputs: Path):
    embeddings = built.root / RESULT / "embeddings.npy"
    before = (built.root / RESULT / "accuracy.json").read_text()
    assert planned(built.make("-n", *arguments(inputs, "infer")).stdout) == []
    # Whatever variable has changed since.
    again = built.make(*arguments(inputs, "postprocess", "THREADS=1"))
    assert steps(again.stdout) == ["score"] and "accuracy: " in again.stdout
    assert (built.root / RESULT / "accuracy.json").read_text() == before
    aside = embeddings.rename(embeddings.with_suffix(".aside"))
    result = built.make(*arguments(inputs, "postprocess"), ok=False)
    expect_error(result, f"{RESULT}/embeddings.npy is missing; run make infer first")
    aside.rename(embeddings)


@pytest.mark.parametrize(
    ("touched", "remade"),
    [
        ("python/score.py", ["score"]),
        ("python/embed.py", ["embed", "score"]),
        ("python/simplify_onnx.py", ["simplify", "fuse", "embed", "score"]),
        ("python/fusion/trunk.py", ["fuse", "embed", "score"]),
        ("python/engines/openvino.py", ["embed", "score"]),
        (
            "python/networks/_blocks.py",
            ["export", "fix-batch", "simplify", "fuse", "embed", "score"],
        ),
        ("python/networks/ir50.py", []),
        ("python/reporting/terminal.py", []),
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
    command = [sys.executable, "python/make_demo_checkpoint.py", "--net", "mobilefacenet"]
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
    assert {k: v for k, v in last.items() if not k.endswith(("_s", "fps", "date"))} == {
        k: v for k, v in first.items() if not k.endswith(("_s", "fps", "date"))
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
    shutil.rmtree(built.root / "data" / "faces_crops")
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
    assert len(list((built.root / "model").glob("mobilefacenet_*.data"))) == 2


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
        ("NET=ir_se101", "ir_se100 ir_se152 ir_se50"),
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
    assert products(project) == []
    assert not (project.root / "pwned").exists()


def test_missing_inputs(project: Project, inputs: Path):
    result = project.make("accuracy", "NET=ir50", f"DATA={inputs}/faces.bin", ok=False)
    assert "model/model_ir50.pth is missing" in result.stderr
    assert "WEIGHTS=" in result.stderr
    assert "make demo" in result.stderr
    result = project.make(*arguments(inputs, "preprocess"), "DATA=none.bin", ok=False)
    assert "none.bin is missing" in result.stderr
    # Told before anything is exported.
    for given in ("DATA=none.bin", "WEIGHTS=none.pth", "DATASETS=none"):
        result = project.make("-j4", *arguments(inputs, "accuracy"), given, ok=False)
        expect_error(result, "none", "is missing; put it there", "make demo")
        assert products(project) == []
    # A file that no goal names so early is told by its rule.
    result = project.make("none.bin", "DATA=none.bin", ok=False)
    expect_error(result, "none.bin is missing", "DATA_URL=")


def test_an_unusable_input_leaves_no_product(project: Project, inputs: Path, tmp_path: Path):
    (tmp_path / "faces.bin").write_bytes(b"no pickle")
    result = project.make(*arguments(inputs, "accuracy"), f"DATA={tmp_path}/faces.bin", ok=False)
    assert "faces.bin cannot be read as a verification .bin" in result.stderr
    assert not (project.root / "data" / "faces_list.npy").exists()
    assert not (project.root / RESULT / "embeddings.npy").exists()


def test_help_is_the_default_and_names_everything(project: Project):
    text = project.make().stdout
    assert text == project.make("help").stdout
    source = "\n".join((ROOT / name).read_text() for name in ("Makefile", "scripts/extras.mk"))
    for phony in re.findall(r"^\.PHONY: (.*)$", source, re.MULTILINE):
        for target in phony.split():
            assert re.search(rf"^  {target} ", text, re.MULTILINE), target
    variables = (ROOT / "scripts/variables.mk").read_text()
    for variable in re.findall(r"^([A-Z_]+) \?=", variables, re.MULTILINE):
        assert re.search(rf"^  {variable} ", text, re.MULTILINE), variable
        assert re.search(rf"^## {{[^}}]+}} .+\n{variable} \?=", variables, re.MULTILINE), variable
    for name, declaration in engines.declared().items():
        for variable in declaration.variables:
            assert re.search(rf"^  {variable} +\([^)]*\b{name}\b[^)]*\)", text, re.MULTILINE)


def test_no_variable_is_declared_elsewhere():
    for path in (ROOT / "Makefile", *(ROOT / "scripts").glob("*.mk")):
        if path.name != "variables.mk":
            assert not re.search(r"^[A-Z_]+ \?=", path.read_text(), re.MULTILINE), path


def test_clean_keeps_downloads_and_distclean_does_not(project: Project, inputs: Path):
    keep = ["data/lfw.bin", "model/model_ir_se100.pth", ".venv/pyvenv.cfg"]
    own = ["data/mine.bin", "data/photos/a.jpg", "model/mine.pth", "result/notes.txt"]
    for name in keep + own:
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text("x")
    # A name like a product's, of a checkpoint that the chain has not seen.
    own += ["model/other_bs16.onnx", "model/other.onnx"]
    for name in own[-2:]:
        (project.root / name).write_text("x")
    tracked = {p for p in project.root.rglob("*") if p.is_file()}
    project.make(*arguments(inputs, "preprocess", "onnx"))
    project.make("data/demo.bin")
    project.make("clean")
    left = {p for p in project.root.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert left - {project.root / f"result/{name}" for name in (".make", ".now")} == tracked
    for folder in ("data", "model", "result"):
        assert (project.root / folder / "README.md").exists()
    project.make("distclean")
    for name in keep:
        assert not (project.root / name).exists()
    for name in own:
        assert (project.root / name).exists()


def test_every_script_that_runs_the_chain_sources_the_environment():
    for script in (ROOT / "scripts").glob("*.sh"):
        text = script.read_text()
        if "python" in text and script.name != "setup.sh":
            runs = '. "$root/env.sh"' in text or "step.sh" in text or "scripts/python.sh" in text
            assert runs, script
        sourced = "Sourced by" in text
        assert os.access(script, os.X_OK) != sourced, script


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
        names = []
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            target = python / name.replace(".", "/")
            package = python / name.split(".")[0] / "__init__.py"
            candidates = (target.with_suffix(".py"), target / "__init__.py", package)
            queue += [candidate for candidate in candidates if candidate.exists()]
    return found


def rules(database: str) -> dict[str, tuple[str, set[str]]]:
    """Return for each target that a door makes the door and the modules it depends on."""
    found = {}
    canned = dict(re.findall(r"^([A-Z_]+) = (.*)$", database, re.MULTILINE))
    for rule in database.split("\n\n"):
        rule = re.sub(r"\$\(call ([A-Z_]+),", lambda call: canned.get(call[1], "") + " ", rule)
        door = DOOR.search(rule)
        heads = re.finditer(r"^([^#\n\t:]+): ([^\n]*)$", rule, re.MULTILINE)
        head = next((h for h in heads if ":=" not in h[2]), None)
        # What is made anew each time need not say what it is made by.
        if (
            door
            and head
            and "/" in head[1]
            and "%" not in head[1]
            and head[1] != "result/report.html"
        ):
            words = set(head[2].split("|")[0].split())
            modules = {w for w in words if w.startswith("python/") and w.endswith(".py")}
            found[head[1]] = (door[1], modules)
    return found


@pytest.mark.parametrize("engine", engines.declared())
def test_every_step_depends_on_the_modules_it_runs_and_no_others(
    project: Project, inputs: Path, engine: str
):
    """A module that is missing goes unnoticed when it changes; a surplus one remakes in vain."""
    precision = engines.declared()[engine].precisions[0]
    project.make("-n", *arguments(inputs, "accuracy"), f"ENGINE={engine}")
    database = project.make(
        "-npq", *arguments(inputs, "accuracy"), f"ENGINE={engine}", ok=False
    ).stdout
    found = rules(database)
    by_name = dict.fromkeys(("embed", "benchmark", "tune", "check_engine"), "engines")
    by_name |= dict.fromkeys(("export_onnx", "make_demo_checkpoint", "reference_check"), "networks")
    for target, (door, modules) in found.items():
        needed = local_imports(ROOT / "python" / f"{door}.py")
        if by_name.get(door) == "engines":
            needed |= local_imports(ROOT / "python/engines" / f"{engine}.py")
        if by_name.get(door) == "networks":
            needed |= local_imports(ROOT / "python/networks/mobilefacenet.py")
        names = {p.relative_to(ROOT).as_posix() for p in needed}
        assert modules == names, f"{target}: missing {names - modules}, surplus {modules - names}"
    folder = f"result/mobilefacenet_faces_{engine}_{precision}_bs4"
    runs = ("embed_npu", "benchmark_npu") if engine == "ascend" else ("embed", "benchmark")
    assert (found[f"{folder}/embeddings.npy"][0], found[f"{folder}/perf.json"][0]) == runs
    assert {"preprocess", "export_onnx", "fuse_onnx", "quantize", "build_om", "score"} <= {
        door for door, _ in found.values()
    }


def test_a_module_that_is_deleted_or_renamed_does_not_stop_make(built: Project, inputs: Path):
    old = built.root / "python/common/table.py"
    new = old.with_name("aligned_table.py")
    users = [p for p in (built.root / "python").rglob("*.py") if "common.table" in p.read_text()]
    assert users
    old.rename(new)
    for path in users:
        path.write_text(path.read_text().replace("common.table", "common.aligned_table"))
    try:
        assert "accuracy: " in built.make(*arguments(inputs, "accuracy")).stdout
    finally:
        new.rename(old)
        for path in users:
            path.write_text(path.read_text().replace("common.aligned_table", "common.table"))


def test_without_python_help_and_plans_still_work(project: Project, inputs: Path):
    nothing = ("VENV=", "PYTHON=/nonexistent/python")
    assert "make accuracy" in project.make("help", *nothing).stdout
    plan = planned(project.make("-n", *arguments(inputs, "accuracy"), *nothing).stdout)
    assert {"preprocess", "export", "embed", "score"} <= set(plan)
    # Before the environment is made it is the first step.
    plan = project.make("-n", *arguments(inputs, "accuracy"), "VENV=.venv").stdout
    assert planned(plan)[:2] == ["install", "install"]


def programs(project: Project, *arguments: str) -> list[str]:
    """Return the programs that a make run executes, itself included."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace (scripts/ci_packages.sh installs it)")
    command = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", "trace"]
    command += ["make", "VENV=", f"PYTHON={sys.executable}", *arguments]
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(command, cwd=project.root, env=variables, check=True, stdout=subprocess.DEVNULL)
    trace = (project.root / "trace").read_text()
    return re.findall(r'execve\("([^"]*)".* = 0$', trace, re.MULTILINE)


def test_make_starts_few_programs_before_its_first_recipe(built: Project, inputs: Path):
    assert len(programs(built, "-n", "clean")) <= 2
    assert len(programs(built, "-n", *arguments(inputs, "accuracy"))) <= 5


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("BATCH=1", "BATCHES="),
        ("bs=1", "BS="),
        ("ENIGNE=openvino", "ENGINE="),
        ("WEIGHT=x.pth", "WEIGHTS="),
        ("DATA_SET=x.bin", "DATASETS="),
        ("PRESICION=fp32", "PRECISION="),
    ],
)
def test_a_misspelt_variable_stops_at_once(built: Project, inputs: Path, given: str, nearest: str):
    result = built.make(*arguments(inputs, "accuracy"), given, ok=False)
    assert (
        f"there is no variable {given.partition('=')[0]}; did you mean {nearest}?" in result.stderr
    )
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("acuracy", "accuracy"),
        ("perf-al", "perf-all"),
        ("clen", "clean"),
        ("all-pair", "all-pairs"),
    ],
)
def test_a_misspelt_target_stops_at_once(built: Project, given: str, nearest: str):
    result = built.make(given, ok=False)
    assert f"error: there is no target {given}; did you mean {nearest}?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("engine", "given", "why"),
    [
        ("openvino", "TORCH_MODE=eager", "choose ENGINE=torch"),
        ("openvino", "TORCH_DEVICE=cpu", "choose ENGINE=torch"),
        ("openvino", "AIPP=1", "choose ENGINE=ascend"),
        ("openvino", "AIPP=0", "choose ENGINE=ascend"),
        ("openvino", "OUTFMT=BIN", "choose ENGINE=ascend"),
        ("openvino", "ATC_FLAGS=--log=info", "choose ENGINE=ascend"),
        ("openvino", "DEVICE=1", "choose ENGINE=ascend or ENGINE=onnxruntime"),
        ("openvino", "EP=CPUExecutionProvider", "choose ENGINE=onnxruntime"),
        ("openvino", "CALIB=faces.bin", "PRECISION=int8"),
        ("onnxruntime", "CALIB=faces.bin", "choose ENGINE=openvino"),
        ("onnxruntime", "STREAMS=2", "choose ENGINE=ncnn or ENGINE=openvino"),
        ("onnxruntime", "DEVICE=0", "EP=CANNExecutionProvider"),
        ("torch", "STREAMS=2", "choose ENGINE=ncnn or ENGINE=openvino"),
        ("ascend", "STREAMS=2", "choose ENGINE=ncnn or ENGINE=openvino"),
        (
            "ascend",
            "THREADS=2",
            "choose ENGINE=ncnn or ENGINE=onnxruntime or ENGINE=openvino or ENGINE=torch",
        ),
    ],
)
def test_what_an_engine_does_not_take_is_refused(
    built: Project, inputs: Path, engine: str, given: str, why: str
):
    result = built.make(*arguments(inputs, "accuracy"), f"ENGINE={engine}", given, ok=False)
    assert f"{given} does nothing with" in result.stderr or "does nothing without" in result.stderr
    assert why in result.stderr and "leave it out" in result.stderr


def test_a_precision_that_the_processor_lacks_is_told_first(project: Project, inputs: Path):
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("needs a processor without bf16")
    result = project.make(*arguments(inputs, "accuracy"), "PRECISION=bf16", ok=False)
    expect_error(result, "PRECISION=bf16 needs BF16 arithmetic")
    assert products(project) == []


def test_a_second_checkpoint_keeps_the_results_of_the_first(
    built: Project, inputs: Path, tmp_path: Path
):
    first = (built.root / RESULT / "accuracy.json").read_bytes()
    state = torch.load(inputs / "mobilefacenet.pth", weights_only=True)
    state["bn.weight"] = state["bn.weight"].flip(0)
    torch.save(state, tmp_path / "model_other.pth")
    made = built.make(*arguments(inputs, "accuracy"), f"WEIGHTS={tmp_path}/model_other.pth")
    assert "export" in steps(made.stdout)
    assert (built.root / "model/model_other_bs4_fused.onnx").exists()
    assert (built.root / RESULT / "accuracy.json").read_bytes() == first
    assert steps(built.make(*arguments(inputs, "accuracy")).stdout) == []
    other = "result/other_faces_openvino_fp32_bs4"
    compared = built.make("compare", f"A={RESULT}", f"B={other}").stdout
    assert "not comparable, A and B have different weights" in compared
    # One weight file a checkpoint for the graphs as they are, and one for the fused ones.
    assert len(list((built.root / "model").glob("model_other_*.data"))) == 2
