"""A whole load over the fast lane and one over asyncpg: from one seed, the same rows, tags and journals."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from doorbuster.config.contract import load_contract
from doorbuster.drive.load.engine import LoadEngine
from doorbuster.drive.load.live import Done
from doorbuster.drive.load.plan import Plan
from doorbuster.drive.workload import shelf
from doorbuster.engine.house import Known, Tools, open_house
from doorbuster.engine.shop import open_shop
from doorbuster.host.resources import resource
from doorbuster.model.scenario import Phase, Workload

CONTRACT = "scenarios/contracts/create_order_with_inventory.toml"
ORDERS = 60
_LEFT = """
select o.idempotency_key, o.user_id::text, o.total_amount::text, i.product_id, i.quantity, i.price_at_time::text
from orders o join order_items i on i.order_id = o.id order by o.idempotency_key, i.product_id
"""


@dataclass
class Loaded:
    """What a load left: in the database, in its log, and in its journals, without what must differ."""

    rows: list[tuple[Any, ...]]
    tags: list[str]
    attempts: list[list[str]]
    requests: list[list[str]]
    done: list[str]
    sent: int


async def loaded(house: Any, contract: Any, work: Workload, folder: Path, sent: list[bytes], *, fast: bool) -> Loaded:
    """One buyer's load, ended after so many orders, so that all of it is the seed's."""
    folder.mkdir()
    sent.clear()
    name = f"lanes_{'fast' if fast else 'slow'}_{work.arrivals}"
    async with open_shop(house.server, house.template, name, contract, shelf(contract, work)) as shop:
        target = replace(shop.direct, settings=dict(contract.session))
        plan = Plan(contract=contract, workload=work, phases=(Phase(name="p", duration_s=0.5, rate=2 * ORDERS),),
                    target=target, backstage=shop.direct, seed=5, record=str(folder), drain_s=5.0)  # fmt: skip
        done: list[Done] = []

        def count(one: Done) -> None:
            done.append(one)
            if len(done) == ORDERS:
                engine.stop()

        engine = LoadEngine(plan, count, fast=fast)
        await engine.run()
        rows = [tuple(row) for row in await shop.connection.fetch(_LEFT)]
        log = await shop.connection.fetch(
            "select data from pg_logical_slot_peek_changes((select slot_name from pg_replication_slots "
            "where database = current_database() limit 1), null, null)"
        )
        tags = [row["data"].split("content:")[1] for row in log if "content:a" in row["data"]]
    attempts = [[*row[:5], row[9], row[11], row[12]] for row in _read(folder / "attempts.0.csv")]
    requests = [row[:5] for row in _read(folder / "requests.0.csv")]
    return Loaded(rows, tags, attempts, requests, [str(one.outcome) for one in done], len(sent))


def _read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("arrivals", ["closed", "rate"])
def test_both_lanes_leave_the_same(tmp_path: Path, sent: list[bytes], arrivals: str) -> None:
    loaded_contract = load_contract(resource(CONTRACT))
    work = Workload(arrivals=arrivals, buyers=1, stock=25, products=3, lines=(1, 2), quantity=(1, 2), think_s=0.0)  # type: ignore[arg-type]
    with open_house(loaded_contract, Tools(), Known(), lambda _: None) as house:

        async def both() -> tuple[Loaded, Loaded]:
            contract = loaded_contract.contract
            return (
                await loaded(house, contract, work, tmp_path / "slow", sent, fast=False),
                await loaded(house, contract, work, tmp_path / "fast", sent, fast=True),
            )

        loop = uvloop.new_event_loop()  # as under Locust
        try:
            slow, fast = loop.run_until_complete(both())
        finally:
            loop.close()
    assert fast.sent >= ORDERS > slow.sent == 0
    fast.sent = slow.sent
    assert fast == slow
    assert len(slow.tags) == slow.done.count("ok")  # the others were rolled back
    assert {"ok", "sold_out"} <= set(slow.done)

