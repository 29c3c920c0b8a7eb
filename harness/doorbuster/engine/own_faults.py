"""A project's own faults of the network: Python files with classes like those of :mod:`doorbuster.network.faults`.

They are code, and run as the harness; like everything that a project's file names.
"""

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from doorbuster.config.mistakes import Mistake
from doorbuster.engine.faults import ALL_FAULTS
from doorbuster.network.faults import FAULTS, BadFault, Fault, registered

_PREFIX = "doorbuster_own_faults_"


def add_faults(files: Iterable[str]) -> list[Mistake]:
    """Make the faults in ``files`` known, for the rest of this process; what is wrong with them, all of it."""
    mistakes: list[Mistake] = []
    for file in files:
        try:
            kinds = _faults_in(_imported(Path(file)))
        except Exception as problem:  # it is somebody's code: whatever ails it is told with its place
            mistakes.append(Mistake(_place(file, problem), f"{type(problem).__name__}: {problem}"))
            continue
        if not kinds:
            mistakes.append(Mistake(file, "no fault in it", "Define a subclass of Fault: docs/own-faults.md."))
        for kind in kinds:
            mistakes += _added(file, kind)
    return mistakes


def _added(file: str, kind: type[Fault]) -> list[Mistake]:
    try:
        (name,) = registered(kind)
    except BadFault as problem:
        return [Mistake(file, str(problem).strip())]
    if name in ALL_FAULTS and not ALL_FAULTS[name].__module__.startswith(_PREFIX):
        return [Mistake(file, f"there is a fault called {name!r} already", "Choose another kind.")]
    ALL_FAULTS[name] = FAULTS[name] = kind
    return []


def _imported(path: Path) -> ModuleType:
    name = _PREFIX + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _faults_in(module: ModuleType) -> list[type[Fault]]:
    found = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Fault))
    return [kind for kind in found if kind.__module__ == module.__name__]


def _place(file: str, problem: Exception) -> str:
    """The file, and the line of it where the problem came up."""
    if isinstance(problem, SyntaxError):
        return f"{file}:{problem.lineno}"
    whole = str(Path(file).resolve())
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__)
             if str(Path(frame.filename).resolve()) == whole]  # fmt: skip
    return f"{file}:{lines[-1]}" if lines else file
