"""``doorbuster compare``: two runs side by side."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from doorbuster.commands.recheck import ERROR
from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.comparing import SEED, as_json, compared_with
from doorbuster.engine.failures import USAGE
from doorbuster.engine.store import NotARun, load_run
from doorbuster.judge.compare import compare
from doorbuster.judge.profiles import NotABaseline, load_baseline
from doorbuster.model.verdict import Verdict
from doorbuster.report.comparison import lines
from doorbuster.report.html import as_html
from doorbuster.report.result_json import NAME, load

EPILOG = """\b
Exit codes
  0  every threshold holds, or none was given
  2  usage: a threshold that is none, or no baseline
  3  RUN is no finished run
  4  a threshold cannot be told to hold: too few orders, or within the noise
  5  a threshold is surely broken

\b
Examples
  doorbuster compare reports/BEFORE reports/NOW
  doorbuster compare baseline.json reports/NOW --against 'p99 < baseline * 1.2' --against 'p50 < baseline * 1.1 + 2ms'
"""


@click.command(epilog=EPILOG)
@click.argument("baseline", metavar="BASELINE", type=click.Path(path_type=Path))
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--against", multiple=True, metavar="THRESHOLD", help="'p99 < baseline * 1.2', "
              "'p50 < baseline * 1.1 + 5ms in steady'; may be given again.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=SEED, help="Of the resampling; the same draws the same.")
@click.option("--json", "json_", type=click.Path(dir_okay=False, path_type=Path), help="The comparison as JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="RUN's report with the comparison in it.")
def command(
    baseline: Path, run: Path, against: tuple[str, ...], seed: int, json_: Path | None, html: Path | None
) -> None:
    """Compare the latencies of RUN with those of BASELINE: each a run's folder, or its baseline.json.

    Each quantile comes with the range in which 99 of 100 resamplings of the two runs lie; a difference within it is
    noise. What differs between any two runs on a busy machine is not known to a comparison of two: docs/compare.md.
    """
    try:
        wanted = compared_with(baseline, against)
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(f"doorbuster: {mistake}", err=True)
        sys.exit(USAGE)
    assert wanted is not None
    try:
        found = compare(wanted.baseline, load_baseline(run), wanted.thresholds, seed, str(baseline))
    except NotABaseline as problem:
        click.echo(f"doorbuster: {problem}", err=True)
        sys.exit(ERROR)
    for line in lines(found):
        click.echo(line)
    if json_ is not None:
        json_.write_text(as_json(found))
    if html is not None:
        try:
            result = replace(load(run / NAME), comparison=found)
            html.write_text(as_html(result, load_run(run).checks, run))
        except (OSError, ValueError, NotARun) as problem:
            click.echo(f"doorbuster: --html needs the folder of a whole run: {problem}", err=True)
            sys.exit(ERROR)
    verdict = Verdict.INCONCLUSIVE if found.is_undecided else Verdict.SLOW if found.is_broken else Verdict.PASS
    sys.exit(verdict.exit_code)
