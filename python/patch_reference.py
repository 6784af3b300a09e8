"""Make the public reference import with current packages, by rule and any number of times.

Its verifacation.py and data/data_pipe.py import mxnet, which no current Python has, and
torchvision, which only training needs. Such imports move into the functions that use them, and
the one use of mxnet that evaluation has, decoding an image, becomes OpenCV's. The folders of its
work_space are links to its author's; they become empty folders, as the guide has them.
"""

import argparse
import ast
import re
from pathlib import Path

from common.errors import ChainError, exit_with
from common.files import replacing

# What the reference is recognised by: file -> functions and classes at its top level.
KNOWN = {
    "model.py": {"Backbone", "MobileFaceNet", "l2_norm"},
    "verifacation.py": {"evaluate", "calculate_roc", "calculate_accuracy"},
    "data/data_pipe.py": {"load_bin", "load_mx_rec", "get_val_pair"},
}
ABSENT = ("mxnet", "torchvision")
WORK_SPACE = ("history", "log", "models", "save")

# mx.image.imdecode gives RGB, as the code after it expects.
_DECODE = re.compile(r"mx\.image\.imdecode\((\w+)\)\.asnumpy\(\)")
_DECODED = (
    r"cv2.cvtColor(cv2.imdecode(np.frombuffer(\1, np.uint8), cv2.IMREAD_COLOR), "
    r"cv2.COLOR_BGR2RGB)"
)


def patch(folder: Path) -> list[str]:
    """Patch the reference in ``folder``; return the files and links that were changed.

    Raises ``ChainError``, having changed nothing, where it is not recognised.
    """
    changed = {}
    for name, definitions in KNOWN.items():
        path = _inside(folder, name)
        source = _read(path)
        found = {n.name for n in _parse(source, path).body if hasattr(n, "name")}
        if missing := sorted(definitions - found):
            raise ChainError(
                f"{path} does not define {missing[0]}, so {folder} is not the reference that the "
                "patch is made for; move it away and run make patch."
            )
        patched = _DECODE.sub(_DECODED, source) if name == "data/data_pipe.py" else source
        patched = move_imports(patched, path)
        _parse(patched, path)
        if patched != source:
            changed[path] = patched
    work_space = _inside(folder, "work_space")
    for path, text in changed.items():
        with (
            replacing(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            file.write(text)
    links = [path for name in WORK_SPACE if (path := work_space / name).is_symlink()]
    for path in links:
        path.unlink()
    for name in WORK_SPACE:
        (work_space / name).mkdir(parents=True, exist_ok=True)
    return [str(path.relative_to(folder)) for path in (*changed, *links)]


def _inside(folder: Path, name: str) -> Path:
    """Return the path of ``name`` in ``folder``; ``ChainError`` where a link is in the way."""
    path = folder / name
    if path.resolve() != folder.resolve() / name:
        raise ChainError(
            f"{path} is a link or lies behind one, which the reference does not have there; "
            "move it away and run make patch."
        )
    return path


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (FileNotFoundError, UnicodeDecodeError):
        raise ChainError(
            f"{path} is missing or no text, so {path.parent} is not the reference that the patch "
            "is made for; move it away and run make patch."
        ) from None


def _parse(source: str, path: Path) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ChainError(
            f"{path} is not Python ({error}); move it away and run make patch."
        ) from None


def move_imports(source: str, path: Path) -> str:
    """Return ``source`` with each top-level import of ``ABSENT`` in the functions that use it."""
    tree = _parse(source, path)
    lines = source.splitlines(keepends=True)
    inserted: dict[int, list[str]] = {}  # before which line (from 0) to put what
    removed: set[int] = set()
    for node in tree.body:
        if not _is_absent(node):
            continue
        statement = ast.unparse(node)
        names = {alias.asname or alias.name.split(".")[0] for alias in node.names}
        removed |= set(range(node.lineno - 1, node.end_lineno))
        for user in tree.body:
            used = {n.id for n in ast.walk(user) if isinstance(n, ast.Name)} & names
            if not used or user is node:
                continue
            if not isinstance(user, ast.FunctionDef):
                raise ChainError(
                    f"{path} uses {min(used)} outside of a function, which the patch does not "
                    "know; move the folder away and run make patch."
                )
            first = user.body[0]
            line = lines[first.lineno - 1]
            indent = line[: len(line) - len(line.lstrip())]
            end = "\r\n" if line.endswith("\r\n") else "\n"
            inserted.setdefault(first.lineno - 1, []).append(f"{indent}{statement}{end}")
    result = []
    for number, line in enumerate(lines):
        result += inserted.get(number, [])
        if number not in removed:
            result.append(line)
    return "".join(result)


def _is_absent(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
    else:
        return False
    return any(m.split(".")[0] in ABSENT for m in modules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="checkout of the reference")
    for name in patch(parser.parse_args().folder):
        print(f"patched {name}")


if __name__ == "__main__":
    exit_with(main)
