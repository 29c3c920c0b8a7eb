"""What the answers mean: the rules that tell a yes from "sold out" and from a no, read off answers that were seen."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from doorbuster.engine.guess.trials import Seen

Rule = dict[str, str]
_PROSE = re.compile(r"message|msg|error|detail|reason", re.I)


def order_id_path(value: Any, order_id: str) -> str | None:
    """Where in a good answer the order's id is."""
    return next((path for path, leaf in _leaves(value) if not isinstance(leaf, bool) and str(leaf) == order_id), None)


def _leaves(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            step = f".{key}" if re.fullmatch(r"\w+", key) else f'."{key}"'
            yield from _leaves(inner, path + step)
    elif not isinstance(value, list):
        yield path, value


def ok_and_sold_out(good: Seen, short: Seen) -> tuple[list[Rule], list[Rule]] | None:
    """Rules for the two; None where nothing tells them apart."""
    if short.sqlstate is not None:
        return [_is_good(good.value)], [error_rule(short)]
    if short.value is None and good.value is not None:
        return [_is_good(good.value)], [{"result": "$ == null"}]
    yes, no = dict(_leaves(good.value)), dict(_leaves(short.value))
    for path in sorted((p for p in yes if p in no and yes[p] != no[p]), key=lambda p: _rank(p, yes[p])):
        return [_rule(path, yes[p_], other=no[p_]) for p_ in (path,)], [_rule(path, no[path], other=yes[path])]
    return None


def error_rule(seen: Seen) -> Rule:
    """A rule for an error: by its code, and by the beginning of its message where the code is everybody's."""
    assert seen.sqlstate is not None
    if seen.sqlstate != "P0001":
        return {"sqlstate": seen.sqlstate}
    return {"sqlstate": "P0001", "message": f"(?i){re.escape(_beginning(seen.message)).replace(chr(92) + ' ', ' ')}"}


def _beginning(message: str) -> str:
    """The words before the first number or quote, which are another order's."""
    words = re.split(r"[\d\"'{\[(]", message, maxsplit=1)[0].strip()
    return words if len(words) >= 4 else message


def value_rule(seen: Seen, good: Seen, short: Seen) -> Rule | None:
    """A rule for an answer that is neither; None where it looks like one of the two."""
    if seen.value is None:
        return None
    known = [dict(_leaves(good.value)), dict(_leaves(short.value)) if short.sqlstate is None else {}]
    for path, leaf in sorted(_leaves(seen.value), key=lambda pair: _rank(*pair)):
        if isinstance(leaf, (str, int)) and all(of.get(path) != leaf for of in known):
            return {"result": f"{path} == {json.dumps(leaf)}"}
    return None


def sharper(sold_out: Rule, refused: list[Rule], short: Seen) -> Rule:
    """The rule for "sold out" by what tells it from refusals as well: a code beside a flag that both share."""
    leaves = dict(_leaves(short.value)) if short.sqlstate is None else {}
    for rule in refused:
        path = rule.get("result", "").partition(" == ")[0]
        if isinstance(leaves.get(path), str):
            return {"result": f"{path} == {json.dumps(leaves[path])}"}
    return sold_out


def _is_good(value: Any) -> Rule:
    flags = [path for path, leaf in _leaves(value) if leaf is True]
    if flags:
        return {"result": f"{flags[0]} == true"}
    leaves = [path for path, leaf in _leaves(value) if leaf not in (None, False, "")]
    return {"result": leaves[0]} if leaves else {}


def _rank(path: str, leaf: Any) -> tuple[bool, bool, int]:
    return bool(_PROSE.search(path)), not isinstance(leaf, (bool, str)), len(path)


def _rule(path: str, leaf: Any, *, other: Any) -> Rule:
    if leaf is None:
        return {"result": f"{path} == null"}
    if isinstance(leaf, bool) or (isinstance(leaf, str) and isinstance(other, str)):
        return {"result": f"{path} == {json.dumps(leaf)}"}
    if isinstance(leaf, int) and isinstance(other, int):
        return {"result": f"{path} == {leaf}" if leaf <= 0 or other > 0 else f"{path} > 0"}
    return {"result": path}
