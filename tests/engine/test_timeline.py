"""When faults are to be on, and for how long where the machine is late."""

import pytest
from doorbuster.engine.timeline import Stretch, stretches
from doorbuster.model.fault import FaultPlan


def plan(start_s: float, duration_s: float, **more: float) -> FaultPlan:
    return FaultPlan(kind="slow", start_s=start_s, duration_s=duration_s, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("acts_s", "until_s"), [(2.0, 3.0), (2.4, 3.4), (9.0, 4.0)])
def test_a_fault_that_acts_late_goes_on_for_as_long_but_not_into_the_next(acts_s: float, until_s: float) -> None:
    plans = [plan(4, 1), plan(2, 1)]
    (last,), (first,) = (list(stretches(one, plans)) for one in plans)
    assert first.until_s(acts_s) == pytest.approx(until_s)
    assert last.until_s(4.5) == 5.5
    assert last.until_s(60) == 6  # by its duration at most


def test_pulses_keep_to_their_timetable() -> None:
    one = plan(1, 1, pulse_s=0.2, every_s=0.5)
    pulses = list(stretches(one, [one]))
    assert [(p.start_s, p.end_s, p.pulse) for p in pulses] == [(1, 1.2, 0), (1.5, 1.7, 1)]
    assert [p.until_s(p.start_s + 0.15) for p in pulses] == [1.2, 1.7]


def test_what_acts_in_time_ends_in_time() -> None:
    assert Stretch(plan(1, 1), 1, 2, latest_s=3).until_s(1) == 2
