"""The documents agree with the code and with each other; what they tell people to do works."""

import ast
import re
import shutil

import pytest

from support.project import PYTHON, ROOT, imported

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# English and Chinese pages that say the same.
PAIRS = [
    (page.with_name(page.name.replace(".zh-CN", "")), page)
    for page in PAGES
    if ".zh-CN." in page.name
]
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


def test_a_door_is_a_program_and_nobody_imports_one():
    doors = {path.stem: path for path in PYTHON.glob("*.py")}
    source = "\n".join(path.read_text() for path in MAKEFILES)
    source += "\n".join(path.read_text() for path in (ROOT / "scripts").glob("*.sh"))
    for name, path in doors.items():
        assert 'if __name__ == "__main__":' in path.read_text(), path
        assert f"python/{name}.py" in source, f"nothing runs {path}"
    for path in PYTHON.rglob("*.py"):
        assert not imported(path) & set(doors), path
    for path in PYTHON.glob("*/*.py"):
        assert "if __name__" not in path.read_text(), f"{path} is in a room, but a program"


CODE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)


def headings(text: str) -> list[tuple[str, str]]:
    """Return level and words of each heading."""
    return re.findall(r"^(#+) (.+)$", CODE.sub("", text), re.MULTILINE)


def commands(text: str) -> list[str]:
    """Return the code blocks without the comments, which are in the page's language."""
    return [re.sub(r" +# .*", "", block) for block in CODE.findall(text)]


def links(text: str) -> list[str]:
    return [inline or defined for inline, defined in LINK.findall(CODE.sub("", text))]


def anchors(page) -> set[str]:
    """Return the names by which a link reaches the headings of ``page``, as GitHub makes them."""
    words = (words.lower() for _, words in headings(page.read_text()))
    return {re.sub(r"[^\w -]", "", name).replace(" ", "-") for name in words}


def test_the_pages_for_users_are_in_both_languages():
    names = {english.name for english, _ in PAIRS}
    assert names >= {"README.md", "own-data.md", "ascend.md", "messages.md"}


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_both_languages_have_the_same_headings_commands_tables_and_links(english, chinese):
    for link in links(chinese.read_text())[1:]:
        target = (chinese.parent / link.partition("#")[0]).resolve()
        assert target not in {other for other, _ in PAIRS}, f"{link} is there in Chinese too"
    english, chinese = english.read_text(), chinese.read_text()
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    assert commands(english) == commands(chinese)
    rows = re.compile(r"^\|.*\|$", re.MULTILINE)
    shapes = [[row.count("|") for row in rows.findall(text)] for text in (english, chinese)]
    assert shapes[0] == shapes[1]
    plain = [
        [link.partition("#")[0].replace(".zh-CN", "") for link in links(text)]
        for text in (english, chinese)
    ]
    assert plain[0] == plain[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in links(page.read_text()):
        if not link.startswith("http"):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.is_relative_to(ROOT) and target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short_and_begins_with_a_result_two_commands_and_the_picture():
    for english_or_chinese in ("README.md", "README.zh-CN.md"):
        text = (ROOT / english_or_chinese).read_text()
        assert len(text.splitlines()) < 200
        start = text.partition("\n## ")[0]
        assert len(start.splitlines()) <= 40
        for part in ("\nthroughput ", "\nmake demo ", "\nmake accuracy ", "docs/report.png"):
            assert part in start, part
    for number, line in enumerate((ROOT / "README.md").read_text().splitlines(), 1):
        assert len(line) <= 100 or line.startswith("[guide]: "), number


def test_no_page_names_a_place_beside_the_repository():
    for page in PAGES:
        assert "../" not in LINK.sub("", page.read_text()), page


def listed_messages(text):
    """Return the messages of a page: the tables' first cells."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.M)


def messages() -> str:
    """Return the texts in the code, an f-string's values as an ellipsis."""
    found = [path.read_text() for path in (ROOT / "env.sh", *(ROOT / "scripts").glob("*.sh"))]
    for path in PYTHON.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_listed_messages_exist_in_the_code_and_in_both_languages():
    code = messages()
    listed = listed_messages((ROOT / "docs/messages.md").read_text())
    assert len(listed) > 5
    assert listed == listed_messages((ROOT / "docs/messages.zh-CN.md").read_text())
    for message in listed:
        assert message in code, message


def test_commands_of_the_documents_are_targets():
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S):
            for goals in re.findall(r"^make ((?:[a-z-]+ )*[a-z-]+)(?= |$)", block, re.M):
                for target in goals.split():
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
