"""Places and points, without a server."""

import pytest
from doorbuster.drive.crash.at_statement import CrashPlace, crash_places, parse_crash_place
from doorbuster.drive.crash.points import points_of
from doorbuster.model.crash import Crash
from doorbuster.record.catalogue import Table


def test_every_table_has_points_before_and_after_each_kind_of_write() -> None:
    words = [point.words for point in points_of([Table("orders", "public.orders", ())])]
    assert words == [
        "before insert into orders", "after insert into orders", "before update of orders", "after update of orders",
        "before delete from orders", "after delete from orders",
    ]  # fmt: skip


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
