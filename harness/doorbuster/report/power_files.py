"""A measurement of power as files: ``power.json``, and ``power.html`` as a table."""

import json
from pathlib import Path

from doorbuster.model.power import PowerResult
from doorbuster.report.files import write_atomically
from doorbuster.report.power_console import by_variant, cell_text, columns, evidence, fates, figures
from doorbuster.report.template import page

JSON, HTML = "power.json", "power.html"


def write_power(folder: Path, result: PowerResult) -> None:
    """Write both into ``folder``."""
    write_atomically(folder / JSON, json.dumps(result.as_dict(), indent=1) + "\n")
    write_atomically(folder / HTML, as_html(result))


def as_html(result: PowerResult) -> str:
    """The measurement as a self-contained document."""
    rows = [
        {
            "trials": trials,
            "first": trials[0],
            "cells": [cell_text(trials, name) for name in columns(result)],
            "fate": fates(trials),
            "checks": ", ".join(dict.fromkeys(check for t in trials for check in t.convicted_by)),
            "seconds": max((t.seconds for t in trials if t.scenario is not None), default=None),
            "bad": [t for t in trials if t.fate in BAD],
        }
        for trials in by_variant(result)
    ]
    return page(
        "power.html.j2", result=result, rows=rows, columns=columns(result), figures=figures(result), evidence=evidence
    )


BAD = ("false alarm", "survived", "mismatched", "error", "inconclusive", "equivalent")
