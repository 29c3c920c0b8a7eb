"""Contract files."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from doorbuster.config.answers import check_rules
from doorbuster.config.http_place import http_mistakes
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.parameters import unknown_parameters
from doorbuster.config.supabase import on_supabase
from doorbuster.config.toml_file import read_toml, validated
from doorbuster.model.contract import Contract

_WAYS = ("sql", "steps", "http")
_PRODUCT = ("product", "quantity", "price")
_ORDER = ("order_key", "attempt", "customer", "lines", "total", *_PRODUCT)
_OPERATION = {"restock": ("attempt", *_PRODUCT), "cancel": ("order_id", *_ORDER), "release": ("order_id", *_ORDER)}


@dataclass(frozen=True, slots=True)
class LoadedContract:
    """A contract with the text and the path it came from."""

    contract: Contract
    text: str
    path: Path


def load_contract(path: Path, changes: Mapping[str, Any] | None = None) -> LoadedContract:
    """The contract in the TOML file ``path``; its schema's files become absolute paths, globs expanded.

    ``extends = "other.toml"`` takes over what that file says: tables key by key, anything else as a whole. So do
    ``changes`` with what the file says.

    Raises:
        ConfigError: every mistake that can be seen without a database.
    """
    text, content = _whole(path)
    if changes:
        content = _merged(content, dict(changes))
        text = tomli_w.dumps(content)
    contract = validated(Contract, content, path)
    files, mistakes = _schema_files(contract, path)
    mistakes += [Mistake(f"{path}: {key}", message, cure) for key, message, cure in _mistakes(contract)]
    mistakes += _folder_mistakes(contract, path)
    if mistakes:
        raise ConfigError(mistakes)
    return LoadedContract(_placed(contract, files, path), text, path)


def _placed(contract: Contract, files: tuple[str, ...], path: Path) -> Contract:
    """The contract with its paths absolute, and with what a platform adds to it."""
    placed = replace(contract, schema=replace(contract.schema, files=files))
    if contract.schema.supabase:
        placed = on_supabase(placed)
    http = placed.place.http
    if http is None:
        return placed
    server = replace(http.server, folder=str((path.parent / http.server.folder).resolve()))
    return replace(placed, place=replace(placed.place, http=replace(http, server=server)))


def _folder_mistakes(contract: Contract, path: Path) -> list[Mistake]:
    http = contract.place.http
    if http is None or (path.parent / http.server.folder).is_dir():
        return []
    cure = f"Paths are relative to the contract; looked for {path.parent / http.server.folder}."
    return [Mistake(f"{path}: place.http.server.folder", f"{http.server.folder!r} is no folder", cure)]


def _whole(path: Path, above: tuple[Path, ...] = ()) -> tuple[str, dict[str, Any]]:
    """Text and content of a contract file, with what it extends."""
    text, content = read_toml(path)
    if (named := content.pop("extends", None)) is None:
        return text, content
    base = path.parent / str(named)
    if not base.is_file():
        raise ConfigError([Mistake(f"{path}: extends", f"no such file: {named!r}", f"Looked for {base}.")])
    if base.resolve() in (*above, path.resolve()):
        raise ConfigError([Mistake(f"{path}: extends", f"{named!r} leads back here", "Name another contract.")])
    _, inherited = _whole(base, (*above, path.resolve()))
    schema = inherited.get("schema")
    if isinstance(schema, dict) and isinstance(schema.get("files"), list):
        schema["files"] = [str((base.parent / str(f)).absolute()) for f in schema["files"]]
    if isinstance(server := _at(inherited, "place", "http", "server"), dict):
        server["folder"] = str((base.parent / str(server.get("folder", "."))).absolute())
    _forget_other_ways(inherited.get("place"), content.get("place"))
    whole = _merged(inherited, content)
    return tomli_w.dumps(whole), whole


def _at(content: Any, *keys: str) -> Any:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _forget_other_ways(inherited: Any, own: Any) -> None:
    """Who says in a way of his own how an order is placed does not want the inherited one beside it."""
    if isinstance(inherited, dict) and isinstance(own, dict) and any(way in own for way in _WAYS):
        for way in (way for way in _WAYS if way not in own):
            inherited.pop(way, None)


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    tables = {key for key, value in own.items() if isinstance(value, dict) and isinstance(base.get(key), dict)}
    return {**base, **own, **{key: _merged(base[key], own[key]) for key in tables}}


def parse_contract(content: dict[str, Any], path: Path) -> Contract:
    """A contract from TOML already read, without looking for its schema's files: for a stored run."""
    return validated(Contract, content, path)


