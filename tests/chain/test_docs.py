"""The documents agree with the code and with each other; what they tell people to do works."""

import ast
import re
import shutil

import pytest

from support.project import PYTHON, ROOT

ENGLISH, CHINESE = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
MAKEFILES = [ROOT / "Makefile", *sorted((ROOT / "scripts").glob("*.mk"))]


def targets() -> set[str]:
    """Return the targets that make help shows."""
    source = "\n".join(path.read_text() for path in MAKEFILES)
    return set(re.findall(r"^([a-z-]+):.*## ", source, re.MULTILINE))


def test_the_map_shows_exactly_the_doors_and_rooms_of_the_tree():
    shown = re.findall(r"^\| `(python/(?:\w+\.py|\w+/))` \| (.+) \|$", ARCHITECTURE, re.MULTILINE)
    doors = {f"python/{path.name}" for path in PYTHON.glob("*.py")}
    rooms = {f"python/{path.parent.name}/" for path in PYTHON.glob("*/__init__.py")}
    assert sorted(name for name, _ in shown) == sorted(doors | rooms)
    assert all(len(line) > 10 for _, line in shown)
    for name in re.findall(r"`(scripts/[\w./-]+|python/[\w./]+\.\w+)`", ARCHITECTURE):
        assert (ROOT / name).exists() or "<" in name, name


def imports(path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found


def test_a_door_is_a_program_and_nobody_imports_one():
    doors = {path.stem: path for path in PYTHON.glob("*.py")}
    source = "\n".join(path.read_text() for path in MAKEFILES)
    source += "\n".join(path.read_text() for path in (ROOT / "scripts").glob("*.sh"))
    for name, path in doors.items():
        assert 'if __name__ == "__main__":' in path.read_text(), path
        assert f"python/{name}.py" in source, f"nothing runs {path}"
    for path in PYTHON.rglob("*.py"):
        assert not imports(path) & set(doors), path
    for path in PYTHON.glob("*/*.py"):
        assert "if __name__" not in path.read_text(), f"{path} is in a room, but a program"


def headings(text):
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    return [len(level) for level in re.findall(r"^(#+) ", text, re.M)]


def test_both_readmes_have_the_same_headings_commands_and_links():
    assert headings(ENGLISH) == headings(CHINESE)
    blocks = r"```.*?```"
    assert re.findall(blocks, ENGLISH, re.S) == re.findall(blocks, CHINESE, re.S)
    link = r"\]\(([^)]+)\)"
    assert re.findall(link, ENGLISH) == re.findall(link, CHINESE)
    for target in re.findall(link, ENGLISH):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_both_readmes_begin_with_two_commands_and_the_picture():
    for text in (ENGLISH, CHINESE):
        start = text.partition("\n## ")[0]
        assert "make demo" in start
        assert "make test" in start
        assert "docs/report.png" in start


def listed_messages(text):
    """Return the messages in the README: the tables' first cells that are not targets."""
    tables = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    return [message for message in tables if not message.startswith("make ")]


def messages() -> str:
    """Return the texts in the code, an f-string's values as an ellipsis."""
    found = [path.read_text() for path in (ROOT / "scripts").glob("*.sh")]
    for path in PYTHON.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_listed_messages_exist_in_the_code_and_in_both_readmes():
    code = messages()
    listed = listed_messages(ENGLISH)
    assert len(listed) > 5
    assert listed == listed_messages(CHINESE)
    for message in listed:
        assert message in code, message


def test_commands_of_the_documents_are_targets():
    for text in (ENGLISH, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```sh\n(.*?)```", text, re.S):
            for target in re.findall(r"^make ([a-z-]+)", block, re.M):
                assert target in targets(), target


@pytest.fixture
def with_tiny(project, tiny):
    (project.root / "data").mkdir(exist_ok=True)
    shutil.copy(tiny / "faces.bin", project.root / "data/faces.bin")
    project.settings = ["BS=1", "DATA=data/faces.bin", f"WEIGHTS={tiny / 'mobilefacenet.pth'}"]
    return project


def test_an_engine_a_network_and_a_set_are_added_as_documented(with_tiny):
    """docs/architecture.md: one file and one line, one file, one file; run once, together."""
    root = with_tiny.root
    engine = (root / "python/engines/onnxruntime.py").read_text()
    (root / "python/engines/dummy.py").write_text(engine)
    with (root / "python/engines/engines.mk").open("a") as table:
        table.write("ENGINE.dummy := fp32 arrays\n")
    network = (root / "python/networks/mobilefacenet.py").read_text()
    (root / "python/networks/dummynet.py").write_text(network)
    shutil.copy(root / "data/faces.bin", root / "data/dummyset.bin")
    settings = [s for s in with_tiny.settings if not s.startswith("DATA=")]
    said = with_tiny.make(
        "accuracy", "NET=dummynet", "ENGINE=dummy", "DATASETS=faces dummyset", *settings
    ).stdout
    assert (root / "result/mobilefacenet_dummyset_dummy_fp32_bs1/accuracy.json").exists()
    assert (root / "result/mobilefacenet_faces_dummy_fp32_bs1/accuracy.json").exists()
    assert "nothing known" in said
    # A published figure for it shows up beside its own.
    published = root / "python/evaluation/published.json"
    text = published.read_text()
    figure = '"published": {"dummynet": {"source": "guide", "dummyset": 0.75},'
    published.write_text(text.replace('"published": {', figure, 1))
    said = with_tiny.make(
        "accuracy", "NET=dummynet", "ENGINE=dummy", "DATASETS=dummyset", *settings
    ).stdout
    assert "0.7500" in said
