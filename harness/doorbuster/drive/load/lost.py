"""What became of the orders of a worker that died: the run does not get smaller by them.

Every worker's share of the timetable can be drawn again. An order that was due while the worker lived, and of which it
left no answer, is unknown: it may have been sent. One that was due after its end was never sent.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from doorbuster.drive.load.engine import FLUSH_S, closed_orders
from doorbuster.drive.load.plan import PART_ORDERS, TRIES, Plan
from doorbuster.drive.load.records import write_request
from doorbuster.drive.workload import CLOSED, Due, shelf, timetable
from doorbuster.model.outcome import Outcome
from doorbuster.record.journal import Journal, whole_lines

CODE = "worker_lost"
_KEY_OF = {"requests": 0, "attempts": 1}
_SEEN_AT = 6  # requests: started_us


@dataclass(frozen=True, slots=True)
class Lost:
    """What was counted in: ``unknown`` orders may have been sent, ``never_sent`` ones were due after the end."""

    unknown: int
    never_sent: int


def complete_history(plan: Plan, folder: Path, start_us: int, last_us: int) -> Lost:
    """Count in the orders of the dead worker with this ``plan``, in journals of their own beside its.

    ``start_us`` is the release of the buyers, ``last_us`` when the worker had surely ended, by our wall clock. Its own
    journals, as far as there are any in ``folder``, stay as they are but for a torn last line.
    """
    begun, answered = (_keys(folder, table, plan.part) for table in ("requests", "attempts"))
    unknown = never_sent = 0
    part = f"{plan.part}-lost"
    with (
        Journal(folder, "requests", part) as requests,
        Journal(folder, "request_lines", part) as lines,
        Journal(folder, "attempts", part) as attempts,
    ):
        for number, due in _share(plan, len(begun)):
            key = due.order.order_key
            due_us = None if due.due_s is None else start_us + int(due.due_s * 1e6)
            was_begun = key in begun or due_us is None or due_us <= last_us
            if key not in begun:
                write_request(requests, lines, due, due_us, (due_us or last_us) if was_begun else None)
            if was_begun and key not in answered:
                began_us = begun.get(key) or due_us or last_us
                timeout_us = int(plan.contract.buyer.timeout_s * 1e6)
                attempts.append([
                    number * TRIES + 1, key, 1, 0, due.phase, due_us, began_us, None, timeout_us,
                    Outcome.UNKNOWN.value, None, CODE, None, None,
                ])  # fmt: skip
                unknown += 1
            never_sent += not was_begun
    return Lost(unknown, never_sent)


def _share(plan: Plan, begun: int) -> Iterator[tuple[int, Due]]:
    """The worker's orders with their numbers. In a closed model: those that it can have begun."""
    mine, of = plan.share
    first, items = plan.series * PART_ORDERS, shelf(plan.contract, plan.workload)
    if plan.workload.arrivals == CLOSED:
        # What it began after its journal was last handed to the system; more than its buyers can do in that time.
        orders, hidden = closed_orders(plan, items), plan.workload.buyers + int(begun * FLUSH_S)
        for n in range(begun + hidden):
            yield first + mine + 1 + n * of, Due(orders.next(), CLOSED, None)
        return
    for n, due in enumerate(timetable(plan.workload, plan.phases, items, Random(plan.seed)), 1):
        if plan.is_mine(n):
            yield first + n, due


def _keys(folder: Path, table: str, part: int) -> dict[str, int | None]:
    """The order keys in a worker's journal, with the instant at which the order was begun where the journal tells."""
    path = folder / f"{table}.{part}.csv"
    if not path.exists():
        return {}
    whole_lines(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        return {row[_KEY_OF[table]]: int(row[_SEEN_AT]) if row[_SEEN_AT] else None for row in rows}