def _schema_files(contract: Contract, path: Path) -> tuple[tuple[str, ...], list[Mistake]]:
    files: list[str] = []
    mistakes = []
    for pattern in contract.schema.files:
        found = _expanded(path.parent, pattern)
        files += [str(f) for f in found]
        if not found:
            cure = f"Paths are relative to the contract; looked for {(path.parent / pattern)}."
            mistakes.append(Mistake(f"{path}: schema.files", f"nothing matches {pattern!r}", cure))
    return tuple(files), mistakes


def _expanded(base: Path, pattern: str) -> list[Path]:
    whole = Path(pattern) if Path(pattern).is_absolute() else base / pattern
    if not re.search(r"[*?\[]", pattern):
        return [whole.resolve()] if whole.is_file() else []
    fixed = [part for part in whole.parts if not re.search(r"[*?\[]", part)]
    anchor = Path(*fixed[: next(i for i, p in enumerate(whole.parts) if re.search(r"[*?\[]", p))])
    return sorted(f.resolve() for f in anchor.glob(str(whole.relative_to(anchor))) if f.is_file())


def _mistakes(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Every mistake inside the contract, as (key, message, cure)."""
    place = contract.place
    if [place.sql is not None, bool(place.steps), place.http is not None].count(True) != 1:
        message = "needs one of 'sql', [[place.steps]] and [place.http]"
        yield "place", message, "Give one statement, the steps of a flow, or requests; not two of them."
    if contract.schema.supabase and place.http is None and "role" not in contract.session:
        cure = 'Say as whom buyers come: role = "anon", "authenticated" or "service_role".'
        yield "session.role", "is required with supabase = true: only to a role is row-level security in force", cure
    if place.sql is not None and place.compensate:
        yield "place.compensate", "only a flow of steps has something to compensate", "Remove it."
    if not contract.stock:
        yield "stock", "needs at least one [[stock]] mapping", "Say which table holds the stock."
    if contract.consumption is not None and contract.restock is not None:
        cure = "Remove [restock], or test it with a contract whose products are the stock's own."
        yield "restock", "a product that [consumption] takes apart cannot be restocked", cure
    if contract.buyer.attempts < 1 or contract.buyer.timeout_s <= 0:
        yield "buyer", "needs at least one attempt and a timeout above zero", "Leave both out for 4 and 2.0."
    yield from ((f"answers.{key}", message, "") for key, message in check_rules(contract.answers))
    for kind, operation in contract.operations.items():
        yield from ((f"{kind}.answers.{key}", message, "") for key, message in check_rules(operation.answers))
        if ":order_id" in operation.sql and kind != "restock" and contract.answers.order_id is None:
            cure = "Say where an order's answer has it, or find the order by :order_key or :customer."
            yield f"{kind}.sql", "uses :order_id, but 'answers.order_id' is missing", cure
    yield from http_mistakes(contract, _ORDER)
    yield from _parameter_mistakes(contract)


def _parameter_mistakes(contract: Contract) -> Iterator[tuple[str, str, str]]:
    # A later step may use any column of an earlier one, which only the database knows: those are checked on deployment.
    statements = [
        *((f"shelves.once.{n}", sql, ()) for n, sql in enumerate(contract.shelves.once)),
        *((f"shelves.product.{n}", sql, _PRODUCT) for n, sql in enumerate(contract.shelves.product)),
        *((f"shelves.customer.{n}", sql, ("customer",)) for n, sql in enumerate(contract.shelves.customer)),
        *((f"place.prepare.{n}", sql, _ORDER) for n, sql in enumerate(contract.place.prepare)),
        *((f"place.{n or 'sql'}", step.sql, _ORDER) for n, step in enumerate(contract.place.calls[:1])),
        *((f"{kind}.sql", operation.sql, _OPERATION[kind]) for kind, operation in contract.operations.items()),
    ]
    for key, sql, known in statements:
        for name, line in unknown_parameters(sql, known):
            near = difflib.get_close_matches(name, known, 1)
            listed = f"Known here: {', '.join(':' + k for k in known)}." if known else "No parameters are known here."
            cure = f"Did you mean :{near[0]}? {listed}" if near else listed
            yield key, f"unknown parameter :{name} in line {line} of the statement", cure
