"""``doorbuster load``: a load with its own options, on one process, several, or several machines."""

import os
import sys
from typing import Any, get_args

import click

from doorbuster.commands.live_options import live_options, stage_options
from doorbuster.commands.running import run_job, running_options
from doorbuster.drive.load.launch import locust_arguments, worker_arguments
from doorbuster.engine.loading import job_of
from doorbuster.host.ports import free_port
from doorbuster.model.distribution import LOOPBACK, PATIENCE_S, Distribution
from doorbuster.model.scenario import Profile

PORT = 5557  # Locust's own
DEFAULT_LIMITS = ("p99 < 500ms", "error_rate < 0.1%")
EPILOG = """\b
Arrivals
  By default an open model: orders are due at --rate, whatever the buyers do, and latency counts from the due time, so
  that a stalled second cannot hide. --closed is the other model: every buyer orders again --think seconds after an
  answer, and a slow shop is asked less.

\b
Profiles, over --duration
  constant     --rate all along
  ramp         from --rate to --to-rate; 'steps' the same in --steps equal steps
  spike        --rate, but --to-rate for --width seconds from --at on
  flash_sale   --rate until --at; then --stampede orders at one instant; then a tail from --to-rate back to --rate

\b
Examples
  doorbuster load --rate 200 --duration 30
  doorbuster load --profile flash_sale --rate 20 --stampede 400 --to-rate 200 --at 5 --width 5 --products 50 --hot 3
  doorbuster load --closed --buyers 64 --think 0 --duration 10 --direct --limit 'throughput > 2000/s'
  doorbuster load --processes 2 --rate 2000
  doorbuster load --limit 'p99 < 500ms' --limit 'error_rate < 5% abort_on_fail after 2s'

\b
Several machines: a master, which runs the server and judges, and workers with the same version of Doorbuster.
  doorbuster load --master --expect-workers 2 --bind 10.0.0.5 --rate 5000
  doorbuster load --worker --master-host 10.0.0.5           on each of the others
Only networks that you trust: nothing between them is encrypted, and the plan holds the database's password.
"""


@click.command(epilog=EPILOG)
@click.option("--rate", type=click.FloatRange(0), default=50.0, show_default=True, help="Orders a second.")
@click.option("--profile", type=click.Choice(get_args(Profile)), default="constant", show_default=True,
              help="How the rate changes with time.")  # fmt: skip
@click.option("--to-rate", type=click.FloatRange(0), help="The rate that the profile goes to.")
@click.option("--steps", type=click.IntRange(2), default=4, show_default=True, help="With --profile steps.")
@click.option("--at", "at_s", type=click.FloatRange(0), metavar="SECONDS", help="When the spike or the stampede is; "
              "without it, in the middle.")  # fmt: skip
@click.option("--width", "width_s", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
              metavar="SECONDS", help="How long the spike or the tail is.")  # fmt: skip
@click.option("--stampede", type=click.IntRange(1), help="Orders due at one instant, with --profile flash_sale.")
@click.option("--spacing", type=click.Choice(["poisson", "even"]), default="poisson", show_default=True,
              help="How arrivals are spaced.")  # fmt: skip
@click.option("--duration", "duration_s", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
              metavar="SECONDS", help="How long orders arrive.")  # fmt: skip
@click.option("--closed", is_flag=True, help="A closed model: buyers who think between their orders.")
@click.option("--think", "think_s", type=click.FloatRange(0), default=0.5, show_default=True, metavar="SECONDS",
              help="With --closed: how long, on average.")  # fmt: skip
@click.option("--buyers", type=click.IntRange(1), default=16, show_default=True,
              help="Connections. An order that falls due while all are busy starts late.")  # fmt: skip
@click.option("--products", type=click.IntRange(1), default=100, show_default=True, help="Products on the shelves.")
@click.option("--stock", type=click.IntRange(0), default=1_000_000, show_default=True, help="Units of each.")
@click.option("--lines", type=click.IntRange(1), default=1, show_default=True, help="Products a cart, from 1 up to.")
@click.option("--quantity", type=click.IntRange(1), default=1, show_default=True, help="Units a line, from 1 up to.")
@click.option("--zipf", "skew", type=click.FloatRange(0), metavar="SKEW",
              help="The n-th product is wanted as 1/n^SKEW.")  # fmt: skip
@click.option("--hot", type=click.IntRange(1), metavar="N", help="Most want one of the first N products.")
@click.option("--hot-share", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="How many, with --hot.")
@click.option("--repeat", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of the orders that come from regular customers.")  # fmt: skip
@click.option("--limit", "limits", multiple=True, metavar="THRESHOLD",
              help=f"A threshold, such as 'p95 < 200ms', 'avg', 'max < 2s', 'throughput > 300/s'; may be given again. "
              f"Without any: {', '.join(DEFAULT_LIMITS)}. One that ends in 'abort_on_fail' ends the load.")  # fmt: skip
@click.option("--direct", is_flag=True, help="Connect to the server itself, without Toxiproxy in between.")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True,
              help="Locust workers on this machine.")  # fmt: skip
