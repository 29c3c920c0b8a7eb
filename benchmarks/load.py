"""Loads beside pgbench: the same function, clients and server, both without a proxy, one after the other in turn.

    python -m benchmarks.load [--seconds 5] [--pairs 5] [--clients 16 --clients 64] [--processes 2]

Ours is Locust with everything that a run has: drawn orders, tags in the log, journals of every attempt, Locust's
statistics. pgbench runs ``-M prepared`` on a clone of the same database, with a logical slot as well. Where they are
compared both have as many threads of work: pgbench's ``-j``, and our worker processes.
"""

import argparse
import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from doorbuster.config.contract import LoadedContract, load_contract
from doorbuster.drive.load.launch import locust
from doorbuster.drive.load.plan import Plan, write_plan
from doorbuster.drive.load.records import Records
from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.drive.workload import Due, Orders, shelf
from doorbuster.engine.house import House, Known, Tools, open_house
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.host.resources import resource
from doorbuster.model.distribution import Distribution
from doorbuster.model.outcome import Outcome
from doorbuster.model.scenario import Phase, Workload
from doorbuster.postgres.binaries import find_binaries

from benchmarks.figure import Figure, figure

CONTRACT = "scenarios/contracts/create_order_with_inventory.toml"
HOT, SPREAD = 1, 1000
STOCK = 10_000_000
JOBS = 2
# Of what the function is given, as the contract's own statement builds it; the keys and customers are new each time.
PGBENCH = """
\\set product random(1, {products})
select create_order_with_inventory(
  jsonb_build_object('user_id', gen_random_uuid(), 'total_amount', 10.5 + :product::int % 90,
                     'idempotency_key', gen_random_uuid()::text),
  array(select jsonb_build_object('product_id', l.product, 'quantity', l.quantity, 'price', l.price)
        from jsonb_to_recordset(jsonb_build_array(jsonb_build_object(
               'product', :product::int, 'quantity', 1, 'price', 10.5 + :product::int % 90)))
             as l(product int, quantity int, price numeric)));
"""
# What the harness alone can do: a call that does next to nothing.
TRIVIAL = "select jsonb_build_object('success', true, 'order_id', 1) as answer from (select :order_key::text) as k"


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how often."""

    seconds: float = 5.0
    pairs: int = 5
    clients: tuple[int, ...] = (16, 64)
    processes: int = JOBS
    held_rate: int = 400


@dataclass(frozen=True, slots=True)
class Bench:
    """A house, and the contract that is deployed in it."""

    house: House
    contract: LoadedContract
    folder: Path

    @asynccontextmanager
    async def shop(self, workload: Workload) -> AsyncIterator[Shop]:
        """A new shop with its shelves full, and its log open."""
        contract = self.contract.contract
        name = f"bench_{time.monotonic_ns()}"
        async with open_shop(
            self.house.server, self.house.template, name, contract, shelf(contract, workload)
        ) as shop:
            await shop.connection.execute("checkpoint")
            yield shop


def closed(products: int, clients: int, seconds: float) -> Workload:
    """Buyers who order again at once."""
    return Workload(
        arrivals="closed", buyers=clients, stock=STOCK, products=products, think_s=0.0, duration_s=seconds
    )


async def pgbench(bench: Bench, products: int, clients: int, seconds: float, rate: int | None = None) -> list[float]:
    """Orders a second, and the median latency in ms (None without ``rate``)."""
    script = bench.folder / f"order-{products}.sql"
    script.write_text(PGBENCH.format(products=products))
    binary = find_binaries().program("pgbench")
    async with bench.shop(closed(products, clients, seconds)) as shop:
        target = shop.direct
        logs = bench.folder / f"pgbench-{time.monotonic_ns()}"
        more = ["--rate", str(rate), "--log", f"--log-prefix={logs}"] if rate else []
        process = await asyncio.create_subprocess_exec(
            str(binary), "-n", "-M", "prepared", "-c", str(clients), "-j", str(JOBS), "-T", str(max(1, round(seconds))),
            "-f", str(script), *more, "-h", target.host, "-p", str(target.port), "-U", target.user, target.database,
            env={"PGPASSWORD": target.password}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told, complaints = await process.communicate()
        found = re.search(rb"tps = ([\d.]+) ", told)
        if process.returncode or found is None or b"number of failed transactions: 0" not in told:
            raise RuntimeError(f"pgbench: {complaints.decode()} {told.decode()}")
        return [float(found[1]), *([_pgbench_p50_ms(logs)] if rate else [])]


def _pgbench_p50_ms(logs: Path) -> float:
    """From its transaction logs: field 3 is the latency in µs, from when the transaction was scheduled."""
    lines = (line.split() for log in logs.parent.glob(f"{logs.name}*") for line in log.read_text().splitlines())
    return statistics.median(int(fields[2]) for fields in lines) / 1000


async def ours(
    bench: Bench, workload: Workload, processes: int, phases: tuple[Phase, ...] = (), sql: str | None = None
) -> list[float]:
    """Orders a second through Locust with full recording, and the median latency in ms; all must have succeeded."""
    contract = bench.contract.contract
    if sql is not None:
        contract = replace(contract, place=replace(contract.place, sql=sql))
    folder = bench.folder / f"run-{time.monotonic_ns()}"
    folder.mkdir()
    async with bench.shop(workload) as shop:
        target = replace(shop.direct, settings=dict(contract.session))
        plan = Plan(contract=contract, workload=workload, phases=phases, target=target, backstage=shop.direct, seed=7,
                    record=str(folder), drain_s=10.0)  # fmt: skip
        path = folder / "plan.json"
        write_plan(plan, path)
        last: dict[str, object] = {}
        async with locust(
            path, workload.buyers, folder, bench.house.guardian, Distribution(processes=processes)
        ) as driver:
            async for event in driver.events():
                last = event if event["event"] == "progress" else last
    outcomes = last["outcomes"]
    if not isinstance(outcomes, dict) or set(outcomes) != {"ok"}:
        raise RuntimeError(f"not every order succeeded: {last}")
    return [*_recorded(folder)]


def _recorded(folder: Path) -> tuple[float, float]:
    """Orders a second and the median latency in ms, from the journals themselves."""
    import duckdb

    columns = "order_key, invoked_us, returned_us, due_us"
    names = "attempt,order_key,try_no,buyer,phase,due_us,invoked_us,returned_us,duration_us,outcome,order_id,code"
    types = {name: "VARCHAR" if name in ("order_key", "phase", "outcome", "order_id", "code") else "BIGINT"
             for name in [*names.split(","), "message", "pid"]}  # fmt: skip
    types["message"] = "VARCHAR"
    with duckdb.connect() as db:
        row = db.execute(
            f"select count(*) / ((max(returned_us) - min(invoked_us)) / 1e6), "
            f"median(returned_us - coalesce(due_us, invoked_us)) / 1000.0 "
            f"from (select {columns} from read_csv('{folder}/attempts.*.csv', columns = {types}, header = false, "
            f"nullstr = '', auto_detect = false, delim = ',', quote = '\"', escape = '\"'))"
        ).fetchone()
    assert row is not None
    return float(row[0]), float(row[1])


async def compared(bench: Bench, settings: Settings) -> list[Figure]:
    """Our orders a second beside pgbench's, the median of pairs: on one hot row, and on spread products."""
    found = []
    for products, word in ((HOT, "hot"), (SPREAD, "spread")):
        for clients in settings.clients:
            workload = closed(products, clients, settings.seconds)
            pairs = []
            for _ in range(settings.pairs):
                (theirs,) = await pgbench(bench, products, clients, settings.seconds)
                pairs.append(((await ours(bench, workload, settings.processes))[0], theirs))
            # The ratio of the pair in the middle: a machine that changes its pace changes it for both of a pair.
            mine, theirs = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
            found.append(figure(f"load_vs_pgbench_{word}_{clients}", mine, "orders/s", theirs))
        worst = min(found[-len(settings.clients) :], key=lambda one: one["ratio"] or 0.0)
        found.append(figure(f"load_vs_pgbench_{word}", worst["value"], "orders/s", worst["reference"]))
    return found


