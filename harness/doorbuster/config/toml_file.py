"""TOML files into dataclasses of the model, validated by pydantic."""

import difflib
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from doorbuster.config.mistakes import ConfigError, Mistake

T = TypeVar("T")


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """The text and the content of a TOML file.

    Raises:
        ConfigError: missing, unreadable, not UTF-8, or not TOML; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.toml")], 1)
        cure = f"Did you mean {path.parent / near[0]}?" if near else "Check the path."
        raise ConfigError([Mistake(str(path), "no such file", cure)]) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError([Mistake(str(path), f"cannot be read: {problem}")]) from None
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError([Mistake(str(path), f"is not valid TOML: {problem}")]) from None


def validated(model: type[T], content: dict[str, Any], path: Path) -> T:
    """``content`` as an instance of the dataclass ``model``.

    Raises:
        ConfigError: every mistake, each with file and key.
    """
    try:
        found: T = _adapter(model).validate_python(content)
        return found
    except ValidationError as problem:
        raise ConfigError([_mistake(model, error, path) for error in problem.errors()]) from None


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(model: type) -> TypeAdapter[Any]:
    """Made once a class: making one takes thirty milliseconds, and a run reads its scenarios again and again."""
    if model not in _adapters:
        _adapters[model] = TypeAdapter(model)
    return _adapters[model]


def _mistake(model: type, error: Any, path: Path) -> Mistake:
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    place = f"{path}: {key}"
    match error["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return Mistake(place, "unknown key", _cure_for_unknown_key(model, location))
        case "missing" | "missing_argument":
            return Mistake(place, "is required but missing", "'doorbuster schema' and docs/contract.md show every key.")
        case _:
            return Mistake(place, error["msg"][:1].lower() + error["msg"][1:])


def _cure_for_unknown_key(model: type, location: list[str]) -> str:
    known = _keys_at(model, location[:-1])
    near = difflib.get_close_matches(location[-1], known, 1)
    return f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}." if known else ""


def _keys_at(model: Any, location: list[str]) -> list[str]:
    """The keys that the dataclass at ``location`` (keys and list positions) below ``model`` has."""
    for part in location:
        if part.isdigit():
            continue
        found = _dataclass_in(get_type_hints(model).get(part)) if is_dataclass(model) else None
        if found is None:
            return []
        model = found
    return [f.name for f in fields(model)] if is_dataclass(model) else []


def _dataclass_in(hint: Any) -> Any:
    if is_dataclass(hint):
        return hint
    return next((found for arg in get_args(hint) if (found := _dataclass_in(arg))), None)
