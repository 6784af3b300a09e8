"""Break the chain on purpose, class by class, and count what comes of it."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common.errors import ChainError
from common.files import write_json
from torture import shim, tally

RUN = Path(__file__).with_name("run.py")


def main() -> None:
    """Start the trials that the command line asks for; exit with 1 where one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for all classes together")
    parser.add_argument("--class", dest="classes", action="append", help="one class; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="seed of a class's first trial")
    parser.add_argument("--trials", type=int, help="so many of each class at most")
    parser.add_argument("--short", action="store_true", help="a few trials, of one engine")
    parser.add_argument("--out", type=Path, help="torture JSON to write")
    parser.add_argument("--table", type=Path, help="print this torture JSON in Markdown, no more")
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.table:
        print(tally.table(args.table))
    elif args.scratch:
        _run(args)
    else:
        _start()


def _start() -> None:
    # The shim is loaded when a process starts, so the trials have one that starts with it.
    if not shutil.which("cc"):
        raise ChainError("make torture needs a C compiler named cc; install gcc or clang.")
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as scratch:
        library = shim.compile_shim(Path(scratch))
        command = [sys.executable, str(RUN), *sys.argv[1:], "--scratch", scratch]
        environment = os.environ | {"LD_PRELOAD": str(library)}
        status = subprocess.run(command, env=environment, check=False).returncode
    sys.exit(status)


def _run(args: argparse.Namespace) -> None:
    from torture import runner

    unknown = set(args.classes or []) - set(runner.CLASSES)
    if unknown:
        raise ChainError(
            f"there is no class {unknown.pop()}; choose from {' '.join(runner.CLASSES)}"
        )
    found = runner.run(
        args.scratch,
        args.classes or list(runner.CLASSES),
        args.minutes,
        args.seed,
        args.trials,
        args.short,
    )
    if args.out:
        write_json(args.out, found)
    wrong = {name: f["wrong_trials"] for name, f in found["classes"].items() if f["wrong_trials"]}
    for name, trials in wrong.items():
        print(f"\n{name}: {len(trials)} wrong")
        for trial in trials[:10]:
            print(f"  --class {name} --seed {trial['seed']} --trials 1\n    {trial['detail']}")
    sys.exit(1 if wrong else 0)
