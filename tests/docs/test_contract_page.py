"""docs/contract.md shows every key that a contract may have, and none that it may not."""

import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from doorbuster.host.resources import resource
from doorbuster.model.contract import Contract

from tests.docs.pages import DOCS, blocks

# What has a name of its own in a free table is no key of the contract.
FREE = ("session.", ".headers.", ".environment.")


def keys_of(model: Any, path: str = "") -> Iterator[str]:
    hints = get_type_hints(model)
    for one in fields(model):
        key = f"{path}{one.name}"
        yield key
        if (inner := dataclass_in(hints[one.name])) is not None:
            yield from keys_of(inner, f"{key}.")


def dataclass_in(hint: Any) -> Any:
    if is_dataclass(hint):
        return hint
    return next((found for arg in get_args(hint) if (found := dataclass_in(arg)) is not None), None)


def shown(content: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in content.items():
        yield f"{path}{name}"
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from shown(item, f"{path}{name}.")


def on_the_page() -> set[str]:
    texts = [block.text for block in blocks("contract.md") if block.language == "toml"]
    keys = {key for text in texts for key in shown(tomllib.loads(text))}
    return {key for key in keys if not any(free in f"{key}" for free in FREE)}


def rules_once(keys: set[str]) -> set[str]:
    """An answer's rules have the same keys under every outcome, and operations the same answers as orders."""
    outcomes = ("sold_out", "refused", "aborted", "unknown", "ok")
    found = set()
    for key in keys:
        for kind in ("restock", "cancel", "release"):
            key = key.removeprefix(f"{kind}.") if key.startswith(f"{kind}.answers") else key
        head, _, last = key.rpartition(".")
        found.add(f"answers.rule.{last}" if head in {f"answers.{outcome}" for outcome in outcomes} else key)
    return found


def test_every_key_is_on_the_page_and_no_other() -> None:
    known, seen = rules_once(set(keys_of(Contract))), rules_once(on_the_page())
    assert known - seen == set()
    assert seen - known - {"extends"} == set()


def test_every_example_is_in_the_table_of_shapes() -> None:
    text = (DOCS / "shapes.md").read_text()
    folders = [path.parent.name for path in resource("scenarios/contracts").glob("*/contract.toml")]
    assert [name for name in folders if f"| `{name}` |" not in text] == []
