"""``doorbuster crash``: kill at every statement of the function, or the whole server under load."""

from typing import Any, get_args

import click

from doorbuster.commands.running import run_job, running_options
from doorbuster.drive.crash.at_statement import parse_crash_place
from doorbuster.engine.loading import job_of
from doorbuster.model.crash import GENTLE, Crash, CrashKind, LoadKind

KINDS = get_args(CrashKind)
EPILOG = """\b
Examples
  doorbuster crash                                every statement, every kind that leaves the server up
  doorbuster crash --kind kill_backend            SIGKILL of the session's process, at every statement
  doorbuster crash --load --kills 200             SIGKILL of the whole server while buyers order
  doorbuster crash --load --kind cancel --kind terminate    sessions in the middle of a call
  doorbuster crash --load --setting synchronous_commit=off
"""


@click.command(epilog=EPILOG)
@click.option("--load", is_flag=True, help="Kill at random moments while buyers order, instead of at each statement.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True,
              help="What happens at each statement, or with --load in turn; may be given again.")  # fmt: skip
@click.option("--lines", type=click.IntRange(1), default=Crash().lines, show_default=True, help="Products a cart.")
@click.option("--at", "place", help="One place only, as reports name it.")
@click.option("--kills", type=click.IntRange(1), default=Crash().kills, show_default=True,
              help="With --load: how often.")  # fmt: skip
@click.option("--buyers", type=click.IntRange(1), default=Crash().buyers, show_default=True, help="With --load.")
@click.option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the server.")
@running_options
def command(**options: Any) -> None:
    """Kill, wait for recovery, let buyers retry with the same key, and judge what the log says.

    Exit codes are those of 'doorbuster run'.
    """
    if options["place"] is not None:
        try:
            parse_crash_place(options["place"])
        except ValueError as problem:
            raise click.BadParameter(str(problem), param_hint="--at") from None
    pairs = [setting.partition("=") for setting in options["settings"]]
    if any(not equals for _, equals, _ in pairs):
        raise click.BadParameter("write NAME=VALUE", param_hint="--setting")
    settings: dict[str, Any] = {
        "at": "load" if options["load"] else "statement",
        **_kinds(options["kinds"], options["load"]),
        "lines": options["lines"],
        "kills": options["kills"],
        "buyers": options["buyers"],
        "settings": {name.strip(): value.strip() for name, _, value in pairs},
    }
    if options["place"] is not None:
        settings["only"] = options["place"]
    scenario = {
        "name": "crash",
        "kind": "crash",
        "description": "Something is killed; it recovers, and buyers retry with the same key.",
        "crash": settings,
        "checks": {"require": [] if options["place"] else ["lost_order", "conservation", "partial_order"]},
    }
    run_job(lambda: job_of(options["contract"], scenario), options)


def _kinds(kinds: tuple[str, ...], load: bool) -> dict[str, list[str]]:
    if not load:
        return {"kinds": list(kinds or GENTLE)}
    if unfit := sorted(set(kinds) - set(get_args(LoadKind))):
        known = ", ".join(get_args(LoadKind))
        raise click.BadParameter(f"{', '.join(unfit)}: not with --load, which knows {known}", param_hint="--kind")
    return {"load_kinds": list(kinds or Crash().load_kinds)}
