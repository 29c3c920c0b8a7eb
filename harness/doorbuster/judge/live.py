"""Three checks while the load goes on: one stretch of the log at a time, with what has to be kept of earlier ones."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from doorbuster.host.resources import resource
from doorbuster.judge.rows import create_images
from doorbuster.judge.views import create_events
from doorbuster.model.contract import Contract
from doorbuster.model.live import LiveState, LiveViolation
from doorbuster.record.catalogue import Table
from doorbuster.record.database import database
from doorbuster.record.live_log import place
from doorbuster.record.seal import quoted

MEMORY_LIMIT = "512MiB"
_EVENTS = ("stock_events", "line_events", "product_line_events", "order_events", "movement_events", "consumption")
_KEPT = """
create table kept_orders (order_id varchar, commit bigint, delta bigint, order_no bigint);
create table kept_lines (order_id varchar, product varchar, commit bigint, delta hugeint);
create table balances (product varchar primary key, stock hugeint, sold hugeint, supplied hugeint, discrepancy hugeint);
"""


class LiveJudge:
    """Judges the stretches of one shop's log in turn. Not thread-safe; blocks.

    It never convicts where the final judge would not; what it cannot decide from commit boundaries alone (a flow of
    several calls, late repairs, restocks by the shop itself) it leaves to that.
    """

    def __init__(self, contract: Contract, tables: Sequence[Table], spill: Path, *, operates: bool = False) -> None:
        """``spill`` is a folder for what does not fit into memory; ``operates``: the load restocks or cancels, too."""
        self._contract, self._tables = contract, tables
        self._database = database(MEMORY_LIMIT, spill / "live")
        self._database.execute("set TimeZone = 'UTC'")
        self._database.execute(_KEPT)
        self._commits = 0
        self._state = LiveState(left_to_the_end=_left_to_the_end(contract, operates))
        self._known: set[tuple[str, str]] = set()

    def take(self, folder: Path, read_before: str) -> LiveState:
        """Judge the stretch in ``folder``, whose commits up to ``read_before`` were judged already.

        Raises:
            LogNotUnderstood, BadMapping, duckdb.Error: the log or the contract's expressions do not fit the tables.
        """
        self._open(folder, read_before)
        for statement in self._database.extract_statements(resource("sql/live.sql").read_text()):
            self._database.execute(statement)
        violations, first = dict(self._state.violations), self._state.first
        for found in self._found():
            violations[found.check] = violations.get(found.check, 0) + 1
            first = first or found
        units, stock = self._one("select coalesce(sum(sold), 0), coalesce(sum(stock), 0) from balances")
        self._state = LiveState(
            self._commits, int(units), int(stock), violations, first, self._state.left_to_the_end
        )
        return self._state

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def _open(self, folder: Path, read_before: str) -> None:
        execute = self._database.execute
        new = f"{place('lsn')} > {place(quoted(read_before))}"
        commits, changes = (quoted(folder / f"{name}.parquet") for name in ("commits", "changes"))
        execute(
            f"create or replace table commits as select * replace (commit + {self._commits} as commit) "
            f"from {commits} where {new}"
        )
        execute(
            f"create or replace table changes as select * replace (commit + {self._commits} as commit) from {changes} "
            f"where commit + {self._commits} in (select commit from commits)"
        )
        self._commits = int(self._one(f"select coalesce(max(commit), {self._commits}) from commits")[0])
        images = {}
        for number, table in enumerate(self._tables):
            images[table.name] = f"image_{number}"
            execute(f"drop table if exists image_{number}")
            create_images(self._database, table, images[table.name])
            execute(
                f"delete from image_{number} "
                "where _sign = -1 and _commit in (select commit from commits where tag = 'initial')"
            )
        for name in _EVENTS:
            execute(f"drop table if exists {name}")
        create_events(self._database, self._contract, images)

    def _found(self) -> Iterator[LiveViolation]:
        """The stretch's violations, by commit; of one product or order each check is told once."""
        left = self._state.left_to_the_end
        sides = []
        if self._contract.rules.negative_stock != "allowed":
            sides.append("select commit, lsn, attempt, 'oversold' as name, product as subject, "
                         "format('product {} has a stock of {}', product, stock) as text "
                         "from states_now where stock < 0")  # fmt: skip
        if "conservation" not in left:
            sides.append("select commit, lsn, attempt, 'oversold', product, format('{} units of product {} on orders, "
                         "{} were ever there', sold, product, supplied) from states_now where sold > supplied")
            sides.append("select commit, lsn, attempt, 'conservation', product, format('stock and orders of product {} "
                         "are {} units apart', product, discrepancy) from states_now where tag is null "
                         "and discrepancy <> 0")  # fmt: skip
        if "duplicate_order" not in left:
            sides.append("select commit, lsn, attempt, 'duplicate_order', order_no::varchar, format('{} live orders of "
                         "one order key: {}', orders, order_ids) from twice_now join commits using (commit)")
        rows = self._database.execute(f"from ({' union all '.join(sides)}) order by commit, name").fetchall()
        for _, lsn, attempt, check, subject, text in rows:
            if (check, subject) not in self._known:
                self._known.add((check, subject))
                yield LiveViolation(check, lsn, attempt, text)

    def _one(self, query: str) -> tuple[int, ...]:
        row: tuple[int, ...] | None = self._database.execute(query).fetchone()
        assert row is not None
        return row


def _left_to_the_end(contract: Contract, operates: bool) -> tuple[str, ...]:
    """The checks of which only the final judge can say something."""
    left = []
    several_calls = len(contract.place.call_names) > 1
    if several_calls or contract.rules.atomicity == "eventual" or operates or contract.consumption is not None:
        left.append("conservation")
    if contract.place.http is not None:  # nothing in its transactions says whose they are
        left.append("duplicate_order")
    return tuple(left)
