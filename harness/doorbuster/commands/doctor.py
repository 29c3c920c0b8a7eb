"""``doorbuster doctor``: what is there, what is missing, what to type."""

import sys
from pathlib import Path
from typing import Any

import click

from doorbuster import __version__
from doorbuster.engine.doctor import Part, look_around
from doorbuster.engine.failures import INTERRUPTED, USAGE
from doorbuster.host.interrupts import interrupts
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.errors import PostgresError
from doorbuster.postgres.given import is_dsn, mark_disposable, unmark_disposable, why_no_dsn
from doorbuster.postgres.runtimes import BadChoice, PostgresChoice, check_choice

_MARKS = {"there": "✓", "missing": "✗", "optional": "·"}
EPILOG = """\b
Examples
  doorbuster doctor
  doorbuster doctor --postgres postgresql://me@127.0.0.1/postgres --disposable
  doorbuster doctor --mark-disposable postgresql://me@127.0.0.1/postgres
"""


@click.command(epilog=EPILOG)
@click.option("--postgres", default="embedded", show_default=True, help="The server to look at, as in 'run'.")
@click.option("--disposable", is_flag=True, help="As for 'doorbuster run'.")
@click.option("--pg-bin", type=click.Path(path_type=Path), help="As for 'doorbuster run'.")
@click.option("--mark-disposable", metavar="DSN", help="Write down on this server, in a comment on its database, "
              "that it may lose everything. Only then will a run use it.")
@click.option("--unmark-disposable", metavar="DSN", help="Take that mark away.")  # fmt: skip
def command(mark_disposable: str | None, unmark_disposable: str | None, **options: Any) -> None:
    """Look at everything that a run needs: what is there, what is missing, what to type.

    Tools are started for real, and are gone again. Exits 0 where a run can start, 3 where something is missing.
    """
    for dsn, is_marked in ((mark_disposable, True), (unmark_disposable, False)):
        if dsn is not None:
            _mark(dsn, is_marked)
            return
    choice = PostgresChoice(options["postgres"], options["pg_bin"], options["disposable"])
    try:
        check_choice(choice)
    except BadChoice as problem:
        _end(str(problem), USAGE)
    click.echo(f"doorbuster {__version__}")
    missing = 0
    try:
        with interrupts():
            for part in look_around(choice, lambda text: click.echo(f"… {text}")):
                missing += part.state == "missing"
                _tell(part)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if missing:
        _end(f"{missing} thing{'s' * (missing > 1)} missing; what to type stands beside each", Verdict.ERROR.exit_code)
    click.echo("a run can start: doorbuster run")


def _tell(part: Part) -> None:
    click.echo(f"{_MARKS[part.state]} {part.name}: {part.told}")
    for line in part.cure.splitlines():
        click.echo(f"    {line}")


def _mark(dsn: str, wanted: bool) -> None:
    if not is_dsn(dsn) or (reason := why_no_dsn(dsn)):
        told = reason if is_dsn(dsn) else None
        _end(told or f"{dsn!r} is no DSN such as postgresql://me@127.0.0.1/postgres", USAGE)
    try:
        if wanted:
            shown = mark_disposable(dsn)
            click.echo(f"{shown} is marked: whatever is on this server may be lost from now on")
            click.echo(f"next: doorbuster run --postgres '{shown}' --disposable")
        else:
            click.echo(f"{unmark_disposable(dsn)} is not marked any more: no run will touch it")
    except PostgresError as problem:
        _end(str(problem), Verdict.ERROR.exit_code)


def _end(message: str, code: int) -> None:
    click.echo(f"doorbuster: {message}", err=True)
    sys.exit(code)
