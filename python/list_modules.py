"""What each door, engine, network and index imports and needs installed -> a make fragment.

Standard library only, and in old Python: it runs before anything is installed. A module that is
loaded by name is not found; the rule says it. Every module is a target without a recipe too, so
that one that was deleted or renamed does not stop make.
"""

import argparse
import ast
import os
import sys
from pathlib import Path

from common import parts

ROOT = Path(__file__).resolve().parent
# Rooms whose files are loaded by name.
BY_NAME = ("engines", "indexes", "networks")


def files_of(name):
    """Return the files of the dotted module ``name`` and of the packages around it."""
    found = []
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        path = ROOT.joinpath(*parts[:count])
        found += [p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()][:1]
    return found


def imported(path):
    """Return the project's files that the file ``path`` imports itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.update(files_of(alias.name))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found.update(files_of(f"{node.module}.{alias.name}"))
    return found


def foreign(path):
    """Return the top-level names of all that the file ``path`` imports, lazily or not."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return {name for name in found if not files_of(name)}


def closure(path, direct):
    """Return ``path`` and all that it imports, ``direct`` being what each file imports itself."""
    found, queue = set(), [path]
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue += direct[path]
    return found


def data_of(path):
    """Return the files that are no Python but belong to the module ``path``: its namesakes."""
    names = {"__init__": "engines.mk"} if path.parent.name == "engines" else {}
    beside = [path.with_suffix(suffix) for suffix in (".c", ".json")]
    beside.append(path.with_name(names.get(path.stem, "none")))
    return [p for p in beside if p.is_file()]


def fragment(count):
    """Return the make fragment; ``count`` tells later whether a file came or went."""
    modules = sorted(ROOT.glob("*.py")) + sorted(ROOT.glob("*/*.py"))
    direct = {path: imported(path) for path in modules}
    outside = {path: foreign(path) for path in modules}

    def shown(path):
        return path.relative_to(ROOT.parent).as_posix()

    lines = [f"# {count} files when this was made\n"]
    for path in modules:
        if path.parent == ROOT or (path.parent.name in BY_NAME and path.stem[0] != "_"):
            modules_of = closure(path, direct)
            every = {p for module in modules_of for p in (module, *data_of(module))}
            needed = parts.of_imports(set().union(*(outside[module] for module in modules_of)))
            name = path.relative_to(ROOT).with_suffix("").as_posix()
            lines.append(f"MODULES.{name} := {' '.join(sorted(map(shown, every)))}\n")
            lines.append(f"PARTS.{name} := {' '.join(sorted({parts.CORE, *needed}))}\n")
    everything = {p for module in modules for p in (module, *data_of(module))}
    return "".join(lines) + f"{' '.join(sorted(map(shown, everything)))}:\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="fragment to write")
    parser.add_argument("--count", type=int, required=True, help="how many files there are")
    args = parser.parse_args()
    out = args.out
    try:
        text = fragment(args.count)
    except SyntaxError as error:  # this Python is older than the modules
        sys.exit(f"error: {error.filename} cannot be read ({error}).")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.stem}.tmp-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, out)


if __name__ == "__main__":
    main()
