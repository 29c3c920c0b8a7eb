"""Golden histories: TOML with a ``story``, one event a line, times in milliseconds.

    wants k1: apple*1, pear*2 [as CLASS] [customer NAME]      what an order key asks for
    tries 65 k1 0-10 ok 1 [pid=7] [code=eof] [step=500]       attempt, key, from-to ("0-" never ends), outcome, order id
    commit 5 by 65: ACTION; ACTION                             a transaction of the log; also "untagged" or "as TAG"
    restock o1 apple*3 0-10 ok                                 an operation, whose transaction is "by o1"
    cancel o2 k1 1 0-10 ok                                     of the order 1 of k1; also "release"
    fault NAME 0-10 · deadlock 5 7,8 · counter deadlocks 3
    session open 10 pid=7 [transaction] [locks=advisory]       also "left"
    probe k9 apple 100-110 ok
    retired /old apple 0-10 410                                or "none", where no answer came
    many 25 0-10 ok                                            25 whole orders of apple, each as long

Actions: ``order 1 k1 apple*1`` writes a whole order; ``head 1 k1 10`` only its row with a total; ``line 1 apple 2``,
``take apple 1``, ``give apple 1``, ``set apple 0``, ``lot L1 apple 3``, ``relot L1 2``, ``move 1 apple -1``,
``cancel 1``,
``retotal 1 20``, ``drop 1`` (deletes the row), ``unline 1 apple``, ``reline 1 apple 3``, ``rekey 1 k2``, ``nothing``.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from doorbuster.record.tables import FIRST_OPERATION

from tests.judge.histories import PRICE, START_US, Commit, History, Rules


@dataclass(frozen=True)
class Golden:
    """A golden history, with what a bad one is convicted of besides the check it is for."""

    about: str
    history: History
    also: frozenset[str]
    required: tuple[str, ...]
    thresholds: tuple[str, ...]


def read_golden(path: Path) -> Golden:
    """The golden history in ``path``."""
    content = tomllib.loads(path.read_text())
    rules = content.get("rules", {})
    if "refuse" in rules:
        rules["refuse"] = tuple(rules["refuse"])
    history = History(content.get("shelf", {}), Rules(**rules))
    for number, line in enumerate(content["story"].splitlines(), 1):
        if text := line.split("#")[0].strip():
            try:
                _tell(history, text)
            except Exception as problem:
                raise ValueError(f"{path}: story line {number}: {text!r}: {problem!r}") from problem
    return Golden(
        content["about"], history, frozenset(content.get("also", [])),
        tuple(content.get("required", [])), tuple(content.get("thresholds", [])),
    )  # fmt: skip


def _tell(history: History, text: str) -> None:
    word, rest = text.split(maxsplit=1)
    _WORDS[word](history, rest)


def _wants(history: History, text: str) -> None:
    match = re.fullmatch(r"(\S+):(.*?)(?:\s+as (\S+))?(?:\s+customer (\S+))?", text)
    assert match
    history.wants(match[1], _cart(match[2]), match[3] or "valid", match[4])


def _cart(text: str) -> list[tuple[str, int]]:
    lines = [part.strip().split("*") for part in text.split(",") if part.strip()]
    return [(product, int(units)) for product, units in lines]


def _options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    options = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], options


def _span(text: str) -> tuple[float, float | None]:
    start, end = text.split("-")
    return float(start), float(end) if end else None


def _tries(history: History, text: str) -> None:
    words, options = _options(text.split())
    attempt, key, span, outcome, *order_id = words
    invoked, returned = _span(span)
    pid = int(options["pid"]) if "pid" in options else None
    history.tries(
        int(attempt), key, invoked, returned, outcome, order_id=order_id[0] if order_id else None, pid=pid,
        code=options.get("code"), step_ms=float(options.get("step", 0)),
    )  # fmt: skip


def _commit(history: History, text: str) -> None:
    head, actions = text.split(":", 1)
    at, how, *what = head.split()
    commit = history.commit(
        float(at), _number(what[0]) if how == "by" else None, what[0] if how == "as" else None
    )
    for action in actions.split(";"):
        name, *words = action.split()
        _ACTIONS[name](history, commit, *words)


def _number(text: str) -> int:
    return FIRST_OPERATION + int(text[1:]) if text.startswith("o") else int(text)


def _restock(history: History, text: str) -> None:
    number, cart, span, outcome = text.split()
    (product, units), (start, end) = _cart(cart)[0], _span(span)
    history.operates(_number(number), "restock", start, end, outcome, product=product, quantity=units)


def _ends_order(kind: str) -> Callable[[History, str], None]:
    def tell(history: History, text: str) -> None:
        number, key, order_id, span, outcome = text.split()
        start, end = _span(span)
        history.operates(_number(number), kind, start, end, outcome, key=key, order_id=order_id)

    return tell


def _order(history: History, commit: Commit, order_id: str, key: str, *cart: str) -> None:
    history.order(commit, int(order_id), key, _cart(" ".join(cart)))


def _head(history: History, commit: Commit, order_id: str, key: str, total: str) -> None:
    history.insert(
        commit, "orders", id=int(order_id), key=key, customer=f"customer of {key}",
        status="pending", total=Decimal(total),
    )


_ACTIONS: dict[str, Callable[..., Any]] = {
    "order": _order,
    "head": _head,
    "line": lambda h, c, order, product, units: h.line(c, int(order), product, int(units)),
    "take": lambda h, c, product, units: h.change_stock(c, product, -int(units)),
    "give": lambda h, c, product, units: h.change_stock(c, product, int(units)),
    "set": lambda h, c, product, units: h.set_stock(c, product, int(units)),
    "lot": lambda h, c, lot, product, units: h.insert(c, "lots", id=lot, product=product, units=int(units)),
    "relot": lambda h, c, lot, units: h.update(c, "lots", lot, units=int(units)),
    "move": lambda h, c, order, product, change: h.move(c, int(order), product, int(change)),
    "cancel": lambda h, c, order: h.update(c, "orders", int(order), status="cancelled"),
    "rekey": lambda h, c, order, key: h.update(c, "orders", int(order), key=key),
    "retotal": lambda h, c, order, total: h.update(c, "orders", int(order), total=Decimal(total)),
    "drop": lambda h, c, order: h.delete(c, "orders", int(order)),
    "unline": lambda h, c, order, product: h.delete(c, "items", (int(order), product)),
    "reline": lambda h, c, order, product, units: h.update(c, "items", (int(order), product), quantity=int(units)),
    "nothing": lambda h, c: None,
}


def _at(ms: str | float) -> int:
    return START_US + int(float(ms) * 1000)


def _fault(history: History, text: str) -> None:
    name, span = text.split()
    start, end = _span(span)
    history.tables["fault_windows"].append([name, name, _at(start), _at(end or start)])


def _session(history: History, text: str) -> None:
    words, options = _options(text.split())
    taken, at, *state = words
    history.tables["sessions"].append(
        [taken, _at(at), int(options["pid"]), "idle in transaction" if state else "idle", bool(state),
         options.get("locks"), None]
    )  # fmt: skip


def _deadlock(history: History, text: str) -> None:
    at, pids = text.split()
    number = len(history.tables["deadlocks"])
    for n, pid in enumerate(pids.split(",")):
        history.tables["deadlocks"].append([number, _at(at), int(pid), n == 0, f"process {pid} waits"])


def _counter(history: History, text: str) -> None:
    name, value = text.split()
    history.tables["counters"].append([name, int(value)])


def _probe(history: History, text: str) -> None:
    key, product, span, outcome = text.split()
    start, end = _span(span)
    number = len(history.tables["probes"]) + 1
    probe = [number, key, product, _at(start), _at(end or start), outcome, None, None, 5_000_000]
    history.tables["probes"].append(probe)


def _many(history: History, text: str) -> None:
    number, span, outcome = text.split()
    start, end = _span(span)
    assert end is not None
    for n in range(int(number)):
        key, attempt = f"m{n}", (1000 + n) * 64 + 1
        history.wants(key, [("apple", 1)])
        answered = str(n) if outcome == "ok" else None
        history.tries(attempt, key, start + 1000 * n, end + 1000 * n, outcome, order_id=answered)
        if outcome == "ok":
            history.order(history.commit(start + 1000 * n + 0.5, attempt), n, key, [("apple", 1)])


def _retired(history: History, text: str) -> None:
    endpoint, product, span, status = text.split()
    start, end = _span(span)
    answered = None if status == "none" else int(status)
    history.tables["retired"].append([endpoint, product, _at(start), end and _at(end), answered, "said so"])


_WORDS: dict[str, Callable[[History, str], None]] = {
    "wants": _wants,
    "tries": _tries,
    "commit": _commit,
    "fault": _fault,
    "session": _session,
    "deadlock": _deadlock,
    "counter": _counter,
    "probe": _probe,
    "many": _many,
    "restock": _restock,
    "cancel": _ends_order("cancel"),
    "release": _ends_order("release"),
    "retired": _retired,
}
assert PRICE == 10  # the stories' totals rely on it
