"""``doorbuster recheck``: judge a stored run again, without a database."""

import sys
from pathlib import Path

import click

from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.rechecking import recheck
from doorbuster.engine.store import NotARun
from doorbuster.report.registry import ReportSettings, all_reports

ERROR = 3


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option("--quiet", is_flag=True, help="Print the verdict only.")
def command(folder: Path, quiet: bool) -> None:
    """Judge the stored run in the folder RUN again: same files, same verdict, no database.

    The run's result.json and report.html are written anew. Also for a run that was broken off in the middle.
    """
    try:
        result = recheck(folder, lambda texts: all_reports(ReportSettings(texts=texts, quiet=quiet)).on)
    except (NotARun, ConfigError) as problem:
        click.echo(f"doorbuster: {problem}", err=True)
        sys.exit(ERROR)
    sys.exit(result.exit_code)
