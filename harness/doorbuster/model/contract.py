"""What the harness must know of a shop. Loaded from TOML by :mod:`doorbuster.config`; no code in it.

Plain frozen dataclasses: pydantic validates them where files are read, and nothing here depends on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

# Read by pydantic where it validates these classes: a key nobody knows is a mistake, not a wish.
_STRICT = {"extra": "forbid"}

RefusedClass = Literal[
    "unknown_product", "zero", "negative", "empty", "malformed", "huge", "reused_key", "wrong_total"
]
RetryableOutcome = Literal["aborted", "unknown", "error", "sold_out", "refused"]
OperationKind = Literal["restock", "cancel", "release"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """SQL to deploy: ``files`` are absolute paths in order once loaded (globs relative to the contract in TOML)."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    files: tuple[str, ...]
    supabase: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelves:
    """Statements that set the stage: ``once`` a database, ``product`` a product, ``customer`` a buyer.

    ``product`` knows ``:product``, ``:quantity`` and ``:price``; ``customer`` knows ``:customer``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    once: tuple[str, ...] = ()
    product: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One call of a multi-step flow, its own transaction; its result columns are parameters of later steps."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    sql: str
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpStep:
    """One request: ``url`` is a path of the shop's, ``headers`` and ``body`` are templates like it.

    ``line`` is the template of one element of ``:lines``, with ``:product``, ``:quantity`` and ``:price`` its own.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    url: str
    name: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    line: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpServer:
    """How to start the shop: a ``command`` that stays in the foreground, ended by SIGTERM.

    ``{host}``, ``{port}``, ``{database_url}`` and ``{python}`` stand in the command and in ``environment``; ``PORT``,
    ``DATABASE_URL`` and libpq's ``PG…`` variables are set anyway. It runs in ``folder``. ``ready`` is a path that
    answers below 500 as soon as orders can be placed, which it must within ``ready_s`` seconds. ``single`` is the
    command that starts it with one session in the database only, and with patience: then orders can be interleaved.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    command: tuple[str, ...]
    ready: str = "/"
    ready_s: float = 20.0
    folder: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    single: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpPlace:
    """How to place an order over HTTP: a single request (``url``, …), or ``steps``.

    ``keep_alive``: a buyer keeps his connection for the next request. ``connect_timeout_s`` is for making one, within
    the buyer's whole patience. ``retired`` are endpoints that must refuse and change
    nothing; they know ``:order_id``, too, the id of an order that is there.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    server: HttpServer
    url: str | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    line: str | None = None
    steps: tuple[HttpStep, ...] = ()
    keep_alive: bool = True
    connect_timeout_s: float | None = None
    retired: tuple[HttpStep, ...] = ()

    @property
    def requests(self) -> tuple[HttpStep, ...]:
        """The flow as steps, also where it is a single request."""
        if self.url is None:
            return self.steps
        return (
            HttpStep(
                url=self.url, name="place", method=self.method, headers=self.headers, body=self.body, line=self.line
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How to place one order: a single statement ``sql``, or ``steps``, or requests over ``http``.

    ``prepare`` runs once an order over an untouched connection. ``compensate`` is what the application does by hand
    when a step fails after the first has succeeded, each statement its own transaction.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    sql: str | None = None
    steps: tuple[Step, ...] = ()
    http: HttpPlace | None = None
    prepare: tuple[str, ...] = ()
    compensate: tuple[str, ...] = ()

    @property
    def calls(self) -> tuple[Step, ...]:
        """The flow as statements, also where it is a single one; none over HTTP."""
        return (Step(sql=self.sql, name="place"),) if self.sql is not None else self.steps

    @property
    def call_names(self) -> tuple[str, ...]:
        """The names of the flow's calls, statements or requests, in order; one without a name goes by its number."""
        calls: Sequence[Step | HttpStep] = self.http.requests if self.http is not None else self.calls
        return tuple(call.name or str(n) for n, call in enumerate(calls, 1))

    @property
    def templates(self) -> tuple[str, ...]:
        """Every text in which an order's parameters can stand."""
        if self.http is None:
            return (*self.prepare, *(step.sql for step in self.calls))
        requests = self.http.requests
        texts = (text for r in requests for text in (r.url, r.body, r.line or "", *r.headers.values()))
        return (*self.prepare, *texts)

    @property
    def many_lines(self) -> bool:
        """Whether a cart of several lines can be said, and not only one product and its quantity."""
        return any(":lines" in text for text in self.templates)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRule:
    """Matches an answer when every key given matches; ``{}`` matches any answer that is no error."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    sqlstate: str | None = None
    message: str | None = None
    status: int | None = None
    result: str | None = None
    matches: str | None = None
    step: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Rules from an answer to an outcome; the first match wins, in the order of the fields."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    ok: tuple[AnswerRule, ...]
    sold_out: tuple[AnswerRule, ...] = ()
    refused: tuple[AnswerRule, ...] = ()
    aborted: tuple[AnswerRule, ...] = ()
    unknown: tuple[AnswerRule, ...] = ()
    order_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """Something else than an order that moves stock: one statement, its own transaction, whose tag is in the log.

    Knows the parameters of an order, and ``:order_id`` where an order's answer gives it. A restock adds ``:quantity``
    units of ``:product``; a cancellation ends an order, a release what an order holds, and both give its units back.
    Without ``answers`` every answer that is no error is a yes.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    sql: str
    answers: Answers = Answers(ok=(AnswerRule(),))

    @property
    def calls(self) -> tuple[Step, ...]:
        """The operation as the steps of a flow."""
        return (Step(sql=self.sql, name="operation"),)

    @property
    def compensate(self) -> tuple[str, ...]:
        """Nothing: one transaction has nothing to be taken back by hand."""
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Buyer:
    """What the shop's client does: which outcomes it retries, how often, and when it gives up waiting."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    retry: tuple[RetryableOutcome, ...] = ("aborted", "unknown")
    attempts: int = 4
    timeout_s: float = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StockMapping:
    """Stock is the running sum of ``quantity`` over the live rows of all mappings, by ``product``.

    Any mapping may have ``sql``: a DuckDB query over the logged row images of ``table`` (and of ``tables``, which are
    then recorded, too), under their names, that keeps the columns ``_commit``, ``_seq``, ``_sign`` and ``_entry``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    table: str
    product: str
    quantity: str
    live: str = "true"
    sql: str | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OrdersMapping:
    """Where orders live; every value but ``table`` is a DuckDB SQL expression over the row's columns."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    table: str
    id: str
    order_key: str | None = None
    customer: str | None = None
    live: str = "true"
    total: str | None = None
    sql: str | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LinesMapping:
    """Where an order's lines live."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    table: str
    order: str
    product: str
    quantity: str
    price: str | None = None
    live: str = "true"
    sql: str | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MovementsMapping:
    """Where the ledger of stock movements lives: the signed ``change``."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    table: str
    product: str
    change: str
    order: str | None = None
    live: str = "true"
    sql: str | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumptionMapping:
    """A bill of materials: a unit of ``product`` on an order takes ``quantity`` units of the stock ``stock``.

    A product without a row takes itself. What is on the bills must not change while orders are placed.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    table: str
    product: str
    stock: str
    quantity: str
    live: str = "true"
    sql: str | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the shop promises beyond the default."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    negative_stock: Literal["never", "allowed"] = "never"
    atomicity: Literal["transaction", "eventual"] = "transaction"
    eventual_limit_s: float | None = None
    refuse: tuple[RefusedClass, ...] = ()
    max_quantity: int = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """One shop under test."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    schema: Schema
    place: Place
    answers: Answers
    stock: tuple[StockMapping, ...]
    lines: LinesMapping
    shelves: Shelves = Shelves()
    session: Mapping[str, str] = field(default_factory=dict)
    buyer: Buyer = Buyer()
    orders: OrdersMapping | None = None
    movements: MovementsMapping | None = None
    consumption: ConsumptionMapping | None = None
    rules: Rules = Rules()
    restock: Operation | None = None
    cancel: Operation | None = None
    release: Operation | None = None

    @property
    def operations(self) -> dict[OperationKind, Operation]:
        """What the shop does besides placing orders, by kind."""
        named: dict[OperationKind, Operation | None] = {
            "restock": self.restock, "cancel": self.cancel, "release": self.release,
        }  # fmt: skip
        return {kind: operation for kind, operation in named.items() if operation is not None}

    @property
    def tables(self) -> tuple[str, ...]:
        """The mapped tables, each once, in the order in which the contract names them."""
        return tuple(dict.fromkeys(table for m in self.mappings for table in (m.table, *m.tables)))

    @property
    def mappings(self) -> "tuple[Mapped, ...]":
        """All mappings that the contract has."""
        optional = (self.orders, self.lines, self.movements, self.consumption)
        return (*self.stock, *(m for m in optional if m is not None))


Mapped = StockMapping | OrdersMapping | LinesMapping | MovementsMapping | ConsumptionMapping