@click.option("--master", is_flag=True, help="Wait for workers of other machines, too.")
@click.option("--expect-workers", type=click.IntRange(1), default=1, show_default=True,
              help="With --master: how many. --processes says how many more run here, by default none.")  # fmt: skip
@click.option("--wait-for-workers", "patience_s", type=click.FloatRange(0, min_open=True), default=PATIENCE_S,
              show_default=True, metavar="SECONDS",
              help="With --master: how long; if one is missing then, there is no load.")  # fmt: skip
@click.option("--bind", default=LOOPBACK, show_default=True, metavar="ADDRESS",
              help="With --master: where workers reach it, and the shop's proxy.")  # fmt: skip
@click.option("--master-port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Locust's port.")
@click.option("--worker", is_flag=True, help="Be a worker of a master; its options hold.")
@click.option("--master-host", default=LOOPBACK, show_default=True, help="With --worker: where the master is.")
@live_options
@running_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Drive orders at a rate, and judge latency, throughput and every check of the log.

    Exit codes are those of 'doorbuster run'; 5: a limit is broken, nothing else.
    """
    if options["worker"]:
        _be_worker(options)
    given = {name for name in options if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    _check(options, given)
    options["stage_options"] = stage_options(options, spread=_spread(options, given))
    run_job(lambda: job_of(options["contract"], scenario_of(options)), options)


def _be_worker(options: dict[str, Any]) -> None:
    """Become a Locust worker; its exit code is ours."""
    arguments = locust_arguments(worker_arguments(options["master_host"], options["master_port"]))
    sys.stderr.write(f"doorbuster: a worker of {options['master_host']}:{options['master_port']}; Ctrl-C ends it\n")
    sys.stderr.flush()
    environment = {name: text for name, text in os.environ.items() if name != "LOCUST_SKIP_MONKEY_PATCH"}
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def _check(options: dict[str, Any], given: set[str]) -> None:
    if options["closed"] and given & {"rate", "profile", "to_rate", "stampede", "spacing", "at_s", "width_s"}:
        raise click.UsageError("--closed has no rate: buyers order again when they have been answered")
    if not options["closed"] and "think_s" in given:
        raise click.UsageError("--think goes with --closed")
    if options["skew"] is not None and options["hot"] is not None:
        raise click.UsageError("--zipf and --hot exclude each other")
    if not options["master"] and given & {"bind", "expect_workers", "patience_s"}:
        raise click.UsageError("--bind, --expect-workers and --wait-for-workers go with --master")


def _spread(options: dict[str, Any], given: set[str]) -> Distribution:
    if not options["master"]:
        return Distribution(processes=options["processes"], direct=options["direct"])
    processes = options["processes"] if "processes" in given else 0
    port = options["master_port"] or free_port()
    return Distribution(
        processes, options["expect_workers"], options["bind"], port, options["direct"], options["patience_s"]
    )


def scenario_of(options: dict[str, Any]) -> dict[str, Any]:
    """The scenario that the options describe, as its file would."""
    popularity = "zipf" if options["skew"] is not None else "hot" if options["hot"] is not None else "uniform"
    workload: dict[str, Any] = {
        "arrivals": "closed" if options["closed"] else "rate",
        "buyers": options["buyers"],
        "products": options["products"],
        "stock": options["stock"],
        "lines": [1, options["lines"]],
        "quantity": [1, options["quantity"]],
        "popularity": popularity,
        "skew": 1.0 if options["skew"] is None else options["skew"],
        "hot": options["hot"] or 1,
        "hot_share": options["hot_share"],
        "repeat": options["repeat"],
    }
    workload |= (
        {"think_s": options["think_s"], "duration_s": options["duration_s"]}
        if options["closed"] else {"spacing": options["spacing"]}
    )  # fmt: skip
    scenario = {
        "name": "load",
        "kind": "load",
        "description": "Orders as the command line says, and nothing broken.",
        "thresholds": list(options["limits"] or DEFAULT_LIMITS),
        "workload": workload,
        "checks": {"require": ["conservation", "partial_order", "lost_order"]},
    }
    return scenario if options["closed"] else {**scenario, "phases": [_phase(options)]}


def _phase(options: dict[str, Any]) -> dict[str, Any]:
    profile = options["profile"]
    phase = {
        "name": profile if profile != "constant" else "steady",
        "duration_s": options["duration_s"],
        "rate": options["rate"],
        "profile": profile,
        "to_rate": options["to_rate"],
        "steps": options["steps"],
        "at_s": options["at_s"],
        "width_s": options["width_s"],
        "stampede": options["stampede"],
    }
    return {key: value for key, value in phase.items() if value is not None}
