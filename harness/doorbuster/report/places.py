"""Which of a shop's lines a failure points at."""

import os
from collections.abc import Mapping
from pathlib import Path

from doorbuster.model.result import RunResult, SourceLine

# What each check is about, so that its failure points at the first statement that touches it.
_ABOUT = {
    "oversold": "stock", "conservation": "stock", "false_sold_out": "stock", "turned_away": "stock",
    "deadlock": "stock", "leaked_session": "stock", "unfinished": "stock", "latency": "stock",
    "movements": "movements", "partial_order": "lines",
    "duplicate_order": "orders", "lost_order": "orders", "ghost_order": "orders", "wrong_amount": "orders",
    "stale_commit": "orders", "bad_order_accepted": "orders",
}  # fmt: skip


def place_of(result: RunResult, check: str) -> SourceLine | None:
    """The line that ``check`` is about: the first statement that touches it, else where the function begins."""
    about = _ABOUT.get(check)
    touching = (source for source in result.sources if about in source.touches)
    return next(touching, next(iter(result.sources), None))


def shown_path(file: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """``file`` as a path in the repository that is being built; None where it lies outside."""
    root = Path(environ.get("GITHUB_WORKSPACE") or environ.get("CI_PROJECT_DIR") or Path.cwd()).resolve()
    path = Path(file).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
