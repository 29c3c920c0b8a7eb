"""``doorbuster run``: the gate."""

from typing import Any

import click

from doorbuster.commands.running import run_job, running_options
from doorbuster.engine.loading import load_job

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
  doorbuster run -c doorbuster.toml                a project: contract, scenarios, own checks, waivers
"""


@click.command(epilog=EPILOG)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option("--set", "chosen_set", type=click.Choice(["quick", "gate", "full"]),
              help="The standing scenarios to run when none is named; gate, if the project says nothing.")  # fmt: skip
@running_options
def command(scenarios: tuple[str, ...], chosen_set: Any, **options: Any) -> None:
    """Put a checkout function under test.

    SCENARIO is the name of a standing scenario or a .toml file. A disposable Postgres and a Toxiproxy are started on
    loopback and gone afterwards; the report lies in the run's folder.

    \b
    Standing scenarios: see 'doorbuster scenarios'.
    """
    run_job(lambda: load_job(options["contract"], scenarios, chosen_set), options)
