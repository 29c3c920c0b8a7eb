"""Samples of what the server's sessions wait for, over a connection of their own, while a load goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from doorbuster.drive import backstage
from doorbuster.engine.shop import Shop
from doorbuster.engine.stage import Stage
from doorbuster.host.clock import now_us
from doorbuster.model.server import Server
from doorbuster.record.catalogue import Table
from doorbuster.record.journal import Journal

EVERY_S = 0.02
MOST_ROWS_A_SECOND = 1000
MOST_STATEMENTS = 10
TABLE = "samples"
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
# A session that waits for a row holds or wants the lock on its version (page and tuple), also while it waits for the
# transaction that changed it. The row is looked up in the same statement: a moment later its version may be gone.
_SAMPLE = """
with rows as materialized (
    select pid, relation::regclass::text as relation, format('(%s,%s)', page, tuple)::tid as version
    from pg_locks where locktype = 'tuple'
)
select distinct on (a.pid) a.pid, coalesce(a.state, '') as state, a.wait_event_type as kind, a.wait_event as event,
       rows.relation, {key} as key,
       case when a.wait_event_type = 'Lock' then (pg_blocking_pids(a.pid))[1] end as blocked_by
from pg_stat_activity a left join rows on rows.pid = a.pid and a.wait_event_type = 'Lock'
where a.datname = current_database() and a.backend_type = 'client backend' and {sessions}
order by a.pid"""
_STATEMENTS = f"""
select calls, total_exec_time, mean_exec_time, left(query, 300)
from pg_stat_statements join pg_database d on d.oid = dbid
where d.datname = current_database() order by total_exec_time desc limit {MOST_STATEMENTS}"""


@asynccontextmanager
async def sampled(stage: Stage, shop: Shop, server: Server, known: dict[str, Any]) -> AsyncIterator[None]:
    """Sample for the length of the block, if the stage's options wish it; the server's processor time in any case."""
    began, cpu_s = time.monotonic(), server.cpu_s()
    task = None
    try:
        if stage.options.waits:
            await _reset_statements(shop)
            task = asyncio.create_task(_keep_sampling(stage, shop))
        yield
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            known["statements"] = await _statements(shop)
        after_s = server.cpu_s()
        if cpu_s is not None and after_s is not None and after_s >= cpu_s:  # less: it was restarted meanwhile
            known["server_cpu"] = {"cpu_s": round(after_s - cpu_s, 2), "wall_s": round(time.monotonic() - began, 2)}


async def _keep_sampling(stage: Stage, shop: Shop) -> None:
    sample = _SAMPLE.format(sessions=shop.sessions, key=_key(shop.tables))
    # Where a product is named by its row's own key, the row is the product's.
    keys = {table.name: [c.name for c in table.columns if c.is_key] for table in shop.tables}
    plain = [stock.table for stock in stage.contract.stock if keys.get(stock.table) == [stock.product]]
    products = {name for table in plain for name in _names(table)}
    with Journal(stage.folder, TABLE) as journal:
        while True:
            with suppress(*_TROUBLE):  # a server that is broken on purpose is waited for
                connection = await backstage.connect(shop.direct)
                try:
                    while True:
                        rows = await _take(connection, journal, sample, products)
                        await asyncio.sleep(max(EVERY_S, rows / MOST_ROWS_A_SECOND))
                finally:
                    connection.terminate()
            await asyncio.sleep(10 * EVERY_S)


async def _take(connection: asyncpg.Connection, journal: Journal, sample: str, products: set[str]) -> int:
    found = await connection.fetch(sample)
    at_us = now_us()
    for row in found:
        what, relation, key = None, row["relation"], row["key"]
        if relation is not None:
            of = f"product {key}" if relation in products else f"row {key} of {relation}"
            what = f"a row of {relation}" if key is None else f"the row of {of}" if relation in products else of
        journal.append([at_us, row["pid"], row["state"], row["kind"], row["event"], what, row["blocked_by"]])
    return len(found)


def _key(tables: Sequence[Table]) -> str:
    """SQL for the key of the row version that is waited for; null where it is of no table of ours, or gone."""
    cases = []
    for table in tables:
        keys = [column.printed for column in table.columns if column.is_key]
        if keys:
            key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
            names = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}'" for name in _names(table.printed))
            cases.append(f"when rows.relation in ({names}) then "
                         f"(select {key}::text from {table.printed} where ctid = rows.version)")  # fmt: skip
    return f"case {' '.join(cases)} end" if cases else "null"


def _names(table: str) -> tuple[str, ...]:
    """What the server may call a table: with its schema, or without."""
    return (table, table.rpartition(".")[2])


async def _reset_statements(shop: Shop) -> None:
    """Where the server was started with pg_stat_statements."""
    with suppress(*_TROUBLE):
        loaded = await shop.connection.fetchval("show shared_preload_libraries")
        if "pg_stat_statements" in loaded:
            await shop.connection.execute("create extension if not exists pg_stat_statements")
            await shop.connection.execute("select pg_stat_statements_reset()")


async def _statements(shop: Shop) -> list[list[Any]]:
    with suppress(*_TROUBLE):
        if await shop.connection.fetchval("select to_regclass('pg_stat_statements') is not null"):
            return [list(row) for row in await shop.connection.fetch(_STATEMENTS)]
    return []
