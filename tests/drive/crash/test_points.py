"""Places and points, without a server."""

import pytest
from doorbuster.drive.crash.at_statement import CrashPlace, crash_places, parse_crash_place
from doorbuster.drive.crash.points import Point, needed, points_of
from doorbuster.instrument.functions import Function, marks_of
from doorbuster.model.crash import Crash
from doorbuster.record.catalogue import Table


def test_every_table_has_points_before_and_after_each_kind_of_write() -> None:
    words = [point.words for point in points_of([], [Table("orders", "public.orders", ())])]
    assert words == [
        "before insert into orders", "after insert into orders", "before update of orders", "after update of orders",
        "before delete from orders", "after delete from orders",
    ]  # fmt: skip


BODY = """
declare
    n integer;
begin
    select count(*) into n from orders;  -- one
    if n > 0 then
        return n;
    end if;
    for n in select id from orders loop
        update orders set id = n;
    end loop;
    return 0;
exception when others then
    return -1;
end;
"""
DEFINITION = f"create function f() returns integer language plpgsql as $f${BODY}$f$"


def test_a_function_is_marked_before_every_statement_on_its_own_line() -> None:
    marks = marks_of(DEFINITION, BODY)
    assert [mark.words.split(":")[0] for mark in marks] == [f"line {n}" for n in (5, 7, 9, 10, 12, 14)]
    marked = Function("f()", DEFINITION, BODY, marks).marked("y", 3)
    assert "    if y(3) then end if; select count(*)" in marked
    assert "    if y(8) then end if; return -1;" in marked
    assert marked.count("\n") == DEFINITION.count("\n")


def test_triggers_are_left_out_where_a_single_call_has_points_of_its_own() -> None:
    points = (Point(1, "line 5", "f()"), Point(2, "before insert into orders"))
    assert needed(points, {1: 1, 2: 1}, single_call=True) == {1: 1}
    assert needed(points, {1: 1, 2: 1}, single_call=False) == {1: 1, 2: 1}
    assert needed(points, {2: 3}, single_call=True) == {2: 3}


def test_every_kind_meets_every_point_each_time_it_is_reached() -> None:
    found = crash_places(Crash(kinds=("kill_server", "cancel")), {3: 2, 7: 1})
    assert [place.name for place in found] == [
        "cancel 3.1", "cancel 3.2", "cancel 7.1", "kill_server 3.1", "kill_server 3.2", "kill_server 7.1",
    ]  # fmt: skip


def test_a_places_name_leads_back_to_it() -> None:
    place = CrashPlace("kill_backend", 12, 2)
    assert parse_crash_place(place.name) == place
    assert parse_crash_place("cancel 7") == CrashPlace("cancel", 7, 1)


@pytest.mark.parametrize("name", ["", "cancel", "cancel x", "cancel 1.x", "explode 1.1"])
def test_what_is_no_place_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match=r"cancel 7\.1"):
        parse_crash_place(name)
