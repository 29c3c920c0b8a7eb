"""``docs/reference.md``, written from the code: every option, key, check, fault, exit code and environment variable.

    python -m tests.docs.reference        (or make reference)

A test compares the page with what this gives, so that neither can change alone.
"""

import importlib
import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click
import pytest
from doorbuster import pytest_plugin
from doorbuster.cli import COMMANDS
from doorbuster.engine.faults import ALL_FAULTS
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.model.contract import Contract
from doorbuster.model.project import Project
from doorbuster.model.scenario import Scenario
from doorbuster.model.verdict import Verdict

from tests.docs.pages import DOCS

PAGE = DOCS / "reference.md"
HEAD = """# Reference

Written from the code by `make reference`; a test holds the two together. What the words mean stands in the pages that
[the index](README.md) lists.
"""
EXIT_CODES = {
    2: "usage: command line, contract, scenario, waiver, or SQL that does not deploy; nothing was tested",
    130: "interrupted; everything was healed and removed first. A violation that was seen before is 1 all the same",
}
VERDICTS = {
    Verdict.PASS: "every required check holds and was exercised, thresholds met",
    Verdict.VIOLATION: "a correctness check has rows, or the first plain order fails",
    Verdict.ERROR: "the harness could not do its work; says nothing about the checkout",
    Verdict.INCONCLUSIVE: "nothing wrong seen, but something required was not exercised or not observable",
    Verdict.SLOW: "only thresholds are broken",
}
ENVIRONMENT = {
    "DOORBUSTER_CACHE": "the folder of what is made once: Toxiproxy, data folders to copy (default: the user's cache)",
    "NO_COLOR": "no colour on the console, whatever its value",
    "CI": "no progress bars, as where the output is no terminal",
    "GITHUB_ACTIONS": "annotations are printed; `GITHUB_STEP_SUMMARY` names the file of the summary",
    "PGPASSWORD": "the password of a `--postgres` DSN without one",
    "DOCKER_HOST": "where the container engine answers",
    "DOORBUSTER_COMPOSE_PORT": "the port of the server of `docker-compose.yml` (default: 54329)",
    "DOORBUSTER_COMPOSE_PASSWORD": "its password (default: doorbuster)",
}


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Exit codes", _exit_codes(), "## Commands", *_commands(), "## Files", *_files(), "## Faults",
             *_faults(), "## Checks", _checks(), "## pytest", _pytest(), "## Environment", _environment()]  # fmt: skip
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_one_line(cell) for cell in line)} |" for line in lines)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _prose(text: str) -> str:
    """A docstring as Markdown: double back-quotes are single ones there."""
    return inspect.cleandoc(text).replace("``", "`")


def _exit_codes() -> str:
    told = {verdict.exit_code: f"`{verdict.value}`: {text}" for verdict, text in VERDICTS.items()} | EXIT_CODES
    return _table(("code", "meaning"), ((str(code), told[code]) for code in sorted(told)))


def _commands() -> Iterator[str]:
    known = {name: importlib.import_module(f"doorbuster.commands.{name}").command for name in COMMANDS}
    shared = _shared(known)
    for name, command in known.items():
        yield from _command(f"doorbuster {name}", command, shared)
    yield "### Common options"
    yield _table(("option", "meaning"), ((f"`{names}`", text) for names, text in shared))


def _shared(commands: Mapping[str, click.Command]) -> list[tuple[str, str]]:
    """The options that every command has which runs scenarios: written once."""
    running = commands["run"], commands["cut"]
    first, second = ([r for _, r in _records(c, click.Context(c))] for c in running)
    return [record for record in first if record in second]


def _records(command: click.Command, context: click.Context) -> list[tuple[click.Parameter, tuple[str, str]]]:
    found = ((option, option.get_help_record(context)) for option in command.params)
    return [(option, record) for option, record in found if record and record[1]]


def _command(path: str, command: click.Command, shared: list[tuple[str, str]]) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"### `{' '.join([path, *command.collect_usage_pieces(context)])}`"
    yield _one_line(re.split(r"\x08", command.help or "")[0])
    records = [record for _, record in _records(command, context)]
    missing = [names for names, text in shared if (names, text) not in records]
    runs = len(missing) <= len(shared) // 2
    own = [record for record in records if record not in shared] if runs else records
    if own:
        yield _table(("option", "meaning"), ((f"`{names}`", text) for names, text in own))
    if runs:
        but = f", but {', '.join(f'`{names}`' for names in missing)}" if missing else ""
        yield f"And the [common options](#common-options){but}."
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from _command(f"{path} {name}", inner, shared)


