"""The command line. Commands are imported when they are called, so that help comes at once."""

import importlib
import sys
import traceback
from typing import Any

import click

from doorbuster import __version__

HARNESS_FAILED = 3
INTERRUPTED = 130
COMMANDS = {
    "run": "Put a checkout function under test.",
    "cut": "Cut the connection at every place of an order's conversation.",
    "power": "Does the harness catch every broken function, and no correct one?",
    "crash": "Kill at every statement of the function, or the whole server under load.",
    "compare": "Compare the latencies of two runs, as far as their noise allows.",
    "drill": "Break one thing after the other under load, and see the shop recover.",
    "load": "Drive orders at a rate, from one process or many machines.",
    "interleave": "Go through every order of the statements inside the function.",
    "replay": "Run a recorded schedule again, and tell how often the violation came back.",
    "report": "Draw a stored run's reports again.",
    "recheck": "Judge a stored run again, without a database.",
    "init": "Write a first contract by looking at a database.",
    "doctor": "What is there, what is missing, what to type.",
    "schema": "JSON Schema of the files you write, for editors.",
    "scenarios": "List the standing scenarios.",
    "clean": "Remove what dead runs left behind.",
}


class _Lazy(click.Group):
    """A group that knows its commands' names and one line each, and imports one only to run it or explain it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"doorbuster.commands.{cmd_name}").command
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Ctrl-C exits 130: click's own 1 would say that the checkout is at fault."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="doorbuster")
def _group() -> None:
    """Sells the last item to many buyers at once, breaks the network under them, and proves from the database's own
    log what happened.

    Start with 'doorbuster run'; 'doorbuster COMMAND --help' says more.
    """


def main(*arguments: Any) -> None:
    """The console script. A bug of ours exits 3: Python's own 1 would say that the checkout is at fault."""
    try:
        _group(prog_name="doorbuster")
    except KeyboardInterrupt:  # before a command had begun
        sys.exit(INTERRUPTED)
    except Exception:
        traceback.print_exc()
        sys.exit(HARNESS_FAILED)
