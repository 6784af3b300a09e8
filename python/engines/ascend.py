"""ENGINE=ascend: ais_bench runs files (room ascend); what can be known before there is a model."""

from pathlib import Path

from ascend import ais_bench, interpreter
from common.errors import ChainError
from engines import Options


def check(options: Options) -> None:
    """Raise ``ChainError`` where ais_bench cannot be run, or would not take the project's path."""
    if not options.ais_python:
        raise ChainError("ENGINE=ascend needs an interpreter that has ais_bench; give AIS_PYTHON=.")
    interpreter.check_tools(options.ais_python)
    ais_bench.check_path(options.ais_python, Path.cwd())
