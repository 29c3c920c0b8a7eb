"""A naive stress test beside Doorbuster, over the library of broken functions: what does it miss?

    python -m benchmarks.naive [--only NAME]… [--rounds 10]

The naive test is what shops write today: ten units on the shelf, twenty buyers at once, each of one unit; afterwards
exactly ten must have been told yes, and the stock must be zero. It gets ``rounds`` tries at a variant, and one that
fails is enough. Doorbuster tries the scenarios of the variant's header (``doorbuster power``).
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from doorbuster.config.answers import AnswerBook
from doorbuster.drive.backstage import Backstage
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.sql_buyer import SqlBuyer
from doorbuster.drive.stateful.ledger import Ledger
from doorbuster.drive.workload import burst_round, shelf
from doorbuster.engine.house import House, Known, Tools, deploy, open_empty_house
from doorbuster.engine.power import Task, try_variant
from doorbuster.engine.power_tasks import library_tasks, offer
from doorbuster.engine.shop import open_shop
from doorbuster.host.interrupts import interrupts, run_interruptibly
from doorbuster.model.outcome import Outcome
from doorbuster.model.power import Fate
from doorbuster.model.scenario import Workload
from doorbuster.postgres.databases import Databases

from benchmarks.figure import Figure, figure

BUYERS, UNITS, ROUNDS, SEED = 20, 10, 10, 7
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A variant, and what each found of it: empty, where nothing."""

    name: str
    naive: str
    doorbuster: str
    seconds: float


def compare(only: Sequence[str] = (), rounds: int = ROUNDS) -> list[Compared]:
    """Both, for every broken function (or only some)."""
    tasks = library_tasks(offer("gate"), SEED, only or ["broken"])
    found = []
    with (
        interrupts(),
        open_empty_house(Tools(), Known(), lambda _: None) as house,
        tempfile.TemporaryDirectory() as out,
    ):
        for number, task in enumerate(tasks):
            naive = run_interruptibly(_naive(house, task, rounds))
            trial = try_variant(house, task, Path(out) / str(number))
            convicted = ", ".join(trial.convicted_by) if trial.fate is Fate.CONVICTED else ""
            found.append(Compared(task.name, naive, convicted, trial.seconds))
            print(row(found[-1]), flush=True)
    return found


async def _naive(house: House, task: Task, rounds: int) -> str:
    """What the naive test saw in the first of its rounds that failed."""
    contract = task.contract.contract
    workload = Workload(arrivals="burst", buyers=BUYERS, stock=UNITS, rounds=rounds)
    items, random = shelf(contract, workload), Random(task.seed)
    flow, book = compile_flow(contract.place), AnswerBook(contract.answers)
    await deploy(house.server, house.template, task.contract, Known())
    try:
        async with open_shop(house.server, house.template, "shop_naive", contract, items) as shop:
            buyers = [SqlBuyer(shop.direct, flow, book, PATIENCE_S) for _ in range(BUYERS)]
            behind = Backstage(contract, shop.direct)
            ledger = await Ledger.open(shop.connection, contract)
            try:
                for number, item in enumerate(items):
                    orders = [due.order for due in burst_round(workload, item, random)]
                    for order in orders:
                        await behind.prepare(order)
                    first = number * BUYERS * 64
                    ends = await asyncio.gather(
                        *(b.attempt(o, first + n * 64 + 1) for n, (b, o) in enumerate(zip(buyers, orders, strict=True)))
                    )
                    sold = sum(end.outcome is Outcome.OK for end in ends)
                    left = (await ledger.look([item.product])).stock[item.product] if ledger else UNITS - sold
                    if (sold, left) != (UNITS, 0):
                        return f"round {number + 1}: {sold} told yes, {left} left"
            finally:
                behind.close()
                for buyer in buyers:
                    buyer.close()
        return ""
    finally:
        await Databases(house.server).drop(house.template)


def row(one: Compared) -> str:
    """A line of the table."""
    return f"| `{one.name}` | {one.naive or 'nothing'} | {one.doorbuster or 'nothing'} | {one.seconds:.1f} s |"


def figures() -> list[Figure]:
    """How many of the broken functions each finds."""
    found = compare()
    return [
        figure("broken_functions", len(found), "functions"),
        figure("found_by_doorbuster", sum(bool(one.doorbuster) for one in found), "functions", len(found)),
        figure("found_by_a_naive_stress_test", sum(bool(one.naive) for one in found), "functions", len(found)),
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    print("| function | naive: twenty buyers at once | Doorbuster | after |\n| --- | --- | --- | --- |")
    found = compare(options.only, options.rounds)
    naive, ours = (sum(map(bool, names)) for names in zip(*((c.naive, c.doorbuster) for c in found), strict=True))
    print(f"\nnaive: {naive} of {len(found)}; Doorbuster: {ours} of {len(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
