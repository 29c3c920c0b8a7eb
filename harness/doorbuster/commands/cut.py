"""``doorbuster cut``: the connection is cut at every message or byte of an order's conversation."""

from typing import Any, get_args

import click

from doorbuster.commands.running import run_job, running_options
from doorbuster.drive.cut.places import parse_place
from doorbuster.engine.loading import job_of
from doorbuster.model.cut import Cut, CutDirection, CutKind
from doorbuster.model.fault import Link

KINDS, DIRECTIONS, LINKS = get_args(CutKind), get_args(CutDirection), get_args(Link)
REQUIRED = ("duplicate_order", "conservation", "partial_order", "lost_order")
EPILOG = """\b
Examples
  doorbuster cut                                        every message, closed and reset
  doorbuster cut --step byte --direction down           every byte of the answer
  doorbuster cut --at "close down 58"                   one place, as a report names it
"""


@click.command(epilog=EPILOG)
@click.option("--step", type=click.Choice(["message", "byte"]), default="message", show_default=True,
              help="Cut at each boundary between protocol messages, or at every byte.")  # fmt: skip
@click.option("--direction", "directions", type=click.Choice(DIRECTIONS), multiple=True,
              help="The way up (requests) or down (answers). Both, if not given; may be given twice.")  # fmt: skip
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="An orderly close, a TCP reset, "
              "silence, or a stall. close and reset, if not given; may be given again.")  # fmt: skip
@click.option("--start-up", is_flag=True, help="Once more over new connections, cut in their start-up, too.")
@click.option("--lines", type=click.IntRange(1), default=Cut().lines, show_default=True, help="Products a cart.")
@click.option("--parallel", type=click.IntRange(1), default=Cut().parallel, show_default=True, help="Cuts at once.")
@click.option("--link", type=click.Choice(LINKS), help="Of a shop behind HTTP: the buyer's conversation with the "
              "shop, or the shop's own with the database. The buyer's, if not given.")  # fmt: skip
@click.option("--at", "place", help="One place only, as reports name it.")
@running_options
def command(**options: Any) -> None:
    """Cut the connection at every place of an order's conversation, then let the buyer retry with the same key.

    The log says for each place whether the order happened, and the checks judge what the retry made of it. Exit codes
    are those of 'doorbuster run'.
    """
    if options["place"] is not None:
        try:
            parse_place(options["place"])
        except ValueError as problem:
            raise click.BadParameter(str(problem), param_hint="--at") from None
    run_job(lambda: job_of(options["contract"], _scenario(options)), options)


def _scenario(options: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "step": options["step"],
        "directions": list(options["directions"] or DIRECTIONS),
        "kinds": list(options["kinds"] or Cut().kinds),
        "start_up": options["start_up"],
        "lines": options["lines"],
        "parallel": options["parallel"],
    }
    if options["link"] is not None:
        settings["link"] = options["link"]
    if options["place"] is not None:
        settings["only"] = options["place"]
    return {
        "name": "cut",
        "kind": "cut",
        "description": "The connection is cut; the buyer retries with the same key.",
        "cut": settings,
        # A single place need not put every check to the test.
        "checks": {"require": [] if options["place"] else list(REQUIRED)},
    }
