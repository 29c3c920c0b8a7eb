"""Small histories, written by hand or drawn, as the tables of a stored run: what the judge reads, and nothing else."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from doorbuster.config.toml_file import validated
from doorbuster.judge.checks import standard_checks
from doorbuster.judge.judge import FACTS, judge_scenario
from doorbuster.judge.views import create_views, open_run
from doorbuster.model.check import CheckResult
from doorbuster.model.contract import Contract
from doorbuster.model.result import ScenarioResult
from doorbuster.model.scenario import Policy, Scenario
from doorbuster.record.catalogue import Column, Table, save_catalogue
from doorbuster.record.tables import TABLES

START_US = 1_700_000_000_000_000
PRICE = Decimal(10)

TABLES_OF_SHOP = (
    Table(
        "products", "public.products", (Column("id", "id", "text", True), Column("stock", "stock", "integer", False))
    ),
    Table(
        "lots", "public.lots",
        (Column("id", "id", "text", True), Column("product", "product", "text", False),
         Column("units", "units", "integer", False)),
    ),
    Table(
        "orders", "public.orders",
        (Column("id", "id", "bigint", True), Column("key", "key", "text", False),
         Column("customer", "customer", "text", False), Column("status", "status", "text", False),
         Column("total", "total", "numeric", False)),
    ),
    Table(
        "items", "public.items",
        (Column("order_id", "order_id", "bigint", True), Column("product", "product", "text", True),
         Column("quantity", "quantity", "integer", False), Column("price", "price", "numeric", False)),
    ),
    Table(
        "movements", "public.movements",
        (Column("id", "id", "bigint", True), Column("order_id", "order_id", "bigint", False),
         Column("product", "product", "text", False), Column("change", "change", "integer", False)),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """How the shop of a history differs from the plain one: one transaction an order, a claimed key, movements."""

    steps: int = 1
    claims_key: bool = True
    movements: bool = True
    eventual_limit_s: float | None = None
    eventual: bool = False
    refuse: tuple[str, ...] = ()
    negative_stock: str = "never"
    release_all: bool = False
    retired: bool = False


RETIRED = {"http": {"server": {"command": ["true"]}, "url": "/orders", "retired": [{"url": "/old"}]}}


def _place(rules: Rules) -> dict[str, Any]:
    step = {"sql": "select 1"}
    if rules.retired:
        return RETIRED
    return {"steps": [{**step, "name": str(n)} for n in range(rules.steps)]} if rules.steps > 1 else step


def contract_of(rules: Rules) -> Contract:
    """The contract of a history's shop."""
    return validated(
        Contract,
        {
            "name": "golden",
            "schema": {"files": []},
            "place": _place(rules),
            "answers": {"ok": [{}], "order_id": "$.id"},
            "stock": [
                {"table": "products", "product": "id", "quantity": "stock"},
                {"table": "lots", "product": "product", "quantity": "units"},
            ],
            "orders": {
                "table": "orders", "id": "id", "customer": "customer", "live": "status <> 'cancelled'",
                "total": "total", **({"order_key": "key"} if rules.claims_key else {}),
            },
            "lines": {
                "table": "items", "order": "order_id", "product": "product", "quantity": "quantity", "price": "price",
            },
            **(
                {"movements": {"table": "movements", "order": "order_id", "product": "product", "change": "change"}}
                if rules.movements else {}
            ),
            "restock": {"sql": "select restock(:product::text, :quantity::int)"},
            "cancel": {"sql": "select cancel(:order_id::bigint)"},
            "release": {"sql": "select release_old()" if rules.release_all else "select release(:order_id::bigint)"},
            "rules": {
                "refuse": list(rules.refuse), "negative_stock": rules.negative_stock,
                "atomicity": "eventual" if rules.eventual else "transaction",
                "eventual_limit_s": rules.eventual_limit_s,
            },
        },
        Path("golden.toml"),
    )  # fmt: skip


Row = dict[str, Any]


@dataclass
class Commit:
    """One transaction of the log: ``changes`` are (table, old row or None, new row or None)."""

    at_us: int
    attempt: int | None
    tag: str | None
    changes: list[tuple[str, Row | None, Row | None]] = field(default_factory=list)


