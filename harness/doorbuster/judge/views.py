"""From a stored run to the canonical tables that checks read."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from doorbuster.host.resources import resource
from doorbuster.judge.checks import BadCheck, try_check
from doorbuster.judge.rows import LogNotUnderstood, create_images, require_unbroken
from doorbuster.judge.screen import set_plain_aside
from doorbuster.judge.script import ScriptRunner
from doorbuster.model.check import CheckText
from doorbuster.model.contract import (
    ConsumptionMapping,
    Contract,
    LinesMapping,
    Mapped,
    MovementsMapping,
    OrdersMapping,
    StockMapping,
)
from doorbuster.record.catalogue import Table
from doorbuster.record.database import database
from doorbuster.record.seal import empty_table, quoted, write_parquet
from doorbuster.record.tables import FIRST_OPERATION, LATER, TABLES

# Of a process that stays within 2 GiB.
MEMORY_LIMIT = "1600MiB"
# Stored tables up to this length are read once; longer ones stay on disk, so that memory does not bound a run. So does
# the text of the log, which is only read to make tables of it. In memory rows are not compressed: some 100 bytes each.
_RESIDENT_ROWS = 2_500_000
_SPILL = "spill"
_OF_AN_ORDER = re.compile(r":(order_id|order_key|customer)\b")


class BadMapping(Exception):
    """An expression of the contract's mapping that DuckDB does not take; names the mapping and quotes the error."""


class DamagedRun(Exception):
    """A stored table that is missing, damaged, or another's; names the file."""


