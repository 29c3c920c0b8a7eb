"""``doorbuster schema``: what editors need to help with contracts, scenarios and projects."""

import json
import sys
from pathlib import Path

import click

from doorbuster.config.json_schema import FILES, file_name, first_line, json_schema
from doorbuster.engine.failures import USAGE

EPILOG = """\b
Examples
  doorbuster schema contract            prints it
  doorbuster schema --out .             writes all three, and says the first line of a file that uses each
"""


@click.command(epilog=EPILOG)
@click.argument("kind", required=False, type=click.Choice(list(FILES)))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder to write to.")
def command(kind: str | None, out: Path | None) -> None:
    """Print or write the JSON Schema of contract, scenario and project files.

    An editor with TOML support (Even Better TOML, taplo) then completes keys, explains them, and underlines mistakes.
    """
    if kind is None and out is None:
        click.echo(f"doorbuster: say which to print ({', '.join(FILES)}), or where to write all: --out .", err=True)
        sys.exit(USAGE)
    for name in [kind] if kind else FILES:
        text = json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"
        if out is None:
            click.echo(text, nl=False)
            continue
        out.mkdir(parents=True, exist_ok=True)
        (out / file_name(name)).write_text(text, encoding="utf-8")
        click.echo(f"wrote {out / file_name(name)}; a {name} beside it begins with the line\n  {first_line(name)}")
