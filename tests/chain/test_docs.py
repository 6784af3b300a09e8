"""The documents agree with the code and with each other; what they tell people to do works."""

import re
import shutil

import pytest

import generate_docs
from support.project import ROOT

ENGLISH, CHINESE = ((ROOT / name).read_text() for name in generate_docs.READMES)


def test_tables_and_messages_are_those_of_the_code():
    for name, content in generate_docs.generated(ROOT).items():
        assert (ROOT / name).read_text() == content, f"{name} is out of date: run make docs"


def test_help_has_every_target_and_variable(project):
    said = project.make("help").stdout
    for name in re.findall(r"^\| `(?:make )?([\w-]+)` \|", generate_docs.help_tables(ROOT), re.M):
        assert re.search(rf"^  {name} ", said, re.M), name


def test_every_variable_has_its_help():
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", generate_docs.help_tables(ROOT), re.M))
    for path in (ROOT / "Makefile", *(ROOT / "scripts").glob("*.mk")):
        for name in re.findall(r"^([A-Z_]+) \?=", path.read_text(), re.M):
            assert name in described, f"{name} of {path.name} has no ## line above it"


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
    """The messages in the chapter on errors: before the chapter with the generated tables."""
    chapter = text.split("docs/messages.md)", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", chapter, re.M)


def test_listed_messages_exist_in_the_code_and_in_both_readmes():
    code = "\n".join(path.read_text() for path in (ROOT / "scripts").glob("*.sh"))
    code += "\n".join(generate_docs.messages(ROOT))
    listed = listed_messages(ENGLISH)
    assert len(listed) > 5
    assert listed == listed_messages(CHINESE)
    for message in listed:
        assert message in code, message


def test_commands_of_the_readme_are_targets():
    targets = set(re.findall(r"^\| `make ([\w-]+)` \|", generate_docs.help_tables(ROOT), re.M))
    for block in re.findall(r"```sh\n(.*?)```", ENGLISH, re.S):
        for target in re.findall(r"^make ([a-z-]+)", block, re.M):
            assert target in targets, target


@pytest.fixture
def with_tiny(project, tiny):
    (project.root / "data").mkdir()
    shutil.copy(tiny / "faces.bin", project.root / "data/faces.bin")
    project.settings = ["BS=1", "DATA=data/faces.bin", f"WEIGHTS={tiny / 'mobilefacenet.pth'}"]
    return project


def test_an_engine_a_network_and_a_set_are_added_as_documented(with_tiny):
    """docs/architecture.md: one file and one line, one file, one file; run once, together."""
    root = with_tiny.root
    engine = (root / "python/engines/onnxruntime.py").read_text()
    (root / "python/engines/dummy.py").write_text(engine)
    names = root / "scripts/names.mk"
    makefile = names.read_text()
    line = "PRECISIONS_onnxruntime :="
    assert line in makefile
    makefile = makefile.replace(line, f"PRECISIONS_dummy := fp32\n{line}", 1)
    names.write_text(makefile)
    network = (root / "python/networks/mobilefacenet.py").read_text()
    (root / "python/networks/dummynet.py").write_text(network)
    shutil.copy(root / "data/faces.bin", root / "data/dummyset.bin")
    settings = [s for s in with_tiny.settings if not s.startswith("DATA=")]
    said = with_tiny.make(
        "accuracy", "NET=dummynet", "ENGINE=dummy", "DATASETS=faces dummyset", *settings
    ).stdout
    assert (root / "result/dummynet_dummyset_dummy_fp32_bs1/accuracy.json").exists()
    assert (root / "result/dummynet_faces_dummy_fp32_bs1/accuracy.json").exists()
    assert "nothing known" in said
    # A published figure for it shows up beside its own.
    published = root / "python/published.json"
    text = published.read_text()
    figure = '"published": {"dummynet": {"source": "guide", "dummyset": 0.75},'
    published.write_text(text.replace('"published": {', figure, 1))
    said = with_tiny.make(
        "accuracy", "NET=dummynet", "ENGINE=dummy", "DATASETS=dummyset", *settings
    ).stdout
    assert "0.7500" in said
