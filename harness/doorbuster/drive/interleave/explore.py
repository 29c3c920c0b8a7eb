"""Going through schedules: first those with few forced switches, then, with sleep sets, all that differ.

A schedule is the sequence of buyers who were let go, one a step. Running one with a prefix of choices shows, at every
step, who could have been let go instead; so the next ones are found.

Changing the places of two neighbours that are independent (:mod:`doorbuster.instrument.footprint`) leads to the same
state, so of all schedules that differ only in that, one is enough: a buyer whose step was already tried first at a
place sleeps after its sibling, until a step comes that depends on his. Godefroid, "Partial-Order Methods for the
Verification of Concurrent Systems", 1996, has the proof that no state without successors is missed.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise, permutations
from random import Random


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``buyer`` was let go from ``point``.

    ``ready``, ``asleep`` and ``waiting`` are sets of buyers: who could have been let go, who slept, and who waited for
    another afterwards. ``ended``: the step did more than its own statement. ``finished`` are those who were done
    afterwards; ``waits`` tells who began to wait.
    """

    buyer: int
    point: int
    ready: frozenset[int]
    asleep: frozenset[int]
    waiting: frozenset[int]
    ended: bool
    finished: frozenset[int] = frozenset()
    waits: tuple["Wait", ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """``buyer`` waits for ``blockers``, in words; ``what`` is the table of the row that he wants, where it is known."""

    buyer: int
    blockers: str
    what: str | None


@dataclass(frozen=True, slots=True)
class Trace:
    """How a schedule went; ``problem`` says why it could not be followed."""

    steps: tuple[Step, ...]
    problem: str | None = None

    @property
    def choices(self) -> tuple[int, ...]:
        """The schedule, whole."""
        return tuple(step.buyer for step in self.steps)

    @property
    def preemptions(self) -> int:
        """How often a buyer who could have gone on was made to wait for another."""
        return preemptions(self.steps)


def preemptions(steps: Sequence[Step]) -> int:
    """How often in ``steps`` a buyer who could have gone on was made to wait for another."""
    return sum(
        step.buyer != before.buyer and before.buyer in step.ready
        for before, step in pairwise(steps)
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to run next: the ``choices`` to follow, and who sleeps when the last of them is made (all sleep sets being
    off where this is None). ``priorities``, one a buyer, decide afterwards, the highest first; whoever would run at a
    step of ``changes`` becomes the last of all."""

    choices: tuple[int, ...] = ()
    asleep: frozenset[int] | None = None
    priorities: tuple[int, ...] | None = None
    changes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathering:
    """Buyers come, one after the other in the order of ``arrivals``, while the row of a product is ``held`` (its place
    among the crowd's products, from 0), and go on at once."""

    held: int
    arrivals: tuple[int, ...]

    @property
    def name(self) -> str:
        """As reports name it."""
        return f"held {self.held + 1}: {','.join(map(str, self.arrivals))}"


def gatherings(products: int, buyers: int) -> list[Gathering]:
    """Every row that can be held, and every order in which buyers can come to it."""
    return [Gathering(held, order) for held in range(products) for order in permutations(range(1, buyers + 1))]


def parse_schedule(text: str) -> Wanted | Gathering:
    """A schedule as reports name it: ``1,2,2``, or ``held 1: 2,1``.

    Raises:
        ValueError: it is none.
    """
    lead, _, steps = text.rpartition(":")
    choices = tuple(int(step) for step in steps.split(","))
    if not lead:
        return Wanted(choices)
    return Gathering(int(lead.removeprefix("held ")) - 1, choices)


class FewSwitches:
    """Schedules by their number of forced switches, up to ``bound``, the fewest first: so is a shortest failing one."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._order = count()
        self._waiting: list[tuple[int, int, tuple[int, ...]]] = [(0, next(self._order), ())]

    def next(self) -> Wanted | None:
        """What to run, or None when the bound is exhausted."""
        return Wanted(heapq.heappop(self._waiting)[2]) if self._waiting else None

    def learn(self, wanted: Wanted, trace: Trace) -> None:
        """Note what could have been done instead after the choices that were asked for."""
        steps = trace.steps
        for place in range(len(wanted.choices), len(steps)):
            before = preemptions(steps[:place])
            last = steps[place - 1].buyer if place else None
            for other in sorted(steps[place].ready - {steps[place].buyer}):
                cost = before + (last is not None and last != other and last in steps[place].ready)
                if cost <= self._bound:
                    choices = (*(step.buyer for step in steps[:place]), other)
                    heapq.heappush(self._waiting, (cost, next(self._order), choices))


@dataclass(slots=True)
class _Place:
    """A state on the path that is looked at: who can go on, who slept on arrival, and who was tried, in that order."""

    ready: frozenset[int]
    asleep: frozenset[int]
    tried: dict[int, Step] = field(default_factory=dict)


class SleepSets:
    """Every schedule that can lead elsewhere, depth first. ``reduced`` off: every schedule there is."""

    def __init__(self, *, reduced: bool = True) -> None:
        self._reduced = reduced
        self._path: list[_Place] = []
        self._next: Wanted | None = self._wanted((), frozenset())
        self.redundant = 0

    def next(self) -> Wanted | None:
        """What to run, or None when everything was gone through."""
        return self._next

    def learn(self, wanted: Wanted, trace: Trace) -> None:
        """Walk the trace, then go back to the deepest place where somebody awake was not tried yet."""
        for depth, step in enumerate(trace.steps):
            if depth == len(self._path):
                self._path.append(_Place(step.ready, step.asleep))
            place = self._path[depth]
            if depth >= len(wanted.choices) and step.buyer in place.asleep:
                self.redundant += 1  # from here on it is the same as something that was tried before
                del self._path[depth:]
                break
            place.tried[step.buyer] = step
        else:
            del self._path[len(trace.steps) :]
        self._next = self._back()

    def _back(self) -> Wanted | None:
        while self._path:
            place = self._path[-1]
            rest = sorted(place.ready - place.asleep - place.tried.keys())
            if rest:
                choices = tuple(next(reversed(p.tried)) for p in self._path[:-1])
                # Who ended his order in his step depends on everybody.
                tried = frozenset(buyer for buyer, step in place.tried.items() if not step.ended)
                return self._wanted((*choices, rest[0]), place.asleep | tried)
            self._path.pop()
        return None

    def _wanted(self, choices: tuple[int, ...], asleep: frozenset[int]) -> Wanted:
        return Wanted(choices, asleep if self._reduced else None)


def random_schedules(buyers: int, steps: int, depth: int, random: Random) -> Iterator[Wanted]:
    """Schedules by random priorities, with ``depth`` - 1 changes of them at random steps, without end.

    Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010 (PCT).
    """
    while True:
        priorities = random.sample(range(depth, depth + buyers), buyers)
        changes = random.sample(range(1, steps + 1), min(depth - 1, steps))
        yield Wanted(priorities=tuple(priorities), changes=tuple(sorted(changes)))


def guarantee(buyers: int, steps: int, depth: int, runs: int) -> float:
    """The least probability with which ``runs`` of these find a mistake that needs ``depth`` events in one order."""
    chance = 1 / (buyers * steps ** (depth - 1)) if steps else 1.0
    return 1 - (1 - chance) ** runs


def sets(bits: int, buyers: int) -> frozenset[int]:
    """The buyers in a sum of powers of two."""
    return frozenset(b for b in range(1, buyers + 1) if bits >> (b - 1) & 1)


def waits_of(text: str | None) -> tuple[Wait, ...]:
    """What the scheduler tells of those who began to wait."""
    lines = (line.split("|", 2) for line in (text or "").splitlines())
    return tuple(Wait(int(buyer), _buyers(blockers), what or None) for buyer, blockers, what in lines)


def _buyers(blockers: str) -> str:
    return " and ".join(f"buyer {b}" if b.isdigit() else b for b in blockers.split(",") if b) or "nobody any more"