async def at_a_rate(bench: Bench, settings: Settings) -> list[Figure]:
    """Our median latency beside pgbench's, both from when an order was due, at a rate that the server holds."""
    rate, clients = settings.held_rate, 16
    theirs, mine = [], []
    for _ in range(settings.pairs):
        theirs.append((await pgbench(bench, SPREAD, clients, settings.seconds, rate))[1])
        workload = replace(closed(SPREAD, clients, settings.seconds), arrivals="rate", duration_s=None)
        phase = Phase(name="held", duration_s=settings.seconds, rate=rate)
        mine.append((await ours(bench, workload, 1, (phase,)))[1])
    p50, reference = statistics.median(mine), statistics.median(theirs)
    return [
        figure("load_p50_at_a_rate", p50, "ms", reference),
        figure("load_p50_difference", p50 - reference, "ms", 0.5),
    ]


async def ceilings(bench: Bench, settings: Settings) -> list[Figure]:
    """What the harness alone can do, on one worker process and on two, with a call that does next to nothing."""
    return [
        figure(
            f"load_ceiling_{processes}", (await ours(bench, closed(SPREAD, 32, settings.seconds), processes,
                                                     sql=TRIVIAL))[0], "orders/s",
        )
        for processes in (1, 2)
    ]  # fmt: skip


def recording_cost(folder: Path, orders: int = 50_000) -> Figure:
    """What writing down one order and its attempt costs, in microseconds of the processor."""
    contract = load_contract(resource(CONTRACT)).contract
    workload = closed(SPREAD, 1, 1.0)
    drawn = Orders(workload, shelf(contract, workload), Random(1))
    dues = [Due(drawn.next(), "closed", None) for _ in range(1000)]
    with Records(folder) as records:
        began = time.process_time()
        for n in range(orders):
            due, at_us = dues[n % len(dues)], 1_790_000_000_000_000 + n
            records.request(due, None, at_us)
            end = AttemptEnd(Outcome.OK, str(n), None, None, 4242)
            records.attempt(n, due, None, 1, n % 16, at_us, at_us + 900, 900, end)
        spent = time.process_time() - began
    return figure("load_recording_cost", spent / orders * 1e6, "µs/order")


async def _all(bench: Bench, settings: Settings) -> list[Figure]:
    return [
        *(await compared(bench, settings)), *(await at_a_rate(bench, settings)), *(await ceilings(bench, settings)),
        recording_cost(bench.folder),
    ]  # fmt: skip


def figures() -> list[Figure]:
    """All figures; takes some minutes."""
    return measured(Settings())


def measured(settings: Settings) -> list[Figure]:
    """The figures with these settings."""
    contract = load_contract(resource(CONTRACT))
    with tempfile.TemporaryDirectory() as folder, open_house(contract, Tools(), Known(), lambda _: None) as house:
        return asyncio.run(_all(Bench(house, contract, Path(folder)), settings))


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--clients", type=int, action="append")
    parser.add_argument("--processes", type=int, default=JOBS)
    options = parser.parse_args()
    clients = tuple(options.clients or (16, 64))
    print(json.dumps(measured(Settings(options.seconds, options.pairs, clients, options.processes)), indent=1))


if __name__ == "__main__":
    main()
