"""A shop in memory that obeys the scheduler's rules: tables with committed values, locks, and buyers with programs.

It moves as :mod:`doorbuster.drive.interleave.scheduler` does, one step after the other, so that exploring can be tested
without a server, and whole spaces of schedules be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from doorbuster.drive.interleave.explore import Step, Trace, Wanted
from doorbuster.instrument.footprint import NOTHING, Does, Footprint, relation


@dataclass(frozen=True)
class Op:
    """One statement. ``limit``: a locking one finds so many rows sold and gives up, taking everything back."""

    does: Does
    table: str
    limit: int | None = None


END = Op(Does.READ, "")
Program = tuple[Op, ...]


@dataclass
class _Buyer:
    program: Program
    at: int = 0
    pending: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    seen: list[object] = field(default_factory=list)
    holds: set[str] = field(default_factory=set)
    waits_for: str | None = None
    done: bool = False
    told: str = ""


class SimulatedShop:
    """Runs one schedule of ``programs`` at a time, each from the start; every program's end is a step of its own."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = [(*program, END) for program in programs]
        self._first_point: list[int] = []
        footprints: list[Footprint] = [NOTHING]
        for program in self._programs:
            self._first_point.append(len(footprints))
            footprints += [Footprint({op.table: frozenset({op.does})}) if op is not END else NOTHING for op in program]
        self._relation = relation(footprints, "read committed")
        self.outcome: object = None

    def run(self, wanted: Wanted) -> Trace:
        """Follow ``wanted``, then go on as the scheduler does; the result is left in ``outcome``."""
        self._buyers = [_Buyer(program) for program in self._programs]
        self._committed: dict[str, frozenset[tuple[int, int]]] = {}
        self._queue: list[int] = []
        steps: list[Step] = []
        sleep: frozenset[int] = frozenset()
        last = 0
        while ready := self._ready():
            number = len(steps) + 1
            if wanted.asleep is not None and number == max(1, len(wanted.choices)):
                sleep = wanted.asleep
            if number <= len(wanted.choices):
                buyer = wanted.choices[number - 1]
                assert buyer in ready
            else:
                awake = ready - sleep
                buyer = last if last in awake else min(awake or ready)
            point, before = self._point(buyer), self._standing()
            others = self._step(buyer)
            steps.append(Step(buyer, point, ready, sleep, self._waiting(), bool(others)))
            sleep = self._awake(sleep - {buyer}, buyer, point, others, steps, before)
            last = buyer
        self.outcome = (
            tuple(sorted(self._committed.items())), tuple((b.told, tuple(map(repr, b.seen))) for b in self._buyers)
        )
        return Trace(tuple(steps))

    def _awake(
        self, sleep: frozenset[int], buyer: int, point: int, others: frozenset[int], steps: list[Step],
        standing: dict[int, int],
    ) -> frozenset[int]:  # fmt: skip
        r = self._relation
        passed = [s.point for s in steps if s.buyer == buyer or s.buyer in others]
        return frozenset(
            s for s in sleep
            if r.independent[point * r.points + standing[s]]
            and not (others and any(not r.apart[p * r.points + standing[s]] for p in passed))
        )  # fmt: skip

    def _ready(self) -> frozenset[int]:
        return frozenset(n for n, b in enumerate(self._buyers, 1) if not b.done and b.waits_for is None)

    def _waiting(self) -> frozenset[int]:
        return frozenset(n for n, b in enumerate(self._buyers, 1) if b.waits_for is not None)

    def _standing(self) -> dict[int, int]:
        return {n: self._point(n) for n in range(1, len(self._buyers) + 1)}

    def _point(self, buyer: int) -> int:
        return self._first_point[buyer - 1] + self._buyers[buyer - 1].at

    def _step(self, number: int) -> frozenset[int]:
        """Do the statement at which ``number`` stands; who ended or was let go on by it."""
        waiting = self._waiting()
        self._do(number)
        ended = {n for n, b in enumerate(self._buyers, 1) if b.done and (n == number or n in waiting)}
        return frozenset(ended | (waiting - self._waiting()))

    def _do(self, number: int) -> None:
        buyer = self._buyers[number - 1]
        op = buyer.program[buyer.at]
        if op is END:
            self._end(number, "ok")
            return
        if op.does is Does.READ:
            buyer.seen.append(self._visible(buyer, op.table))
        elif op.does is Does.INSERT:
            buyer.pending.append((op.table, (number, buyer.at)))
        else:
            holder = next((n for n, b in enumerate(self._buyers, 1) if op.table in b.holds and n != number), None)
            if holder is not None:
                buyer.waits_for = op.table
                self._queue.append(number)
                if self._is_circle(number):
                    buyer.waits_for = None
                    self._queue.remove(number)
                    self._end(number, "deadlock")
                return
            if not self._locked(number, op):
                return
        buyer.at += 1

    def _locked(self, number: int, op: Op) -> bool:
        buyer = self._buyers[number - 1]
        buyer.holds.add(op.table)
        buyer.seen.append(self._visible(buyer, op.table))
        if op.limit is not None and len(self._committed.get(op.table, ())) >= op.limit:
            self._end(number, "sold out")
            return False
        buyer.pending.append((op.table, (number, buyer.at)))
        return True

    def _visible(self, buyer: _Buyer, table: str) -> frozenset[tuple[int, int]]:
        return self._committed.get(table, frozenset()) | {row for name, row in buyer.pending if name == table}

    def _is_circle(self, number: int) -> bool:
        seen, at = {number}, self._buyers[number - 1]
        while at.waits_for is not None:
            holder = next(n for n, b in enumerate(self._buyers, 1) if at.waits_for in b.holds)
            if holder in seen:
                return True
            seen.add(holder)
            at = self._buyers[holder - 1]
        return False

    def _end(self, number: int, told: str) -> None:
        buyer = self._buyers[number - 1]
        if told == "ok":
            for table, row in buyer.pending:
                self._committed[table] = self._committed.get(table, frozenset()) | {row}
        freed, buyer.holds, buyer.done, buyer.told = buyer.holds, set(), True, told
        for waiter in [n for n in self._queue if self._buyers[n - 1].waits_for in freed]:
            other = self._buyers[waiter - 1]
            if other.waits_for is not None and not any(other.waits_for in b.holds for b in self._buyers):
                other.waits_for = None
                self._queue.remove(waiter)
                if self._locked(waiter, other.program[other.at]):
                    other.at += 1
