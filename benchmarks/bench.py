"""All benchmarks: prints a table and writes benchmarks/latest.json, a list of figures (benchmarks/figure.py).

    python -m benchmarks.bench [--only NAME]…

A benchmark is a module beside this one with ``figures() -> list[Figure]``, and a line in MODULES. They run one after
the other; one that fails is told at the end, does not keep the others from running, and makes the exit code 1.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure

LATEST = Path(__file__).parent / "latest.json"
MODULES = (
    "judge",
    "log",
    "cut_and_crash",
    "load",
    "interleave",
    "naive",
    "report",
)  # fmt: skip
OPT_IN = ("long_run",)  # too long to come along with the others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = (*MODULES, *OPT_IN)
    parser.add_argument("--only", action="append", choices=known, help="only this one; may be given again")
    parser.add_argument("--json", type=Path, default=LATEST, help="where to write the figures")
    options = parser.parse_args(arguments)
    console = Console()
    found: list[Figure] = []
    failed = [name for name in options.only or MODULES if not _measured(name, found, console)]
    options.json.write_text(json.dumps(found, indent=1) + "\n")
    console.print(table(found))
    if failed:
        console.print(f"[red]failed: {', '.join(failed)}[/]")
    return int(bool(failed))


def _measured(name: str, found: list[Figure], console: Console) -> bool:
    """Add the figures of a module to ``found``; False, with the traceback printed, where it fails."""
    console.print(f"{name} …")
    began = time.monotonic()
    try:
        found += import_module(f"benchmarks.{name}").figures()
    except (Exception, SystemExit):  # whatever ails one benchmark, the others are still worth having
        traceback.print_exc()
        return False
    console.print(f"{name}: {time.monotonic() - began:.0f} s")
    return True


def table(figures: Sequence[Figure]) -> Table:
    """The figures as a table."""
    shown = Table("figure", "unit")
    for heading in ("value", "reference", "ratio"):
        shown.add_column(heading, justify="right")
    for one in figures:
        shown.add_row(one["name"], one["unit"], *(_number(n) for n in (one["value"], one["reference"], one["ratio"])))
    return shown


def _number(value: float | None) -> str:
    """Three digits are enough to read, and a whole number keeps all of its own."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"


if __name__ == "__main__":
    sys.exit(main())
