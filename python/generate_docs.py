"""What the documents say of targets, variables and error messages, taken from where it is true."""

import argparse
import ast
import subprocess
from pathlib import Path

from atomic import replacing
from errors import exit_with

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- from make help -->\n", "<!-- end -->"
READMES = ("README.md", "README.zh-CN.md")
MESSAGES = "docs/messages.md"
_HEAD = """# Error messages

Each message that the Python part of the chain gives, and what to do; `make docs` writes this page
from the code. A `…` stands for the file or value at fault.

| message | what to do |
|---|---|
"""


def help_tables(root: Path) -> str:
    """Return targets and variables as two Markdown tables, from the Makefiles' ## comments."""
    files = [root / "Makefile", *sorted((root / "scripts").glob("*.mk"))]
    command = [str(root / "scripts/help.sh"), "--markdown", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def messages(root: Path) -> list[str]:
    """Return the text of every ``ChainError`` raised in python/, in the order of the files."""
    found = []
    for path in sorted((root / "python").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ChainError":
                text = _text(node.args[0])
                if text.strip("…"):
                    found.append(text)
    return list(dict.fromkeys(found))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v) if isinstance(v, ast.Constant) else "…" for v in node.values)
    return "…"


def messages_page(root: Path) -> str:
    """Return docs/messages.md: each message, split where its remedy begins."""
    rows = []
    for message in messages(root):
        fault, _, remedy = message.replace("|", "\\|").rstrip(".").rpartition("; ")
        rows.append(f"| {fault or remedy} | {remedy if fault else ''} |\n")
    return _HEAD + "".join(rows)


def generated(root: Path) -> dict[str, str]:
    """Return the content that each document should have, by its path below ``root``."""
    out = {MESSAGES: messages_page(root)}
    for name in READMES:
        text = (root / name).read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        out[name] = before + BEGIN + help_tables(root) + END + rest.partition(END)[2]
    return out


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for name, content in generated(ROOT).items():
        with replacing(ROOT / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    exit_with(main)
