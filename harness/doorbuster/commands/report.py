"""``doorbuster report``: draw a stored run's reports again."""

import sys
from pathlib import Path

import click

from doorbuster.commands.recheck import ERROR
from doorbuster.engine.store import NotARun, load_run
from doorbuster.model.check import CheckText
from doorbuster.model.events import RunFinished
from doorbuster.report.evidence import failure_text
from doorbuster.report.html import HtmlReport
from doorbuster.report.index import IndexReport
from doorbuster.report.junit import JUnit
from doorbuster.report.result_json import NAME, load


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Another copy of junit.xml.")
@click.option("--quiet", is_flag=True, help="Do not print what failed.")
def command(folder: Path, junit: Path | None, quiet: bool) -> None:
    """Draw report.html, junit.xml and the index of the stored run in the folder RUN again, from its result.json.

    Nothing is judged: the verdict stays what it was, and so does the exit code. See 'doorbuster recheck' for judging.
    """
    try:
        result = load(folder / NAME)
    except (OSError, ValueError) as problem:
        click.echo(f"doorbuster: {problem}", err=True)
        sys.exit(ERROR)
    texts = _texts(folder)
    for report in (HtmlReport(texts), JUnit(texts, junit), IndexReport()):
        report.on(RunFinished(folder, result))
    if not quiet:
        click.echo(failure_text(result, texts, folder))
    sys.exit(result.exit_code)


def _texts(folder: Path) -> dict[str, CheckText]:
    """The checks' words as they were stored; none where the run's texts are gone."""
    try:
        return load_run(folder).checks
    except NotARun:
        return {}
