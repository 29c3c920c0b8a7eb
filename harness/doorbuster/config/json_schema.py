"""JSON Schemas of the files that people write, from the types into which they are read."""

from typing import Any

from pydantic import TypeAdapter

from doorbuster.model.contract import Contract
from doorbuster.model.project import Project
from doorbuster.model.scenario import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PART = "Part"  # what a table of a contract that extends another is called
FILES: dict[str, type] = {"contract": Contract, "scenario": Scenario, "project": Project}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a ``contract``, a ``scenario`` or a ``project``.

    TOML has no null, so an optional key is one that may be missing. A contract that extends another need not say again
    what that one says, nor all of a table: it is taken over key by key. A list is taken over as a whole.
    """
    found = _without_null(TypeAdapter(FILES[kind]).json_schema())
    whole = {"$schema": DIALECT, **found, "title": f"Doorbuster {kind}"}
    return _may_extend(whole) if kind == "contract" else whole


def _may_extend(whole: dict[str, Any]) -> dict[str, Any]:
    """``whole`` for a file that may name another: its tables may be parts, unless it names none."""
    about = "Another contract's file, relative to this one: what it says holds unless it is said here."
    parts = {name + _PART: _loosened(table) for name, table in whole["$defs"].items()}
    needed = {"required": whole["required"], "properties": whole["properties"]}
    return {
        **_loosened(whole),
        "properties": {**_loosened(whole)["properties"], "extends": {"type": "string", "description": about}},
        "anyOf": [{"required": ["extends"]}, needed],
        "$defs": {**whole["$defs"], **parts},
    }


def _loosened(table: dict[str, Any]) -> dict[str, Any]:
    """``table`` without the keys that it requires, in the tables within it, too."""
    kept = {key: value for key, value in table.items() if key != "required"}
    return kept | {"properties": {key: _part(value) for key, value in table.get("properties", {}).items()}}


def _part(value: Any) -> Any:
    """A key's schema, a part of a table where it is one; what stands in a list is said as a whole."""
    if "$ref" in value:
        return {**value, "$ref": value["$ref"] + _PART}
    return {**value, "anyOf": [_part(one) for one in value["anyOf"]]} if "anyOf" in value else value


def file_name(kind: str) -> str:
    """What the schema's file is called."""
    return f"doorbuster.{kind}.schema.json"


def first_line(kind: str) -> str:
    """The first line of a TOML file in the same folder that makes editors use the schema."""
    return f"#:schema ./{file_name(kind)}"


def _without_null(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _without_null(value) for key, value in node.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if "anyOf" in kept and len(choices) == 1:
        del kept["anyOf"]
        kept |= choices[0]
    return kept
