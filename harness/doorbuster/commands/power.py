"""``doorbuster power``: does the harness catch what it must, and leave alone what is right?"""

import random
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from doorbuster.config.contract import load_contract
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.project import is_project, load_project
from doorbuster.config.toml_file import read_toml
from doorbuster.engine.failures import INTERRUPTED, USAGE
from doorbuster.engine.house import Tools
from doorbuster.engine.loading import DEFAULT_CONTRACT
from doorbuster.engine.mutants import find_changes, load_equivalents, mutant_tasks, unspoken
from doorbuster.engine.power import Task
from doorbuster.engine.power_run import PowerSettings, measure, repeated
from doorbuster.engine.power_tasks import library_tasks, names_of, offer
from doorbuster.engine.store import new_run_folder
from doorbuster.host.interrupts import interrupts
from doorbuster.host.resources import resource
from doorbuster.postgres.deploy import DeployError
from doorbuster.postgres.runtimes import PostgresChoice
from doorbuster.report.power_console import PowerConsole
from doorbuster.report.power_files import write_power

EPILOG = """\b
Exit codes
  0  every broken function was convicted, no correct one was
  1  a variant that must be convicted survived, or a correct one was convicted
  2  usage
  3  the harness could not do its work
  4  something could not be put to the test
  130  interrupted

\b
Examples
  doorbuster power                           the whole library against the gate set
  doorbuster power --only no_lock --times 10 one function, with ten seeds
  doorbuster power --only correct --set quick
  doorbuster power --mutants                 every small change of the hardened function
  doorbuster power -c shop.toml              every small change of your own
"""


EQUIVALENTS = "sql/equivalent_mutants.toml"


@click.command(epilog=EPILOG)
@click.option("-c", "--contract", type=click.Path(path_type=Path), help="Mutants of this shop's own SQL: what would "
              "its gate let through?")  # fmt: skip
@click.option("--mutants", is_flag=True, help="Mutants of the hardened function.")
@click.option("--equivalents", type=click.Path(path_type=Path), help="A TOML file that argues for mutants which change "
              "nothing that matters: [[equivalent]] tables with operator, was, becomes, because.")  # fmt: skip
@click.option("--set", "chosen_set", type=click.Choice(["quick", "gate", "full"]), default="gate", show_default=True,
              help="The scenarios to try when those that a header names do not convict.")  # fmt: skip
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME",
              help="Only this scenario instead of a set. May be given again.")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME",
              help="Only this variant or mutant; also 'broken' or 'correct'. May be given again.")  # fmt: skip
@click.option("--times", type=click.IntRange(1), default=1, show_default=True,
              help="Try all so often, each time with another seed.")  # fmt: skip
@click.option("--whole", is_flag=True, help="The whole matrix: do not stop a variant at its first conviction.")
@click.option("--seed", type=click.IntRange(0), help="Draws the same orders again. Random, and printed, if not given.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True,
              help="Workers, each with a server of its own.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep what was recorded of every trial, not only of false alarms.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="reports", show_default=True,
              help="Where the folder with power.json and power.html goes.")  # fmt: skip
@click.option("--toxiproxy", metavar="PATH|docker[:IMAGE]", help="As for 'doorbuster run'.")
@click.option("--pg-bin", type=click.Path(path_type=Path), help="As for 'doorbuster run'.")
@click.option("--quiet", is_flag=True, help="Print what went wrong, and the figures.")
def command(**options: Any) -> None:
    """Measure the power of the harness: a library of broken functions, each of which must be convicted by a check that
    its header names, and of correct ones, none of which may be. With --mutants or -c: small changes of one shop's own
    functions and constraints, which show what its gate would let through.

    A broken function meets the scenarios that its header names first, then the others of the set, the cheapest first,
    and is done at its first conviction by a check that its header names.
    """
    seed = random.SystemRandom().randrange(2**31) if options["seed"] is None else options["seed"]
    tools = Tools(options["toxiproxy"], PostgresChoice(pg_bin=options["pg_bin"]))
    folder = new_run_folder(options["out"], "power", datetime.now(UTC).astimezone())
    try:
        tasks, subject = _tasks(options, seed, folder, tools)
    except (ConfigError, DeployError) as error:
        folder.rmdir()
        for mistake in error.mistakes:
            click.echo(f"doorbuster: {mistake}", err=True)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    settings = PowerSettings(
        folder, seed, options["times"], options["jobs"], shlex.join(["doorbuster", *sys.argv[1:]]),
        tools, options["keep"],
    )  # fmt: skip
    tasks = repeated(tasks, options["times"], seed)
    console = PowerConsole(len(tasks), options["quiet"])
    try:
        with interrupts() as asked:
            result = measure(tasks, settings, subject, names_of(tasks), console.tell, console.on)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    write_power(folder, result)
    console.finish(result, str(folder / "power.html"))
    sys.exit(INTERRUPTED if asked.times and result.exit_code != 1 else result.exit_code)


def _tasks(options: dict[str, Any], seed: int, folder: Path, tools: Tools) -> tuple[list[Task], str]:
    """What is to be tried, and of what."""
    offered = offer(options["chosen_set"], options["scenarios"])
    if not options["mutants"] and options["contract"] is None:
        return library_tasks(offered, seed, options["only"], options["whole"]), "the library"
    contract = load_contract(_contract_of(options["contract"] or resource(DEFAULT_CONTRACT)))
    argued = options["equivalents"] or (None if options["contract"] else resource(EQUIVALENTS))
    equivalents = load_equivalents(argued) if argued else ()
    with interrupts():
        found = find_changes(contract, tools, lambda _: None)
    for gone in unspoken(equivalents, found):
        click.echo(f"doorbuster: {argued}: no mutant is like this any more: {gone.operator}: {gone.was}", err=True)
    only = set(options["only"])
    wanted = [change for change in found if not only or change.name in only or change.operator in only]
    tasks = mutant_tasks(wanted, contract, offered, seed, folder / "mutants", equivalents, whole=options["whole"])
    return list(tasks), contract.contract.name


def _contract_of(path: Path) -> Path:
    """The contract that a project's file names, or ``path`` itself."""
    if not is_project(read_toml(path)[1]):
        return path
    return Path(load_project(path, datetime.now(UTC).date()).contract)
