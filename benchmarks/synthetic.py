"""Stored runs of any size without a server: what a load on the hardened function would have left, made by DuckDB.

One key in twenty wants a scarce product, of which half are told "sold out"; one in 33 loses its first answer, although
its order was committed, and is given that order again; one in four has two lines. The rows are those that the log would
show.

    python -m benchmarks.synthetic FOLDER ATTEMPTS events     one with what the judge makes of its log
    python -m benchmarks.synthetic FOLDER ATTEMPTS changes    one with its log
"""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
from doorbuster.judge.judge import FACTS
from doorbuster.judge.views import EVENTS
from doorbuster.record.catalogue import Column, Table, save_catalogue
from doorbuster.record.seal import PARQUET, empty_table, quoted
from doorbuster.record.tables import CHANGES, TABLES

START_US = 1_790_000_000_000_000
PLENTY, SCARCE_UNITS, PLENTY_UNITS = 1000, 50, 1_000_000

CATALOGUE = (
    Table("products", "public.products", (
        Column("id", "id", "integer", True), Column("name", "name", "text", False),
        Column("price", "price", "numeric", False), Column("stock_quantity", "stock_quantity", "integer", False))),
    Table("orders", "public.orders", (
        Column("id", "id", "bigint", True), Column("user_id", "user_id", "uuid", False),
        Column("total_amount", "total_amount", "numeric", False), Column("status", "status", "text", False),
        Column("created_at", "created_at", "timestamp with time zone", False),
        Column("idempotency_key", "idempotency_key", "text", False))),
    Table("order_items", "public.order_items", (
        Column("id", "id", "bigint", True), Column("order_id", "order_id", "bigint", False),
        Column("product_id", "product_id", "integer", False), Column("quantity", "quantity", "integer", False),
        Column("price_at_time", "price_at_time", "numeric", False))),
    Table("inventory_movements", "public.inventory_movements", (
        Column("id", "id", "bigint", True), Column("product_id", "product_id", "integer", False),
        Column("order_id", "order_id", "bigint", False), Column("quantity_change", "quantity_change", "integer", False),
        Column("movement_type", "movement_type", "text", False),
        Column("created_at", "created_at", "timestamp with time zone", False))),
)  # fmt: skip


def write_history(folder: Path, attempts: int) -> None:
    """Write the tables of a scenario with about ``attempts`` attempts into ``folder``, all but the log."""
    keys = int(attempts / 1.03)
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "making.duckdb")) as db:
        db.execute(f"set temp_directory = {quoted(folder / 'spill')}")
        db.execute(f"""
            create table wish as
            select i, 'k' || i as order_key, {START_US} + i * 100 as ts_us, 500 + hash(i) % 2000 as before_us,
                   500 + hash(i + 7) % 2000 as after_us, i % 20 = 0 as is_scarce, i % 4 = 1 as is_double,
                   case when i % 20 = 0 then {PLENTY} + hash(i) % greatest(1, {keys} // 2000)
                        else hash(i) % {PLENTY} end as product
            from range({keys}) as t(i)""")
        db.execute(f"""
            create table deal as
            select *, i % 33 = 7 and not is_sold_out as is_lost from (
                select *, is_scarce
                          and row_number() over (partition by product order by i) > {SCARCE_UNITS} as is_sold_out
                from wish)""")
        db.execute("""
            create table tx as
            select row_number() over (order by ts_us) as commit, * from (
                select 0 as ts_us, null::bigint as i, null::bigint as attempt, 'stock' as tag, false as is_replay
                union all
                select ts_us, i, i * 64 + 1, null, false from deal where not is_sold_out
                union all
                select ts_us + 10000, i, i * 64 + 2, null, true from deal where is_lost
                union all select (select max(ts_us) from deal) + 1000000, null, null, 'end', false)""")
        db.execute(f"update tx set ts_us = {START_US} - 1000000 where ts_us = 0")
        db.execute("""
            create table item as
            select i, 0 as line, product from deal union all
            select i, 1, (product + 500) % 1000 from deal where is_double and not is_scarce""")
        _write_client(db, folder)
        db.execute("""
            create table sale as
            select commit, ts_us, tx.i, line, product from tx join item using (i) where not is_replay""")


