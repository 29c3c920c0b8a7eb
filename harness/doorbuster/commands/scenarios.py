"""``doorbuster scenarios``: what there is to run."""

import click

from doorbuster.config.toml_file import read_toml
from doorbuster.engine.loading import standing_scenarios


@click.command()
def command() -> None:
    """List the standing scenarios: name, sets, what each is about."""
    for name, path in standing_scenarios().items():
        _, content = read_toml(path)
        click.echo(f"{name:18} {', '.join(content.get('sets', ['full'])):18} {content['description']}")
