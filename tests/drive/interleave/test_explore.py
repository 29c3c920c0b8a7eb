from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
from doorbuster.drive.interleave.explore import (
    FewSwitches,
    Gathering,
    SleepSets,
    Trace,
    Wanted,
    gatherings,
    guarantee,
    parse_schedule,
    random_schedules,
)
from doorbuster.instrument.footprint import Does
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drive.interleave.simulated import Op, Program, SimulatedShop

TAKE_LAST = Op(Does.NO_KEY_UPDATE, "products", limit=1)
ORDER: Program = (Op(Does.INSERT, "orders"), TAKE_LAST, Op(Does.INSERT, "items"))
MOST = 4000


def gone_through(programs: list[Program], *, reduced: bool) -> tuple[list[Trace], set[object]]:
    shop, every = SimulatedShop(programs), SleepSets(reduced=reduced)
    traces, outcomes = [], set()
    while (wanted := every.next()) is not None:
        trace = shop.run(wanted)
        traces.append(trace)
        outcomes.add(shop.outcome)
        every.learn(wanted, trace)
        assert len(traces) < MOST
    return traces, outcomes


def brute_force(programs: list[Program]) -> Iterator[tuple[tuple[int, ...], object]]:
    """Every schedule, by trying every choice at every place, without any exploring of ours."""
    shop = SimulatedShop(programs)
    stack: list[tuple[int, ...]] = [()]
    while stack:
        prefix = stack.pop()
        trace = shop.run(Wanted(prefix))
        if len(trace.steps) == len(prefix):
            yield prefix, shop.outcome
        else:
            stack += [(*prefix, buyer) for buyer in trace.steps[len(prefix)].ready]


@pytest.mark.parametrize("buyers", [2, 3])
def test_without_reduction_every_schedule_is_run_once(buyers: int) -> None:
    programs = [ORDER[:2]] * buyers
    traces, outcomes = gone_through(programs, reduced=False)
    expected = dict(brute_force(programs))
    assert sorted(trace.choices for trace in traces) == sorted(expected)
    assert outcomes == set(expected.values())


def test_sleep_sets_run_fewer_and_miss_nothing() -> None:
    programs = [ORDER] * 3
    traces, outcomes = gone_through(programs, reduced=True)
    every = dict(brute_force(programs))
    assert outcomes == set(every.values())
    assert len(traces) < len(every) / 4


_OPS = st.builds(
    Op, st.sampled_from([Does.READ, Does.INSERT, Does.NO_KEY_UPDATE]), st.sampled_from("ab"),
    st.sampled_from([None, None, 1]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_OPS, max_size=3).map(tuple), min_size=2, max_size=3))
def test_whatever_the_programs_sleep_sets_reach_every_outcome(programs: list[Program]) -> None:
    programs = programs[: 3 if sum(map(len, programs)) < 7 else 2]
    assert gone_through(programs, reduced=True)[1] == {outcome for _, outcome in brute_force(programs)}


def test_few_switches_runs_every_schedule_within_its_bound_the_fewest_first() -> None:
    programs = [ORDER] * 2
    shop, few = SimulatedShop(programs), FewSwitches(1)
    found = []
    while (wanted := few.next()) is not None:
        trace = shop.run(wanted)
        found.append(trace)
        few.learn(wanted, trace)
    switches = [trace.preemptions for trace in found]
    assert switches == sorted(switches)
    wanted_ones = {
        choices for choices, _ in brute_force(programs) if shop.run(Wanted(choices)).preemptions <= 1
    }
    assert {trace.choices for trace in found} == wanted_ones
    assert len(found) == len(wanted_ones)


def test_a_schedule_is_read_back_from_its_name() -> None:
    assert parse_schedule("1,2,1") == Wanted((1, 2, 1))
    for one in gatherings(2, 3):
        assert parse_schedule(one.name) == one
    assert gatherings(1, 2) == [Gathering(0, (1, 2)), Gathering(0, (2, 1))]
    for wrong in ("", "1,x", "held x: 1,2", "held: 1"):
        with pytest.raises(ValueError, match="int"):
            parse_schedule(wrong)


def test_random_schedules_change_priorities_once_less_than_their_depth() -> None:
    drawn = list(islice(random_schedules(3, steps=20, depth=3, random=Random(1)), 200))
    assert {len(one.changes) for one in drawn} == {2}
    assert {step for one in drawn for step in one.changes} == set(range(1, 21))
    assert {one.priorities for one in drawn if one.priorities} == {
        p for p in {(a, b, c) for a in (3, 4, 5) for b in (3, 4, 5) for c in (3, 4, 5)} if len(set(p)) == 3
    }


def test_more_runs_guarantee_more_and_depth_costs() -> None:
    assert guarantee(2, 10, 1, 1) == 0.5
    assert guarantee(2, 10, 2, 1) == pytest.approx(1 / 20)
    assert guarantee(2, 10, 2, 100) > guarantee(2, 10, 2, 10)
