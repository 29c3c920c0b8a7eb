"""``doorbuster drill``: faults on a timeline under a steady load, each healed, and a shop that has to recover."""

from typing import Any

import click

from doorbuster.commands.live_options import live_options, stage_options
from doorbuster.commands.running import run_job, running_options
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.engine.loading import Job, load_job

STANDING = "drill"
LONGEST_HOLD_S = 24 * 3600
EPILOG = """\b
Examples
  doorbuster drill                           six faults, one after the other
  doorbuster drill server_disk               the server's disk turns slow, then full
  doorbuster drill my_drill.toml --hold      and leave the shop up for ten minutes, or until Ctrl-C
  doorbuster drill --stop-on-violation       end at the first violation

\b
A drill is a scenario of kind "load" with [[faults]]; docs/drills.md says what there is to break. Faults heal when their
time is over, also where the harness hangs (a watchdog) or is killed (a guardian process).
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", default=STANDING)
@click.option("--hold", is_flag=True, help="Leave the shop up afterwards, and say where it is, until Ctrl-C.")
@click.option("--hold-for", type=click.FloatRange(1, LONGEST_HOLD_S), default=600.0, show_default=True,
              metavar="SECONDS", help="With --hold: at most that long.")  # fmt: skip
@live_options
@running_options
def command(scenario: str, **options: Any) -> None:
    """Play the faults of SCENARIO on their timeline under load: steady before, holding meanwhile, well again after.

    SCENARIO is the name of a standing scenario or a .toml file. What was done when is written to journal.txt in the
    scenario's folder as it happens, and shown in the report, with how long recovery from each fault took.

    Exit codes are those of 'doorbuster run'.
    """
    hold_s = options["hold_for"] if options["hold"] else 0.0
    options["stage_options"] = stage_options(options, waits=True, hold_s=hold_s)
    run_job(lambda: _drill(options["contract"], scenario), options)


def _drill(config: Any, scenario: str) -> Job:
    job = load_job(config, (scenario,))
    found = job.scenarios[0].scenario
    if found.kind != "load" or not found.faults:
        raise ConfigError([Mistake(scenario, "is no drill: it needs kind \"load\" and [[faults]] on its timeline")])
    return job
