"""Work in a copy of the process: it ends by an interrupt whenever that comes."""

import subprocess
import sys

import pytest

from support.project import PYTHON

# Of one thread, as doors that make a copy are.
PROGRAM = """
import os, signal, sys, time
from common import limits

fork = os.fork

def interrupted():
    child = fork()
    if (child == 0) == (sys.argv[1] == "copy"):
        os.kill(os.getpid(), signal.SIGINT)
    return child

os.fork = interrupted
try:
    print(limits.apart(lambda: time.sleep(20)).status)
except KeyboardInterrupt:
    print("interrupted")
try:
    os.waitpid(-1, os.WNOHANG)
    print("left a copy")
except ChildProcessError:
    pass
"""


@pytest.mark.parametrize(("who", "told"), [("copy", "130"), ("parent", "interrupted")])
def test_an_interrupt_while_the_copy_is_made(who: str, told: str) -> None:
    command = [sys.executable, "-c", PROGRAM, who]
    ran = subprocess.run(command, cwd=PYTHON, capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr, ran.returncode) == (told, "", 0)
