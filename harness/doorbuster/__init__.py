"""Doorbuster: a concurrency and chaos test harness for checkout code on PostgreSQL.

``doorbuster.run`` and ``doorbuster.recheck`` do what the command line does, and give a ``doorbuster.Result``.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doorbuster.api import ConfigError, HarnessError, Result, UsageError, recheck, run

__all__ = ["ConfigError", "HarnessError", "Result", "UsageError", "__version__", "recheck", "run"]

try:
    __version__ = version("doorbuster")
except PackageNotFoundError:  # run from a bare checkout
    __version__ = "0"


def __getattr__(name: str) -> Any:
    """The API's names, imported when they are first used: a command's help must not wait for a database driver."""
    if name in __all__:
        return getattr(import_module("doorbuster.api"), name)
    raise AttributeError(f"module 'doorbuster' has no attribute {name!r}")
