"""When orders of an open model are due: pure code, no clock."""

from itertools import pairwise
from random import Random

import pytest
from doorbuster.drive.arrivals import instants
from doorbuster.drive.workload import ShelfItem, timetable
from doorbuster.model.rates import expected_orders
from doorbuster.model.scenario import Phase, Spacing, Workload
from hypothesis import given
from hypothesis import strategies as st

RATES = st.floats(0, 200)
PHASES = st.builds(
    Phase,
    name=st.just("p"),
    duration_s=st.floats(0.5, 20),
    rate=RATES,
    profile=st.sampled_from(["constant", "ramp", "steps", "spike", "flash_sale"]),
    to_rate=RATES,
    steps=st.integers(2, 7),
    at_s=st.none() | st.floats(0, 25),
    width_s=st.floats(0.1, 5),
    stampede=st.integers(1, 50),
)


@given(phase=PHASES, spacing=st.sampled_from(["even", "poisson"]), seed=st.integers(0, 2**31))
def test_orders_are_due_within_their_phase_one_after_another(phase: Phase, spacing: Spacing, seed: int) -> None:
    due = list(instants(phase, spacing, Random(seed)))
    assert all(0 <= at <= phase.duration_s for at in due)
    assert all(earlier <= later for earlier, later in pairwise(due))


@given(phase=PHASES)
def test_with_even_spacing_as_many_come_as_expected(phase: Phase) -> None:
    assert len(list(instants(phase, "even", Random(0)))) == pytest.approx(expected_orders(phase), abs=0.51)


def test_a_poisson_process_comes_as_often_as_its_rate_says_and_varies_as_it_should() -> None:
    phase = Phase(name="p", duration_s=10, rate=0, profile="ramp", to_rate=40)
    counts = [len(list(instants(phase, "poisson", Random(seed)))) for seed in range(400)]
    mean = sum(counts) / len(counts)
    variance = sum((n - mean) ** 2 for n in counts) / len(counts)
    assert mean == pytest.approx(200, rel=0.02)
    assert variance == pytest.approx(200, rel=0.3)


def between(due: list[float], start_s: float, end_s: float) -> int:
    return sum(start_s <= at < end_s for at in due)


def test_a_ramp_brings_a_quarter_of_its_orders_in_its_first_half() -> None:
    phase = Phase(name="p", duration_s=10, rate=0, profile="ramp", to_rate=40)
    due = list(instants(phase, "even", Random(0)))
    assert between(due, 0, 5) == pytest.approx(len(due) / 4, abs=1)


def test_steps_go_from_the_first_rate_to_the_last() -> None:
    phase = Phase(name="p", duration_s=4, rate=10, profile="steps", to_rate=40, steps=4)
    due = list(instants(phase, "even", Random(0)))
    assert [between(due, n, n + 1) for n in range(4)] == [10, 20, 30, 40]


def test_a_spike_is_as_wide_as_it_says() -> None:
    phase = Phase(name="p", duration_s=9, rate=10, profile="spike", to_rate=100, at_s=4, width_s=2)
    due = list(instants(phase, "even", Random(0)))
    assert (between(due, 0, 4), between(due, 4, 6), between(due, 6, 9)) == (40, 200, 30)


def test_a_flash_sale_is_quiet_then_a_stampede_at_one_instant_then_a_tail() -> None:
    phase = Phase(
        name="p", duration_s=10, rate=2, profile="flash_sale", to_rate=102, at_s=4, width_s=4, stampede=500
    )
    due = list(instants(phase, "poisson", Random(5)))
    assert due.count(4.0) == 500
    assert between(due, 0, 4) < 25
    assert between(due, 4, 6) - 500 > 2 * between(due, 6, 8) > 0
    assert between(due, 8, 10) < 20


def test_the_timetable_comes_from_the_seed() -> None:
    phases = [Phase(name="a", duration_s=2, rate=50), Phase(name="b", duration_s=1, rate=10, spacing="even")]
    workload = Workload(arrivals="rate", buyers=1, stock=1, products=5, lines=(1, 3), popularity="zipf", repeat=0.5)
    items = [ShelfItem(str(n), "10.50", 9) for n in range(5)]
    first, again, other = (list(timetable(workload, phases, items, Random(seed))) for seed in (1, 1, 2))
    assert first == again != other
    assert {due.phase for due in first} == {"a", "b"}
    assert all((due.phase == "b") == (due.due_s is not None and due.due_s >= 2) for due in first)