@contextmanager
def opened_run(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """``open_run``, closed in the end, with all removed that did not fit into memory."""
    try:
        with open_run(folder) as connection:
            yield connection
    finally:
        shutil.rmtree(folder / _SPILL, ignore_errors=True)


def open_run(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the stored tables of a scenario's ``folder`` in it.

    Raises:
        DamagedRun: a file is missing, damaged, or does not hold the table.
    """
    connection = database(MEMORY_LIMIT, folder / _SPILL)
    connection.execute("set TimeZone = 'UTC'")
    for table, columns in TABLES.items():
        path = folder / f"{table}.parquet"
        if table in LATER and not path.exists():
            connection.execute(f"create table {table} as {empty_table(columns)}")
            continue
        _open_table(connection, path, table, columns)
    _supply_missing_attempts(connection)
    _shut_in(connection, folder)
    return connection


def _shut_in(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """A stored run brings queries of its own, and it may be a stranger's: they see no file but the scenario's."""
    connection.execute(f"set allowed_directories = [{quoted(folder.resolve())}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _open_table(connection: duckdb.DuckDBPyConnection, path: Path, table: str, columns: Mapping[str, str]) -> None:
    if not path.is_file():
        raise DamagedRun(f"{path}: is missing, so the run cannot be judged")
    wanted = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
    try:
        is_resident = table != "changes" and fits_in_memory(connection, path)
        kind = "table" if is_resident else "view"
        connection.execute(f"create {kind} {table} as select {wanted} from read_parquet({quoted(path)})")
    except duckdb.Error as problem:
        raise DamagedRun(f"{path}: is damaged or no table of a run: {str(problem).splitlines()[0]}") from None


def fits_in_memory(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether a stored table is short enough to be kept in memory beside the others."""
    return _number(connection, f"select num_rows from parquet_file_metadata({quoted(path)})") <= _RESIDENT_ROWS


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _supply_missing_attempts(connection: duckdb.DuckDBPyConnection) -> None:
    """Add an attempt that never ends for each tag in the log without one: its writer was killed before it wrote it.

    Its order key is that of the same order's other attempts (attempts of one order differ in their last six bits), else
    the one that the order it made claims by key or customer; the latter is left to the canonical tables. Which request
    it was must not be guessed from the time: the killed writer's last requests may be missing as well.
    """
    missing = connection.execute("""
        select commits.attempt, min(ts_us) from commits
        where commits.attempt is not null and not exists (select 1 from attempts a where a.attempt = commits.attempt)
          and not exists (select 1 from probes p where p.attempt = commits.attempt) and commits.attempt < ?
        group by commits.attempt""", [FIRST_OPERATION]).fetchall()
    if not missing:
        return
    if connection.execute("select 1 from duckdb_views() where view_name = 'attempts'").fetchone():
        connection.execute("alter view attempts rename to stored_attempts")
        connection.execute("create table attempts as select * from stored_attempts")
    for attempt, ts_us in missing:
        key = connection.execute(
            "select order_key, max(try_no) from attempts where attempt >> 6 = ? >> 6 group by order_key", [attempt]
        ).fetchone()
        if key is None:
            continue
        connection.execute(
            "insert into attempts by name select ?::bigint as attempt, ? as order_key, ?::int + 1 as try_no, "
            "coalesce((select started_us from requests where order_key = ?), ?) as invoked_us, "
            "0 as duration_us, 'unknown' as outcome, 'killed' as code",
            [attempt, key[0], key[1], key[0], ts_us],
        )


def create_views(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    tables: Sequence[Table],
    required: Sequence[str] = (),
    *,
    broken_off: bool = False,
    at_rest: bool = False,
    recovery_s: float | None = None,
) -> None:
    """Create the events by the contract's mapping, and the canonical tables over them.

    ``required`` names the checks that the scenario requires; ``broken_off`` says that the harness failed in the middle,
    so that its journals may lack their last lines; ``recovery_s`` is how long recovery from a load's fault may take;
    ``at_rest`` says that the commits are states in which nobody is between two steps of a flow.

    Raises:
        BadMapping, LogNotUnderstood: the contract's expressions or the log do not fit the tables.
    """
    images = create_all_images(connection, tables)
    for table in tables:
        # Rows that were there before the log began are told by a touch; what they were before it is no change.
        connection.execute(
            f"delete from {images[table.name]} "
            "where _sign = -1 and _commit in (select commit from commits where tag = 'initial')"
        )
        require_unbroken(connection, table, images[table.name])
    is_long = _number(connection, "select count(*) from changes") > _RESIDENT_ROWS
    create_events(connection, contract, images, on_disk=is_long)
    for image in images.values():
        connection.execute(f"drop table {image}")
    create_canonical(connection, contract, required, broken_off=broken_off, at_rest=at_rest, recovery_s=recovery_s)


def create_all_images(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> dict[str, str]:
    """Create the row images of ``tables`` from the log; under which names, by the tables'."""
    images = {table.name: f"image_{number}" for number, table in enumerate(tables)}
    for table in tables:
        create_images(connection, table, images[table.name])
    return images


def create_canonical(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    required: Sequence[str] = (),
    *,
    broken_off: bool = False,
    at_rest: bool = False,
    recovery_s: float | None = None,
) -> None:
    """Create the canonical tables from the events."""
    _create_settings(connection, contract, required, broken_off, recovery_s, at_rest=at_rest)
    set_plain_aside(connection, can_be_told=not broken_off and _makes_plain_orders(contract, at_rest=at_rest))
    ScriptRunner(connection).run(resource("sql/views.sql").read_text())


def _makes_plain_orders(contract: Contract, *, at_rest: bool) -> bool:
    """Whether an order is whole in one commit, which carries its attempt's tag, with lines of what its cart names."""
    in_one = at_rest or len(contract.place.call_names) == 1
    is_tagged = contract.place.http is None
    return in_one and is_tagged and contract.rules.atomicity != "eventual" and contract.consumption is None


def try_checks(contract: Contract, checks: Iterable[CheckText]) -> list[BadCheck]:
    """The mistakes of ``checks``, found before a run by trying them over empty tables."""
    found = []
    with empty_run(contract) as connection:
        for check in checks:
            try:
                try_check(connection, check)
            except BadCheck as problem:
                found.append(problem)
    return found


def empty_run(contract: Contract) -> duckdb.DuckDBPyConnection:
    """A connection with all tables that checks may read, empty: to try a check before a run."""
    connection = database()
    create_empty(connection, TABLES)
    create_empty(connection, EVENTS)
    connection.execute(THRESHOLDS)
    create_canonical(connection, contract)
    return connection


def create_empty(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Create tables without rows, of these columns and types."""
    for table, columns in tables.items():
        connection.execute(f"create table {table} as {empty_table(columns)}")


def blind_spots(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What checks cannot rest on in this run, and why."""
    return dict(connection.execute("select part, min(reason) from blind_spots group by part").fetchall())


def has_mappings(contract: Contract) -> dict[str, bool]:
    """Which optional parts of a mapping the contract has, as a check's header names them."""
    orders = contract.orders
    return {
        "movements": contract.movements is not None,
        "operations": bool(contract.operations),
        "retired": contract.place.http is not None and bool(contract.place.http.retired),
        "orders": orders is not None,
        "orders.total": orders is not None and orders.total is not None,
        "lines.price": contract.lines.price is not None,
    }


# The events, with the types that they have where the contract's quantities are whole numbers.
EVENTS = {
    "stock_events": {
        "commit": "BIGINT", "entry": "VARCHAR", "product": "VARCHAR", "delta": "BIGINT", "after": "BIGINT",
    },
    "line_events": {
        "commit": "BIGINT", "order_id": "VARCHAR", "product": "VARCHAR", "delta": "BIGINT", "delta_rows": "BIGINT",
        "amount": "DECIMAL(38,9)",
    },
    "order_events": {
        "commit": "BIGINT", "seq": "BIGINT", "order_id": "VARCHAR", "delta": "BIGINT", "order_key": "VARCHAR",
        "customer": "VARCHAR", "total": "DECIMAL(38,9)",
    },
    "movement_events": {"commit": "BIGINT", "order_id": "VARCHAR", "product": "VARCHAR", "delta": "BIGINT"},
    "consumption": {"product": "VARCHAR", "stock": "VARCHAR", "units": "BIGINT", "is_first": "BOOLEAN"},
}  # fmt: skip
# Filled by judge/figures.py before the checks named after metrics read it.
THRESHOLDS = (
    "create table thresholds "
    "(expression varchar, metric varchar, phase varchar, value double, samples bigint, met bool)"
)


def _create_settings(
    connection: duckdb.DuckDBPyConnection, contract: Contract, required: Sequence[str], broken_off: bool,
    recovery_s: float | None, *, at_rest: bool,
) -> None:  # fmt: skip
    limit_s = contract.rules.eventual_limit_s
    connection.execute(
        "create table settings as select ?::bool as multi_step, ?::bool as eventual, ?::bigint as eventual_limit_us, "
        "?::bool as negative_stock_allowed, ?::bool as has_movements, ?::bool as moves_by_order, "
        "?::bool as claims_key, ?::bool as broken_off, ?::bool as release_names_order, "
        "?::bigint as recovery_us, ?::bool as maps_amounts",
        [
            len(contract.place.call_names) > 1 and not at_rest,
            contract.rules.atomicity == "eventual",
            None if limit_s is None else int(limit_s * 1e6),
            contract.rules.negative_stock == "allowed",
            contract.movements is not None,
            contract.movements is not None and contract.movements.order is not None,
            contract.orders is not None and contract.orders.order_key is not None,
            broken_off,
            contract.release is not None and bool(_OF_AN_ORDER.search(contract.release.sql)),
            None if recovery_s is None else int(recovery_s * 1e6),
            contract.orders is not None and contract.orders.total is not None and contract.lines.price is not None,
        ],
    )
    refused = "create table refused_classes as select unnest(?::varchar[]) as order_class"
    connection.execute(refused, [list(contract.rules.refuse)])
    connection.execute("create table required as select unnest(?::varchar[]) as name", [list(required)])


def create_events(
    connection: duckdb.DuckDBPyConnection, contract: Contract, images: Mapping[str, str], *, on_disk: bool = False
) -> None:
    """Create the events by the contract's mapping from the row ``images``, tables by the names the contract knows.

    ``on_disk`` keeps them in files beside what the connection spills, which somebody has to remove.

    Raises:
        BadMapping, LogNotUnderstood: the contract's expressions or the log do not fit.
    """
    create = partial(_create, connection, on_disk)
    stock = [_stock(mapping, rows_of(mapping, images), n) for n, mapping in enumerate(contract.stock)]
    create("stock_events", _sorted(" union all ".join(stock)), "[[stock]]")
    lines = _sorted(_lines(contract.lines, rows_of(contract.lines, images)))
    if contract.consumption is None:
        connection.execute(f"create table consumption as {empty_table(EVENTS['consumption'])}")
        create("line_events", lines, "[lines]")
    else:
        _create_consumption(connection, contract.consumption, images)
        create("product_line_events", lines, "[lines]")
        create("line_events", _LINES_OF_STOCK, "[consumption]")
    if contract.orders is not None:
        query = _orders(contract.orders, rows_of(contract.orders, images))
    else:  # an order is then whatever has a line
        query = """select commit, commit as seq, order_id, sum(delta_rows)::bigint as delta, null::varchar as order_key,
                          null::varchar as customer, null::decimal(38,9) as total
                   from line_events group by commit, order_id"""
    create("order_events", f"from ({query}) order by commit", "[orders]")
    moved = contract.movements
    query = _movements(moved, rows_of(moved, images)) if moved else empty_table(EVENTS["movement_events"])
    create("movement_events", _sorted(query), "[movements]")


# Lines of products as lines of the stock that they consist of; amounts stay, each once.
_LINES_OF_STOCK = """
    select commit, order_id, coalesce(consumption.stock, line.product) as product,
           sum(delta * coalesce(consumption.units, 1)) as delta, sum(delta_rows) as delta_rows,
           sum(case when coalesce(is_first, true) then amount else 0 end) as amount
    from product_line_events line left join consumption using (product)
    group by all having delta <> 0 or delta_rows <> 0 or amount <> 0"""


def _create_consumption(
    connection: duckdb.DuckDBPyConnection, mapping: ConsumptionMapping, images: Mapping[str, str]
) -> None:
    rows = rows_of(mapping, images)
    query = f"""
        select product, stock, sum(_sign * units) as units,
               row_number() over (partition by product order by stock) = 1 as is_first
        from (select _sign, coalesce(({mapping.product})::varchar, '') as product,
                     coalesce(({mapping.stock})::varchar, '') as stock,
                     case when {mapping.live} then ({mapping.quantity}) else 0 end as units from {rows})
        group by product, stock having sum(_sign * units) <> 0"""
    _create(connection, False, "consumption", query, "[consumption]")
    changed = f"select _commit from {rows} join commits on commits.commit = _commit where tag is null limit 1"
    if found := connection.execute(changed).fetchone():
        raise LogNotUnderstood(f"[consumption]: commit {found[0]} changes what products consist of half way")


def rows_of(mapping: Mapped, images: Mapping[str, str]) -> str:
    """Where a mapping's rows come from: its table's images, or its own query over them under the tables' names."""
    if mapping.sql is None:
        return images[mapping.table]
    named = ", ".join(f"{_last_part(table)} as (from {images[table]})" for table in (mapping.table, *mapping.tables))
    return f"(with {named} {mapping.sql})"


def _last_part(table: str) -> str:
    """The name of a table without its schema, quoted as it was: ``shop."Lines"`` is ``"Lines"``."""
    return str(re.findall(r'"(?:[^"]|"")*"|[^."]+', table)[-1])


def _create(connection: duckdb.DuckDBPyConnection, on_disk: bool, name: str, query: str, section: str) -> None:
    try:
        query = _narrowed(connection, query)
        if on_disk:
            _keep_on_disk(connection, name, query)
        else:
            connection.execute(f"create table {name} as {query}")
    except duckdb.Error as problem:
        raise BadMapping(f"{section}: {str(problem).splitlines()[0]}") from None


def _narrowed(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Sums of whole numbers come as 128-bit ones; half as wide they are added twice as fast."""
    columns = connection.execute(f"describe {query}").fetchall()
    wide = [f"{name}::bigint as {name}" for name, kind, *_ in columns if kind == "HUGEINT"]
    return f"select * replace ({', '.join(wide)}) from ({query})" if wide else query


def _keep_on_disk(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    """As a file beside what DuckDB itself spills: in a tenth of the room, and only the columns asked for are read."""
    row = connection.execute("select current_setting('temp_directory')").fetchone()
    folder = Path(str(row[0] if row else ".")).resolve()
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.parquet"
    write_parquet(connection, query, file)
    connection.execute(f"create view {name} as from read_parquet({quoted(file)})")


def _sorted(query: str) -> str:
    """In the order in which sql/screen.sql compares the log's tables row by row."""
    return f"from ({query}) order by commit, product"


def _stock(mapping: StockMapping, image: str, number: int) -> str:
    return f"""
        select _commit as commit, '{number}/' || _entry as entry, product, sum(_sign * units) as delta,
               arg_max(case when _sign > 0 then units else 0 end, 2 * _seq + (_sign > 0)::int) as after
        from (select *, coalesce(({mapping.product})::varchar, '') as product,
                     case when {mapping.live} then coalesce(({mapping.quantity}), 0) else 0 end as units from {image})
        group by all having delta <> 0"""


def _orders(mapping: OrdersMapping, image: str) -> str:
    optional = {name: getattr(mapping, name) or "null" for name in ("order_key", "customer", "total")}
    return f"""
        select _commit as commit, _seq as seq, ({mapping.id})::varchar as order_id,
               _sign * case when {mapping.live} then 1 else 0 end as delta,
               ({optional["order_key"]})::varchar as order_key, ({optional["customer"]})::varchar as customer,
               ({optional["total"]})::decimal(38,9) as total
        from {image}"""


def _lines(mapping: LinesMapping, image: str) -> str:
    return f"""
        select _commit as commit, ({mapping.order})::varchar as order_id,
               coalesce(({mapping.product})::varchar, '') as product,
               sum(_sign * case when {mapping.live} then ({mapping.quantity}) else 0 end) as delta,
               sum(_sign * case when {mapping.live} then 1 else 0 end) as delta_rows,
               sum(_sign * case when {mapping.live} then ({mapping.quantity}) * ({mapping.price or "null"}) else 0 end)
                   as amount
        from {image} group by all having delta <> 0 or delta_rows <> 0 or amount <> 0"""


def _movements(mapping: MovementsMapping, image: str) -> str:
    return f"""
        select _commit as commit, ({mapping.order or "null"})::varchar as order_id,
               coalesce(({mapping.product})::varchar, '') as product,
               sum(_sign * case when {mapping.live} then ({mapping.change}) else 0 end) as delta
        from {image} group by all having delta <> 0"""
