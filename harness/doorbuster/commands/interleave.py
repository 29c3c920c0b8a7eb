"""``doorbuster interleave``: every order of the statements inside the function."""

from typing import Any, get_args

import click

from doorbuster.commands.running import run_job, running_options
from doorbuster.drive.interleave.explore import Gathering, parse_schedule
from doorbuster.engine.loading import job_of
from doorbuster.model.crowd import NOTATION, why_no_crowd
from doorbuster.model.interleave import Crowding, Interleave, Isolation

CROWDS, LEVELS = get_args(Crowding), get_args(Isolation)
REQUIRED = ("conservation", "partial_order", "lost_order")
EPILOG = """\b
Examples
  doorbuster interleave                                    two buyers, every crowd
  doorbuster interleave --buyers 3 --crowd last_unit       three at the last unit
  doorbuster interleave --isolation serializable --isolation "repeatable read"
  doorbuster interleave --buyers 4 --exhaust 0 --random 2000 --depth 3
  doorbuster interleave --crowd '3a 1b: 2a 1b, 1b 2a'       your own: what is there, and what each buyer wants
  doorbuster interleave --draw 50 --buyers 3               let Hypothesis look for the crowd
  doorbuster interleave --crowd crossed --at 1,1,2,2,2     one schedule, as reports name it
"""


def _crowds(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Names of crowds, and lines that spell one."""
    for crowd in given:
        if told := why_no_crowd(crowd, CROWDS):
            raise click.BadParameter(told, context, option)
    return given


@click.command(epilog=EPILOG)
@click.option("--buyers", type=click.IntRange(2, 4), default=Interleave().buyers, show_default=True, help="How many.")
@click.option("--crowd", "crowds", metavar="CROWD", callback=_crowds, multiple=True,
              help=f"Who meets whom: {', '.join(CROWDS)}; or spelled, as in {NOTATION}. May be given again. All that "
              "have a name, if not given.")  # fmt: skip
@click.option("--draw", "workloads", type=click.IntRange(0), default=Interleave().drawn, show_default=True,
              help="Let Hypothesis draw so many crowds more, of up to three lines each, and shrink one that looks "
              "wrong. Without --crowd, only these.")  # fmt: skip
@click.option("--isolation", "levels", type=click.Choice(LEVELS), multiple=True,
              help="The buyers' isolation level; may be given again. The report says at which the function is safe. "
              "read committed, if not given.")  # fmt: skip
@click.option("--preemptions", type=click.IntRange(0), default=Interleave().preemptions, show_default=True,
              help="First every schedule with up to so many forced switches, the fewest first.")  # fmt: skip
@click.option("--most", type=click.IntRange(0), default=Interleave().most, show_default=True,
              help="At most so many of those for each crowd.")  # fmt: skip
@click.option("--exhaust", type=click.IntRange(0), default=Interleave().exhaust, show_default=True,
              help="Then all that can lead elsewhere, at most so many for each crowd.")  # fmt: skip
@click.option("--no-reduction", is_flag=True, help="Take no two schedules for the same.")
@click.option("--random", "drawn", type=click.IntRange(0), default=Interleave().random, show_default=True,
              help="Where that was not all: so many drawn with PCT; the probability that they guarantee is "
              "told.")  # fmt: skip
@click.option("--depth", type=click.IntRange(1), default=Interleave().depth, show_default=True,
              help="With --random: how many events in one order the mistake is looked for.")  # fmt: skip
@click.option("--overlaps", type=click.IntRange(0), default=Interleave().overlaps, show_default=True,
              help="How often buyers are let go on at once behind each held row, in each order of arrival: there "
              "statements overlap.")  # fmt: skip
@click.option("--within", "within_s", type=click.FloatRange(0), help="Leave a crowd after so many seconds.")
@click.option("--at", "schedule", help="One schedule only: the buyers in the order in which they step, as in 1,1,2.")
@click.option("--times", type=click.IntRange(1), default=1, show_default=True, help="With --at: how often.")
@running_options
def command(**options: Any) -> None:
    """Let buyers call the function at once, and decide which statement inside it runs next: go through every order.

    The first schedule that breaks a check is shown as a table, a column a buyer, and kept as a file for 'doorbuster
    replay'. docs/interleave.md says what counts as the same. Exit codes are those of 'doorbuster run'.
    """
    if options["schedule"] is not None:
        _require_schedule(options["schedule"], options["buyers"])
    run_job(lambda: job_of(options["contract"], _scenario(options)), options)


def _require_schedule(text: str, buyers: int) -> None:
    try:
        wanted = parse_schedule(text)
        steps = wanted.arrivals if isinstance(wanted, Gathering) else wanted.choices
        known = all(1 <= step <= buyers for step in steps)
    except ValueError:
        known = False
    if not known:
        told = f"{text!r}: write numbers of buyers from 1 to {buyers}, as in 1,1,2"
        raise click.BadParameter(told, param_hint="--at")


def _scenario(options: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "buyers": options["buyers"],
        "crowds": list(options["crowds"] or (() if options["workloads"] else CROWDS)),
        "drawn": options["workloads"],
        "isolation": list(options["levels"] or Interleave().isolation),
        "preemptions": options["preemptions"],
        "most": options["most"],
        "exhaust": options["exhaust"],
        "reduced": not options["no_reduction"],
        "random": options["drawn"],
        "depth": options["depth"],
        "overlaps": options["overlaps"],
        "times": options["times"],
    }
    if options["within_s"] is not None:
        settings["within_s"] = options["within_s"]
    if options["schedule"] is not None:
        settings["only"] = options["schedule"]
    # What a single schedule or a crowd of one key puts to the test is not everything.
    required = [] if options["schedule"] is not None else list(REQUIRED)
    return {
        "name": "interleave",
        "kind": "interleave",
        "description": "Buyers call at once; every order of their statements is run.",
        "interleave": settings,
        "checks": {"require": [*required, *(["deadlock"] if "crossed" in settings["crowds"] and required else [])]},
    }
