"""What a dead worker left: its orders are unknown, or were never sent; none is forgotten."""

import csv
from pathlib import Path
from random import Random

from doorbuster.config.contract import load_contract
from doorbuster.drive.load.lost import CODE, complete_history
from doorbuster.drive.load.plan import TRIES, Plan
from doorbuster.drive.load.records import write_request
from doorbuster.drive.sql_buyer import Target
from doorbuster.drive.workload import Due, shelf, timetable
from doorbuster.host.resources import resource
from doorbuster.model.scenario import Phase, Workload
from doorbuster.record.journal import Journal

START_US = 1_790_000_000_000_000
NOWHERE = Target("127.0.0.1", 1, "nobody", "", "nothing")


def plan(folder: Path, **work: object) -> Plan:
    """The second of two workers, of a load of ten orders a second for ten seconds."""
    shape = {"arrivals": "rate", "buyers": 2, "stock": 9, "products": 5, "spacing": "even", **work}
    return Plan(
        contract=load_contract(resource("scenarios/contracts/create_order_with_inventory.toml")).contract,
        workload=Workload(**shape), phases=(Phase(name="p", duration_s=10, rate=10),),  # type: ignore[arg-type]
        target=NOWHERE, backstage=NOWHERE, seed=3, record=str(folder), drain_s=1, part=1, share=(1, 2),
    )  # fmt: skip


def share(of: Plan) -> list[tuple[int, Due]]:
    table = timetable(of.workload, of.phases, shelf(of.contract, of.workload), Random(of.seed))
    return [(n, due) for n, due in enumerate(table, 1) if of.is_mine(n)]


def rows(folder: Path, table: str) -> list[list[str]]:
    return [row for path in sorted(folder.glob(f"{table}.*.csv")) for row in csv.reader(path.open(newline=""))]


def test_answered_orders_stay_those_begun_are_unknown_and_later_ones_were_never_sent(tmp_path: Path) -> None:
    worker = plan(tmp_path)
    orders = share(worker)
    with Journal(tmp_path, "requests", "1") as requests, Journal(tmp_path, "request_lines", "1") as lines, \
         Journal(tmp_path, "attempts", "1") as attempts:  # fmt: skip
        for number, due in orders[:12]:
            due_us = START_US + int((due.due_s or 0) * 1e6)
            write_request(requests, lines, due, due_us, due_us + 500)
            if number <= 20:
                attempts.append([number * TRIES + 1, due.order.order_key, 1, 0, "p", due_us, due_us + 500,
                                 due_us + 900, 400, "ok", "1", None, None, 7])  # fmt: skip
    with (tmp_path / "attempts.1.csv").open("a") as torn:
        torn.write("1345,torn")
    found = complete_history(worker, tmp_path, START_US, START_US + 5_000_000)
    assert (len(orders), found.unknown, found.never_sent) == (50, 15, 25)
    wanted = {row[0]: row for row in rows(tmp_path, "requests")}
    tried = {row[1]: row for row in rows(tmp_path, "attempts")}
    assert set(wanted) == {due.order.order_key for _, due in orders}
    for number, due in orders:
        key, is_due = due.order.order_key, (due.due_s or 0) <= 5
        assert bool(wanted[key][6]) == is_due
        assert (key in tried) == is_due
        if is_due:
            assert tried[key][9] == ("ok" if number <= 20 else "unknown")
            assert tried[key][11] == ("" if number <= 20 else CODE)
            assert int(tried[key][0]) // TRIES == number


def test_of_a_worker_that_left_nothing_all_is_counted_in(tmp_path: Path) -> None:
    worker = plan(tmp_path)
    found = complete_history(worker, tmp_path, START_US, START_US + 100_000_000)
    assert (found.unknown, found.never_sent) == (50, 0)
    assert len(rows(tmp_path, "request_lines")) == 50


def test_in_a_closed_model_only_what_its_buyers_can_have_begun_is_unknown(tmp_path: Path) -> None:
    worker = plan(tmp_path, arrivals="closed")
    found = complete_history(worker, tmp_path, START_US, START_US + 1_000_000)
    assert (found.unknown, found.never_sent) == (2, 0)
