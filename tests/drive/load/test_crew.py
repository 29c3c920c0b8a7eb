"""Who of a load's workers is there, done or dead: decisions without messages or clocks."""

from doorbuster.drive.load.crew import SILENT_S, Crew
from doorbuster.host.process_table import ProcessId

HERE = ProcessId(11, "mark")


def crew_of_two() -> Crew:
    crew = Crew(2)
    crew.join("a", "here", HERE, 0.0)
    crew.join("b", "there", None, 0.0)
    return crew


def test_a_load_begins_when_all_are_ready() -> None:
    crew = crew_of_two()
    assert not crew.is_ready
    for worker in crew.workers.values():
        worker.is_ready = True
    assert crew.is_ready


def test_nobody_joins_a_crew_that_is_complete() -> None:
    crew = crew_of_two()
    assert crew.join("c", "late", None, 0.0) is None
    again = crew.join("b", "there", None, 0.0)
    assert again is not None
    assert again.number == 1


def test_a_process_that_is_gone_is_dead_at_once_and_surely_ended() -> None:
    crew = crew_of_two()
    (dead,) = crew.bury(1.0, lambda process: False)
    assert (dead.client, dead.ended_s) == ("a", 1.0)
    assert crew.bury(1.1, lambda process: False) == []


def test_one_elsewhere_is_dead_when_it_has_been_silent_but_may_go_on() -> None:
    crew = crew_of_two()
    assert crew.bury(SILENT_S - 1, lambda process: True) == []
    assert crew.heard("b", SILENT_S - 1) is not None
    assert [w.client for w in crew.bury(SILENT_S + 1, lambda process: True)] == ["a"]
    (dead,) = crew.bury(2 * SILENT_S + 1, lambda process: True)
    assert (dead.client, dead.ended_s) == ("b", None)


def test_the_dead_do_not_come_back() -> None:
    crew = crew_of_two()
    crew.bury(1.0, lambda process: False)
    assert crew.heard("a", 2.0) is None


def test_a_load_is_over_when_the_living_are_done() -> None:
    crew = crew_of_two()
    crew.workers["b"].is_done = True
    assert not crew.is_over
    crew.bury(1.0, lambda process: False)
    assert crew.is_over
    assert [(told["number"], told["dead"] is not None) for told in crew.report()] == [(0, True), (1, False)]


def test_one_that_is_done_may_leave() -> None:
    crew = crew_of_two()
    for worker in crew.workers.values():
        worker.is_done = True
    assert crew.bury(100.0, lambda process: False) == []
