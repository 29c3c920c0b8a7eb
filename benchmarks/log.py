"""How fast the log is read, what it holds back meanwhile, and what a tag costs.

log_orders_per_s: orders of two lines by the hardened function, from slot to Parquet. log_rss_mb: what this process grew
by meanwhile. log_held_most_mb: the most log that the slot held back while orders were made without a pause and the
keeper, told to keep 16 MiB at most, read beside them; log_left_s: how long the rest then took. tag_cost_us: what an
order takes longer with its tag, median of pairs.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from doorbuster.config.contract import load_contract
from doorbuster.drive.sql_buyer import Target
from doorbuster.engine.loading import DEFAULT_CONTRACT
from doorbuster.engine.log_keeper import LogKeeper
from doorbuster.host.guardian import Guardian
from doorbuster.host.resources import resource as packaged
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.connect import connect
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.record.catalogue import read_catalogue
from doorbuster.record.wal import LogReader, open_witness

from benchmarks.figure import Figure, figure
from benchmarks.memory import peak_mb

ORDERS = 60_000
FOLLOWED = 60_000
HELD_BYTES = 16 << 20
PAIRS, OF_A_PAIR = 7, 1000
SHELF = """
insert into products (id, name, price, stock_quantity) select n, 'item', 10, 1000000 from generate_series(1, 100) n
"""
# Orders made inside the server, each a transaction with its tag: no client is in the way of what is measured.
SELL = """
do $$ declare n int; begin
  for n in 1..{number} loop
    {tag}
    perform create_order_with_inventory(
      jsonb_build_object('user_id', '00000000-0000-0000-0000-000000000000', 'total_amount', 20,
                         'idempotency_key', '{prefix}' || n),
      array[jsonb_build_object('product_id', 1 + n % 50, 'quantity', 1, 'price', 10),
            jsonb_build_object('product_id', 51 + n % 50, 'quantity', 1, 'price', 10)]);
    commit;
  end loop;
end $$"""
TAG = "perform pg_logical_emit_message(true, 'doorbuster', 'a' || n * 64 + 1);"


def figures() -> list[Figure]:
    """All figures of the log."""
    with Guardian() as guardian, EmbeddedServer(find_binaries(None), guardian) as server:
        return [*asyncio.run(_reading(server)), *asyncio.run(_following(server)), asyncio.run(_tag(server))]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


async def _shop(server: EmbeddedServer, name: str) -> asyncpg.Connection:
    control = await connect(server.dsn("postgres"))
    await control.execute(f"create database {name}")
    await control.close()
    connection = await connect(server.dsn(name))
    for file in load_contract(packaged(DEFAULT_CONTRACT)).contract.schema.files:
        await connection.execute(Path(file).read_text())
    await connection.execute(SHELF)
    return connection


async def _reading(server: EmbeddedServer) -> list[Figure]:
    connection = await _shop(server, "reading")
    tables = await read_catalogue(connection, ["products", "orders", "order_items", "inventory_movements"])
    await open_witness(connection, tables, "reading")
    await connection.execute(SELL.format(number=ORDERS, prefix="k", tag=TAG), timeout=600)
    with _folder() as folder:
        before, began = peak_mb(), time.monotonic()
        await LogReader("reading", tables, folder).finish(connection)
        took = time.monotonic() - began
    await connection.close()
    return [
        figure("log_orders_per_s", round(ORDERS / took), "orders/s", 30_000),
        figure("log_rss_mb", round(peak_mb() - before), "MB"),
    ]


async def _following(server: EmbeddedServer) -> list[Figure]:
    connection = await _shop(server, "following")
    tables = await read_catalogue(connection, ["products", "orders", "order_items", "inventory_movements"])
    await open_witness(connection, tables, "following")
    target = Target(server.host, server.port, server.user, server.password, "following")
    keeper = LogKeeper("following", tables, target, HELD_BYTES)
    watching = await connect(server.dsn("following"))
    with _folder() as folder:
        keeper.follow(folder)
        selling = asyncio.create_task(
            connection.execute(SELL.format(number=FOLLOWED, prefix="k", tag=TAG), timeout=600)
        )
        reader, held = LogReader("following", tables, folder), 0
        while not selling.done():
            held = max(held, await reader.held_bytes(watching))
            await asyncio.sleep(0.05)
        await selling
        began = time.monotonic()
        await keeper.finish(watching, folder)
        took = time.monotonic() - began
    await watching.close()
    await connection.close()
    return [
        figure("log_held_most_mb", round(held / (1 << 20), 1), "MB"),
        figure("log_left_s", round(took, 2), "s"),
    ]


async def _tag(server: EmbeddedServer) -> Figure:
    connection = await _shop(server, "tag")
    differences = []
    for pair in range(PAIRS):
        took = []
        for tag in ("", TAG):
            began = time.monotonic()
            await connection.execute(SELL.format(number=OF_A_PAIR, prefix=f"{pair}{len(tag)}k", tag=tag), timeout=600)
            took.append(time.monotonic() - began)
        differences.append((took[1] - took[0]) / OF_A_PAIR * 1e6)
    await connection.close()
    return figure("tag_cost_us", round(statistics.median(differences), 1), "µs")
