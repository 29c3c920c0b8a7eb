"""Imports point down only (ARCHITECTURE.md); packages of one rank do not import each other."""

import ast
from pathlib import Path

import doorbuster
import pytest

ROOT = Path(doorbuster.__file__).parent
RANKS = [
    {"model"},
    {"host"},
    {"config", "postgres", "network", "faults", "instrument", "record"},
    {"drive", "judge", "report"},
    {"engine"},
    {"commands", "api", "trial"},
    {"cli", "pytest_plugin"},
]
RANK_OF = {name: rank for rank, names in enumerate(RANKS) for name in names}


def upward_imports(source: str, package: str) -> list[str]:
    """Names of doorbuster packages that ``source``, lying in ``package``, must not import."""
    imported = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "doorbuster":
            imported += [f"doorbuster.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.append(node.module)
    targets = {name.split(".")[1] for name in imported if name.startswith("doorbuster.")}
    return sorted(t for t in targets - {package} if t in RANK_OF and RANK_OF[t] >= RANK_OF[package])


FILES = sorted(p for p in ROOT.rglob("*.py") if p.relative_to(ROOT).parts[0].removesuffix(".py") in RANK_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_lower_layers_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert upward_imports(path.read_text(), package) == []


def test_an_upward_import_is_noticed() -> None:
    assert upward_imports("from doorbuster.engine import x", "model") == ["engine"]
    assert upward_imports("from doorbuster import record", "postgres") == ["record"]
