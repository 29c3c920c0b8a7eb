"""``doorbuster run``: the gate."""

import re
from typing import Any

import click

from doorbuster.commands.live_options import live_options, stage_options
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
  doorbuster run --budget 20s                      what finds most, in about that time; the rest is not reached
  doorbuster run -c scenarios/contracts/two_calls.toml
  doorbuster run -c doorbuster.toml                a project: contract, scenarios, own checks, waivers
"""


_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def _seconds(_: click.Context, __: click.Parameter, given: str | None) -> float | None:
    """``60s``, ``5m``, ``1.5h`` or a number of seconds, in seconds."""
    if given is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)", given.strip())
    if not found or float(found[1]) == 0:
        raise click.BadParameter(f"{given!r} is no duration; write it as 60s or 5m")
    return float(found[1]) * _UNITS[found[2]]


@click.command(epilog=EPILOG)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option("--set", "chosen_set", type=click.Choice(["quick", "gate", "full"]),
              help="The standing scenarios to run when none is named; gate, if the project says nothing.")  # fmt: skip
@click.option("--budget", callback=_seconds, metavar="60s", help="Spend no more than about this time, on the scenarios "
              "that find most in it; the report says which were not reached, and they do not count.")  # fmt: skip
@live_options
@running_options
def command(scenarios: tuple[str, ...], chosen_set: Any, **options: Any) -> None:
    """Put a checkout function under test.

    SCENARIO is the name of a standing scenario or a .toml file. A disposable Postgres and a Toxiproxy are started on
    loopback and gone afterwards; the report lies in the run's folder.

    \b
    Standing scenarios: see 'doorbuster scenarios'.
    """
    options["stage_options"] = stage_options(options)
    run_job(lambda: load_job(options["contract"], scenarios, chosen_set), options)
