"""``doorbuster init``: a first contract, by looking at a database."""

import sys
from pathlib import Path
from typing import Any

import click

from doorbuster.engine.errors import UsageError
from doorbuster.engine.failures import INTERRUPTED, USAGE, explain
from doorbuster.engine.initial import Wish, init
from doorbuster.host.interrupts import interrupts
from doorbuster.postgres.deploy import DeployError
from doorbuster.postgres.runtimes import BadChoice, PostgresChoice, check_choice

EPILOG = """\b
Examples
  doorbuster init --schema schema.sql --schema checkout.sql
  doorbuster init --schema supabase/migrations
  doorbuster init --schema postgresql://me@localhost/shop       only its schema is read, by pg_dump

Exit codes: 0 written and proved; 2 nothing that sells was found, or SQL that does not deploy; 3 the harness failed.
"""


@click.command(epilog=EPILOG)
@click.option("--schema", multiple=True, required=True, metavar="FILE|FOLDER|DSN",
              help="SQL in the order in which it deploys; may be given again, may be a pattern.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), default="contract.toml",
              show_default=True, help="The file to write.")
@click.option("--name", help="The contract's name. Without it that of the file.")
@click.option("--function", help="The function that places an order, where the wrong one is found.")
@click.option("--supabase/--no-supabase", default=None, help="Whether the files stand on a Supabase project; without "
              "it, as they look.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--postgres", default="embedded", show_default=True, help="As for 'doorbuster run'.")
@click.option("--disposable", is_flag=True, help="As for 'doorbuster run'.")
@click.option("--pg-bin", type=click.Path(path_type=Path), help="As for 'doorbuster run'.")  # fmt: skip
def command(out: Path, force: bool, **options: Any) -> None:
    """Write a first contract by looking at a database.

    The SQL is deployed into a disposable database. Functions that look like a checkout, and tables whose trigger could
    be one, are tried with one order each, in transactions that are rolled back; the first that lowers a stock and
    writes an order is described, with comments that say what was guessed from what, and proved by one plain order.
    Nothing is asked.
    """
    postgres = PostgresChoice(options["postgres"], options["pg_bin"], options["disposable"])
    try:
        check_choice(postgres)
    except BadChoice as problem:
        _end(str(problem), USAGE)
    if out.exists() and not force:
        _end(f"{out} is there already: name another file (--out), or write over it (--force)", USAGE)
    if not out.parent.is_dir():
        _end(f"{out.parent} is no folder", USAGE)
    name = options["name"] or (out.stem if out.stem != "contract" else out.resolve().parent.name)
    wish = Wish(
        schema=options["schema"], out=out, name=name, function=options["function"], supabase=options["supabase"],
        postgres=postgres,
    )  # fmt: skip
    try:
        with interrupts():
            loaded = init(wish, click.echo)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (UsageError, DeployError) as problem:
        _end(str(problem), USAGE)
    except Exception as problem:
        failure = explain(problem)
        _end(failure.message + (f"\n{failure.details}" if failure.details else ""), failure.exit_code)
    click.echo(f"wrote {loaded.path}; one plain order went through")
    click.echo(f"next: doorbuster run -c {loaded.path}")


def _end(message: str, code: int) -> None:
    click.echo(f"doorbuster: {message}", err=True)
    sys.exit(code)