class History:
    """A history under construction. Instants are milliseconds from its start, and may be fractions."""

    def __init__(self, shelf: dict[str, int], rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.tables: dict[str, list[list[Any]]] = {name: [] for name in TABLES}
        self.commits: list[Commit] = []
        self.carts: dict[str, dict[str, int]] = {}
        self._rows: dict[tuple[str, Any], Row] = {}
        self._movements = 0
        with_shelf = self.commit(-1000, tag="stock")
        for product, units in shelf.items():
            self.insert(with_shelf, "products", id=product, stock=units)

    def wants(
        self, key: str, cart: Sequence[tuple[str, int]], order_class: str = "valid", customer: str | None = None
    ) -> None:
        """An order key and its cart."""
        total = sum((PRICE * units for _, units in cart), Decimal(0))
        self.carts[key] = dict(cart)
        self.tables["requests"].append(
            [key, customer or f"customer of {key}", str(total), order_class, "steady", None, START_US]
        )
        for n, (product, units) in enumerate(cart):
            self.tables["request_lines"].append([key, n, product, units, str(PRICE)])

    def tries(
        self, attempt: int, key: str, invoked_ms: float, returned_ms: float | None, outcome: str, *,
        order_id: str | None = None, pid: int | None = None, code: str | None = None, step_ms: float = 0,
    ) -> None:
        """An attempt; ``step_ms`` is how far the wall clock was stepped while it ran."""
        invoked, returned = _us(invoked_ms), None if returned_ms is None else _us(returned_ms)
        duration = 0 if returned is None else returned - invoked - int(step_ms * 1000)
        earlier = sum(row[1] == key for row in self.tables["attempts"])
        began = (attempt, key, earlier + 1, 0, "steady", None, invoked)
        self.tables["attempts"].append([*began, returned, duration, outcome, order_id, code, None, pid])

    def operates(
        self, number: int, kind: str, invoked_ms: float, returned_ms: float | None, outcome: str, *,
        key: str | None = None, order_id: str | None = None, product: str | None = None, quantity: int | None = None,
    ) -> None:
        """A restock, a cancellation or a release."""
        invoked, returned = _us(invoked_ms), None if returned_ms is None else _us(returned_ms)
        span = (invoked, returned, 0 if returned is None else returned - invoked)
        what = (number, kind, key, order_id, product, quantity)
        self.tables["operations"].append([*what, *span, outcome, None, None, None])

    def commit(self, at_ms: float, attempt: int | None = None, tag: str | None = None) -> Commit:
        """A transaction, the next in commit order."""
        self.commits.append(Commit(_us(at_ms), attempt, tag))
        return self.commits[-1]

    def order(self, commit: Commit, order_id: int, key: str, cart: Sequence[tuple[str, int]]) -> None:
        """All that a whole order writes."""
        total = sum((PRICE * units for _, units in cart), Decimal(0))
        customer = f"customer of {key}"
        self.insert(commit, "orders", id=order_id, key=key, customer=customer, status="pending", total=total)
        for product, units in cart:
            self.line(commit, order_id, product, units)
            self.change_stock(commit, product, -units)
            self.move(commit, order_id, product, -units)

    def line(self, commit: Commit, order_id: int, product: str, units: int) -> None:
        self.insert(commit, "items", order_id=order_id, product=product, quantity=units, price=PRICE)

    def move(self, commit: Commit, order_id: int | None, product: str, change: int) -> None:
        if self.rules.movements:
            self._movements += 1
            self.insert(commit, "movements", id=self._movements, order_id=order_id, product=product, change=change)

    def change_stock(self, commit: Commit, product: str, delta: int) -> None:
        self.set_stock(commit, product, self._rows["products", product]["stock"] + delta)

    def set_stock(self, commit: Commit, product: str, units: int) -> None:
        self.update(commit, "products", product, stock=units)

    def insert(self, commit: Commit, table: str, **row: Any) -> None:
        self._rows[table, _key(table, row)] = row
        commit.changes.append((table, None, row))

    def update(self, commit: Commit, table: str, key: Any, **values: Any) -> None:
        old = self._rows[table, key]
        new = {**old, **values}
        self._rows[table, key] = new
        commit.changes.append((table, old, new))

    def delete(self, commit: Commit, table: str, key: Any) -> None:
        commit.changes.append((table, self._rows.pop((table, key)), None))

    def keys(self, table: str) -> list[Any]:
        """The primary keys of a table's present rows."""
        return [key for name, key in self._rows if name == table]

    def store(
        self, folder: Path, *, required: Sequence[str] = (), thresholds: Sequence[str] = (), **facts: object
    ) -> Scenario:
        """Write the tables into ``folder`` as a stored scenario."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = dict(self.tables)
        tables["commits"], tables["changes"] = self._log()
        with duckdb.connect() as connection:
            for name, columns in TABLES.items():
                _write(connection, folder / f"{name}.parquet", columns, tables[name])
        save_catalogue(TABLES_OF_SHOP, folder / "catalogue.json")
        known = {"seed": 1, "start_us": START_US, "duration_s": 1.0, "unobservable": None, **facts}
        (folder / FACTS).write_text(json.dumps(known))
        policy = Policy(require=tuple(required))
        return Scenario(name="golden", kind="load", description="", checks=policy, thresholds=tuple(thresholds))

    def _log(self) -> tuple[list[list[Any]], list[list[Any]]]:
        commits: list[list[Any]] = []
        changes: list[list[Any]] = []
        shop = {table.name: table for table in TABLES_OF_SHOP}
        last_us = max(c.at_us for c in self.commits)
        for number, commit in enumerate([*self.commits, Commit(last_us + 1_000_000, None, "end")], 1):
            commits.append([number, f"0/{number:X}", 700 + number, commit.at_us, commit.attempt, commit.tag])
            for table, old, new in commit.changes:
                op = "INSERT" if old is None else "DELETE" if new is None else "UPDATE"
                text = {
                    "INSERT": lambda t=table, o=old, n=new: _printed(shop[t], n),
                    "DELETE": lambda t=table, o=old, n=new: _printed(shop[t], o, is_old=True),
                    "UPDATE": lambda t=table, o=old, n=new: (
                        f"old-key: {_printed(shop[t], o, is_old=True)} new-tuple: {_printed(shop[t], n)}"
                    ),
                }[op]()
                changes.append([number, len(changes) + 1, shop[table].printed, op, text])
        return commits, changes


def _us(ms: float) -> int:
    return START_US + round(ms * 1000)


def _key(table: str, row: Row) -> Any:
    return (row["order_id"], row["product"]) if table == "items" else row["id"]


def _printed(table: Table, row: Row | None, *, is_old: bool = False) -> str:
    """A row as the log prints it; old rows leave NULL out."""
    assert row is not None
    parts = []
    for column in table.columns:
        value = row.get(column.name)
        if value is None and is_old:
            continue
        parts.append(f"{column.printed}[{column.kind}]:{_literal(value, column.kind)}")
    return " ".join(parts)


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return "null"
    text = str(value)
    return "'" + text.replace("'", "''") + "'" if kind == "text" else text


def _write(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: dict[str, str], rows: Iterable[Sequence[Any]]
) -> None:
    source = path.with_suffix(".csv")
    with source.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            ["\\N" if value is None else value for value in row] for row in rows
        )
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    connection.execute(
        f"copy (select * from read_csv('{source}', columns = {{{types}}}, header = false, nullstr = '\\N', "
        f"auto_detect = false, delim = ',', quote = '\"', escape = '\"')) to '{path}' (format parquet)"
    )
    source.unlink()


def judged(
    history: History, folder: Path, *, required: Sequence[str] = (), thresholds: Sequence[str] = (), **facts: object
) -> ScenarioResult:
    """What the judge says of ``history``; ``facts`` are what the engine knew besides."""
    scenario = history.store(folder, required=required, thresholds=thresholds, **facts)
    return judge_scenario(folder, contract_of(history.rules), scenario, standard_checks(), {})


def opened(history: History, folder: Path) -> duckdb.DuckDBPyConnection:
    """The canonical tables of ``history``."""
    history.store(folder)
    connection = open_run(folder)
    create_views(connection, contract_of(history.rules), TABLES_OF_SHOP)
    return connection


def violated(result: ScenarioResult) -> set[str]:
    """The names of the checks that ``result`` says are violated."""
    return {check.name for check in result.checks if check.violations}


def check_of(result: ScenarioResult, name: str) -> CheckResult:
    """The result of one check."""
    return next(check for check in result.checks if check.name == name)