def _files() -> Iterator[str]:
    yield ("Keys that nobody knows are refused, with the nearest that is known. Paths count from the file that names "
           "them.")  # fmt: skip
    for title, model in (("A contract", Contract), ("A scenario", Scenario), ("doorbuster.toml", Project)):
        yield f"### {title}"
        yield from _keys(model, "", {})


def _keys(model: Any, prefix: str, known: dict[Any, str]) -> Iterator[str]:
    """A table's keys, and the tables in it; what is ``known`` under another name is only referred to."""
    if model.__doc__ and not model.__doc__.startswith(f"{model.__name__}("):
        yield _prose(model.__doc__)
    hints = get_type_hints(model)
    yield _table(("key", "value", "default"), (_key(f, hints[f.name], prefix) for f in fields(model)))
    again: dict[str, list[str]] = {}
    for key in fields(model):
        several = get_origin(hints[key.name]) is tuple or "tuple[" in str(hints[key.name])
        mark = f"[[{prefix}{key.name}]]" if several else f"[{prefix}{key.name}]"
        for inner in _models_in(hints[key.name]):
            if inner in known:
                again.setdefault(known[inner], []).append(mark)
                continue
            known[inner] = mark
            yield f"#### `{mark}`"
            yield from _keys(inner, f"{prefix}{key.name}.", known)
    for first, others in again.items():
        yield f"{', '.join(f'`{mark}`' for mark in others)}: as `{first}`."


def _key(key: "Field[Any]", hint: Any, prefix: str) -> tuple[str, str, str]:
    return f"`{prefix}{key.name}`", _kind(hint), _default(key)


def _models_in(hint: Any) -> list[Any]:
    if is_dataclass(hint):
        return [hint]
    return list(dict.fromkeys(found for argument in get_args(hint) for found in _models_in(argument)))


def _kind(hint: Any) -> str:
    """A type in the words of TOML."""
    origin, arguments = get_origin(hint), get_args(hint)
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): ""}
    if hint in plain:
        return plain[hint]
    if is_dataclass(hint):
        return "a table"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(filter(None, map(_kind, arguments)))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"[{', '.join(map(_kind, arguments))}]"
    if origin in (tuple, list):
        return "tables" if is_dataclass(arguments[0]) else f"a list of: {_kind(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"a table of: {_kind(arguments[1])}"
    return str(getattr(hint, "__name__", hint))


def _default(key: "Field[Any]") -> str:
    if key.default is MISSING and key.default_factory is MISSING:
        return "**required**"
    value = key.default_factory() if key.default_factory is not MISSING else key.default
    if value is None or is_dataclass(value) or value in ((), {}, ""):
        return ""
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _faults() -> Iterator[str]:
    yield "`kind` of a scenario's `[[faults]]`, with their `parameters`; [own ones](own-faults.md) are a file each."
    for kind, fault in ALL_FAULTS.items():
        yield f"### `{kind}`"
        yield _prose(fault.__doc__ or "")
        own = [f for f in fields(fault) if f.init]
        if own:
            hints = get_type_hints(fault)
            rows = ((f"`{f.name}`", _kind(hints[f.name]), _default(f)) for f in own)
            yield _table(("parameter", "value", "default"), rows)


def _checks() -> str:
    texts = standard_checks().values()
    rows = ((f"`{text.name}`", text.means, text.exercised_by) for text in texts)
    return _table(("check", "a row means", "exercised by"), rows)


def _pytest() -> str:
    """The plug-in's options, ini keys, marker and fixtures."""
    options = pytest_plugin._OPTIONS
    ini = {name: f"ini `doorbuster_{name.replace('-', '_')}`" for name in options}
    rows = [(f"`--doorbuster-{name}`, {ini[name]}", text) for name, text in options.items()]
    rows.append(("ini `doorbuster_scenarios`", "patterns of scenario files to collect as tests"))
    rows.append((f"`@pytest.mark.{pytest_plugin._MARKER.partition(':')[0]}`", pytest_plugin._MARKER.partition(": ")[2]))
    for name, value in vars(pytest_plugin).items():
        if isinstance(value, pytest.FixtureDef) or "fixture" in type(value).__name__.lower():
            rows.append((f"fixture `{name}`", _prose(value.__doc__ or value._get_wrapped_function().__doc__ or "")))
    return _table(("what", "meaning"), iter(rows))


def _environment() -> str:
    return _table(("variable", "meaning"), ((f"`{name}`", text) for name, text in ENVIRONMENT.items()))


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(PAGE.relative_to(DOCS.parent), "for", resource("sql").parent)


if __name__ == "__main__":
    main()
