"""``doorbuster replay``: a recorded schedule again, so and so many times."""

import sys
from pathlib import Path
from typing import Any

import click

from doorbuster.commands.running import finished_job, running_options
from doorbuster.engine.failures import USAGE
from doorbuster.engine.loading import job_of
from doorbuster.engine.replaying import NotASchedule, Recorded, came_back, read_schedule
from doorbuster.model.verdict import Verdict

EPILOG = """\b
Examples
  doorbuster replay reports/RUN/last_item_interleaved/schedules/last_unit-read_committed-2-oversold.json
  doorbuster replay FILE --times 100 -c changed_contract.toml      does the change help?
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--times", type=click.IntRange(1), default=20, show_default=True, help="How often.")
@running_options
def command(file: Path, times: int, **options: Any) -> None:
    """Run the schedule in FILE, which a run left beside its report, again: the same buyers, in the same order.

    Prints in how many of the times what was broken was broken again. Exit codes: 1 it came back at least once, 4 it did
    not; the others are those of 'doorbuster run'.
    """
    try:
        recorded = read_schedule(file)
    except NotASchedule as problem:
        click.echo(f"doorbuster: {problem}", err=True)
        sys.exit(USAGE)
    contract = options["contract"] or recorded.contract
    if contract is None:
        click.echo(f"doorbuster: {file}: does not lie in its run's folder any more: say the contract with -c", err=True)
        sys.exit(USAGE)
    options["seed"] = recorded.seed if options["seed"] is None else options["seed"]
    result, code = finished_job(lambda: job_of(contract, recorded.scenario(times)), options)
    if code not in (Verdict.PASS.exit_code, Verdict.VIOLATION.exit_code, Verdict.INCONCLUSIVE.exit_code):
        sys.exit(code)
    if result.error is not None or not result.scenarios:
        sys.exit(code)
    back, followed = came_back(result.scenarios[0], recorded)
    click.echo(_told(recorded, back, followed, times))
    sys.exit(Verdict.VIOLATION.exit_code if back else Verdict.INCONCLUSIVE.exit_code)


def _told(recorded: Recorded, back: int, followed: int, times: int) -> str:
    told = f"{', '.join(recorded.checks)}: came back in {back} of {times} replays"
    if followed < times:
        told += f"; {times - followed} could not be followed: the function now takes other steps, or locks otherwise"
    return told
