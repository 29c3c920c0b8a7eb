"""``doorbuster clean``: remove what runs left behind whose end nobody saw, such as after a power cut."""

import shutil
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click

from doorbuster.host.cache import cache_folder
from doorbuster.host.containers import NoEngine, sweep_containers
from doorbuster.host.scratch import sweep
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.errors import PostgresError
from doorbuster.postgres.given import sweep_server


@click.command("clean")
@click.option("--postgres", metavar="DSN", help="Also on this server, which must carry the marker.")
@click.option("--cache", is_flag=True, help="Also the cache: data folders to copy, and the Toxiproxy that was built.")
def command(postgres: str | None, cache: bool) -> None:
    """Remove folders, processes, containers and databases of runs that are dead; runs that live are left alone.

    A run does this at its start as well. Exits 3 where something could not be removed.
    """
    removed = [f"folder {path}" for path in sweep()]
    problems = []
    if find_spec("testcontainers") is not None:
        with suppress(NoEngine):  # no engine, no container
            removed += [f"container {name}" for name in sweep_containers()]
    if postgres is not None:
        try:
            removed += [f"database {name}" for name in sweep_server(postgres)]
        except PostgresError as problem:
            problems.append(str(problem))
    if cache:
        removed += _emptied(cache_folder(), problems)
    for line in removed:
        click.echo(f"removed {line}")
    for line in problems:
        click.echo(f"doorbuster: {line}", err=True)
    if not removed and not problems:
        click.echo("nothing to remove")
    sys.exit(Verdict.ERROR.exit_code if problems else 0)


def _emptied(cache: Path, problems: list[str]) -> list[str]:
    """Removes what is in the cache; a run that is starting at this moment makes what it needs again, or fails."""
    removed = []
    for path in sorted(cache.iterdir()):
        try:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            removed.append(f"{path}")
        except OSError as problem:
            problems.append(f"{path}: {problem}")
    return removed