def _write_client(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    made = {
        "attempts": """
            select i * 64 + 1 as attempt, order_key, 1 as try_no, i % 64 as buyer, 'steady' as phase, null as due_us,
                   ts_us - before_us as invoked_us, ts_us + after_us as returned_us,
                   before_us + after_us as duration_us,
                   case when is_sold_out then 'sold_out' when is_lost then 'unknown' else 'ok' end as outcome,
                   case when not is_sold_out and not is_lost then i::varchar end as order_id,
                   case when is_lost then 'eof' end as code, null as message, i % 64 as backend_pid
            from deal
            union all
            select i * 64 + 2, order_key, 2, i % 64, 'steady', null, ts_us + 9000, ts_us + 11000, 2000, 'ok',
                   i::varchar, null, null, i % 64 from deal where is_lost order by attempt""",
        "requests": """
            select order_key, '00000000-0000-0000-0000-' || lpad(i::varchar, 12, '0') as customer,
                   case when is_double and not is_scarce then '20' else '10' end as total, 'valid' as order_class,
                   'steady' as phase, null as due_us, ts_us - before_us as started_us from deal order by i""",
        "request_lines": """
            select 'k' || i as order_key, line, product, 1 as quantity, '10' as price from item order by i""",
        "commits": """select commit, printf('0/%X', commit * 512) as lsn, 700 + commit as xid, ts_us, attempt, tag
                      from tx order by commit""",
    }
    for table, columns in TABLES.items():
        if table != "changes":
            typed = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
            query = f"select {typed} from ({made[table]})" if table in made else empty_table(columns)
            db.execute(f"copy ({query}) to {quoted(folder / f'{table}.parquet')} ({PARQUET})")


def write_events(folder: Path) -> None:
    """Write the events that the judge makes of the log, one Parquet file a table, into ``folder``/events."""
    made = {
        "stock_events": """
            with shelf as (
                select product, case when product >= $plenty then $scarce else $units end as units
                from (select distinct product from item)
            ), change as (
                select 1 as commit, product, units as delta from shelf
                union all select commit, product, -1 from sale
            )
            select commit, '0/' || product as entry, product, delta,
                   sum(delta) over (partition by product order by commit) as after
            from change order by commit, product::varchar""",
        "order_events": """
            select commit, 20 * commit as seq, i as order_id, 1 as delta, 'k' || i as order_key,
                   '00000000-0000-0000-0000-' || lpad(i::varchar, 12, '0') as customer, 10 * count(*) as total
            from sale group by commit, i order by commit""",
        "line_events": """
            select commit, i as order_id, product, 1 as delta, 1 as delta_rows, 10 as amount
            from sale order by commit, product::varchar""",
        "movement_events": """
            select commit, i as order_id, product, -1 as delta from sale order by commit, product::varchar""",
    }
    target = folder / "events"
    target.mkdir()
    with duckdb.connect(str(folder / "making.duckdb")) as db:
        db.execute(f"set temp_directory = {quoted(folder / 'spill')}")
        for table, columns in EVENTS.items():
            query = made.get(table, empty_table(columns))
            query = query.replace("$plenty", str(PLENTY)).replace("$scarce", str(SCARCE_UNITS))
            query = query.replace("$units", str(PLENTY_UNITS))
            typed = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
            path = quoted(target / f"{table}.parquet")
            db.execute(f"copy (select {typed} from ({query})) to {path} ({PARQUET})")


def write_no_changes(folder: Path) -> None:
    """Write an empty ``changes.parquet``, for whoever has the events already, and what else a run has."""
    with duckdb.connect() as db:
        db.execute(f"copy ({empty_table(CHANGES)}) to {quoted(folder / 'changes.parquet')} (format parquet)")
    _write_facts(folder)


def write_changes(folder: Path) -> None:
    """Write ``changes.parquet``: the row changes as the log tells them, text and all."""
    at = "'2026-09-21 14:13:20+00'"
    with duckdb.connect(str(folder / "making.duckdb")) as db:
        db.execute(f"set temp_directory = {quoted(folder / 'spill')}")
        db.execute(f"""
            copy (
              with shelf as (
                select product, case when product >= {PLENTY} then {SCARCE_UNITS} else {PLENTY_UNITS} end as units
                from (select distinct product from item)
              ), sold as (
                select *, units - row_number() over (partition by product order by commit) as after
                from sale join shelf using (product)
              ), row as (
                select 1::bigint as commit, 0 as part, 'public.products' as relation, 'INSERT' as op,
                       format('id[integer]:{{}} name[text]:''item {{}}'' price[numeric]:10 '
                              'stock_quantity[integer]:{{}}', product, product, units) as data from shelf
                union all
                select commit, 1, 'public.orders', 'INSERT',
                       format('id[bigint]:{{}} user_id[uuid]:''00000000-0000-0000-0000-{{}}'' '
                              'total_amount[numeric]:{{}} status[text]:''pending'' '
                              'created_at[timestamp with time zone]:{{}} idempotency_key[text]:''k{{}}''',
                              i, lpad(i::varchar, 12, '0'), 10 * count(*), $at, i)
                from sale group by commit, i
                union all
                select commit, 2 + 3 * line, 'public.order_items', 'INSERT',
                       format('id[bigint]:{{}} order_id[bigint]:{{}} product_id[integer]:{{}} quantity[integer]:1 '
                              'price_at_time[numeric]:10', 2 * i + line, i, product) from sale
                union all
                select commit, 3 + 3 * line, 'public.products', 'UPDATE',
                       format('old-key: id[integer]:{{0}} name[text]:''item {{0}}'' price[numeric]:10 '
                              'stock_quantity[integer]:{{1}} new-tuple: id[integer]:{{0}} name[text]:''item {{0}}'' '
                              'price[numeric]:10 stock_quantity[integer]:{{2}}', product, after + 1, after) from sold
                union all
                select commit, 4 + 3 * line, 'public.inventory_movements', 'INSERT',
                       format('id[bigint]:{{}} product_id[integer]:{{}} order_id[bigint]:{{}} '
                              'quantity_change[integer]:-1 movement_type[text]:''order'' '
                              'created_at[timestamp with time zone]:{{}}',
                              2 * i + line, product, i, $at) from sale
              )
              select commit, row_number() over (order by commit, part) as seq, relation, op, data from row
            ) to {quoted(folder / "changes.parquet")} ({PARQUET})""".replace("$at", quoted(at)))
    _write_facts(folder)


def _write_facts(folder: Path) -> None:
    facts = {"seed": 1, "start_us": START_US, "duration_s": 1.0, "unobservable": None}
    (folder / FACTS).write_text(json.dumps(facts))
    save_catalogue(CATALOGUE, folder / "catalogue.json")


def make_apart(folder: Path, attempts: int, what: str) -> None:
    """Make a run with its ``events`` or ``changes`` in a process of its own, whose memory is not the caller's."""
    command = [sys.executable, "-m", "benchmarks.synthetic", str(folder), str(attempts), what]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # DuckDB draws how far it is


def main() -> None:
    """Make the run that the arguments ask for."""
    folder, attempts, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    write_history(folder, attempts)
    if what == "events":
        write_events(folder)
        write_no_changes(folder)
    else:
        write_changes(folder)
    (folder / "making.duckdb").unlink()


if __name__ == "__main__":
    main()
