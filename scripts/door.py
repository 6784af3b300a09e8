"""door.py DOOR [ARG...]: run a door as Python does, and say in a sentence where it cannot start.

A door says itself what is wrong, but not before it has imported what it needs. That takes up to a
few seconds, in which people press Ctrl-C; and it fails where VENV= or PYTHON= names an interpreter
that lacks packages or is too old. So this file keeps to what older ones understand.
"""

import sys
import types
from pathlib import Path


def main():
    door = Path(sys.argv.pop(1))
    project = door.parent.absolute()
    sys.argv[0] = str(door)
    sys.path[0] = str(project)
    # What the door starts finds its main module by this name and file.
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__file__ = str(door)
    try:
        exec(compile(door.read_bytes(), str(door), "exec"), module.__dict__)
    except KeyboardInterrupt:
        fail("interrupted; run make again")
    except SyntaxError as error:
        if not (error.filename or "").startswith((str(project), str(door))):
            raise
        version = ".".join(map(str, sys.version_info[:2]))
        fail(
            f"{sys.executable} is Python {version}, which does not understand {error.filename}; "
            "name a newer one with PYTHON= (README.md says which)"
        )
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        ours = project / package
        if not package or ours.exists() or ours.with_suffix(".py").exists():
            raise
        said = " ".join(str(error).split()).rstrip(".")[:200]
        fail(
            f"{door} cannot run in {sys.executable}, whose package {package} is missing or does "
            f"not load ({said}); install it there, or leave VENV= and PYTHON= out and make does"
        )


def fail(sentence):
    sys.exit(("\r\033[K" if sys.stderr.isatty() else "") + f"error: {sentence}.")


if __name__ == "__main__":
    main()
