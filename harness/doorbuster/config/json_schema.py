"""JSON Schemas of the files that people write, from the types into which they are read."""

from typing import Any

from pydantic import TypeAdapter

from doorbuster.model.contract import Contract
from doorbuster.model.project import Project
from doorbuster.model.scenario import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES: dict[str, type] = {"contract": Contract, "scenario": Scenario, "project": Project}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a ``contract``, a ``scenario`` or a ``project``.

    TOML has no null, so an optional key is one that may be missing. A contract that extends another need not say again
    what that one says.
    """
    found = _without_null(TypeAdapter(FILES[kind]).json_schema())
    whole = {"$schema": DIALECT, **found, "title": f"Doorbuster {kind}"}
    if kind == "contract":
        about = "Another contract's file, relative to this one: what it says holds unless it is said here."
        whole["properties"]["extends"] = {"type": "string", "description": about}
        whole["anyOf"] = [{"required": whole.pop("required")}, {"required": ["extends"]}]
    return whole


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
