"""The journals of a load's orders: the short way and the long way write the same."""

import csv
from pathlib import Path

import pytest
from doorbuster.drive.load.records import Records
from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.drive.workload import Due
from doorbuster.model.order import Line, Order
from doorbuster.model.outcome import Outcome

ORDER = Order("key-1", "customer-1", (Line("7", 2, "10.50"), Line("red, large", 1, "3.00")), "24.00")


def rows(folder: Path, table: str) -> list[list[str]]:
    with (folder / f"{table}.0.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_an_order_is_written_with_its_lines_and_none_is_empty(tmp_path: Path) -> None:
    with Records(tmp_path) as records:
        records.request(Due(ORDER, "steady", 0.5), 500, 512)
        records.request(Due(ORDER, 'the "rush", hour', None), None, None)
    assert rows(tmp_path, "requests") == [
        ["key-1", "customer-1", "24.00", "valid", "steady", "500", "512"],
        ["key-1", "customer-1", "24.00", "valid", 'the "rush", hour', "", ""],
    ]
    assert rows(tmp_path, "request_lines")[:2] == [
        ["key-1", "0", "7", "2", "10.50"],
        ["key-1", "1", "red, large", "1", "3.00"],
    ]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (AttemptEnd(Outcome.OK, "31", None, None, 4242), ["ok", "31", "", "", "4242"]),
        (AttemptEnd(Outcome.OK, "31,\n4"), ["ok", "31, 4", "", "", ""]),
        (AttemptEnd(Outcome.REFUSED, None, "P0001", 'no "7", no', 1), ["refused", "", "P0001", 'no "7", no', "1"]),
        (AttemptEnd(Outcome.UNKNOWN, code="timeout"), ["unknown", "", "timeout", "", ""]),
    ],
)
def test_an_attempt_stays_one_line_whatever_the_shop_says(tmp_path: Path, end: AttemptEnd, told: list[str]) -> None:
    with Records(tmp_path) as records:
        records.attempt(65, Due(ORDER, "steady", 0.5), 500, 1, 3, 512, None, 900, end)
    assert rows(tmp_path, "attempts") == [["65", "key-1", "1", "3", "steady", "500", "512", "", "900", *told]]
    assert (tmp_path / "attempts.0.csv").read_text().count("\n") == 1


def test_what_was_written_is_with_the_system_after_a_flush(tmp_path: Path) -> None:
    with Records(tmp_path) as records:
        records.attempt(65, Due(ORDER, "steady", None), None, 1, 3, 512, 600, 88, AttemptEnd(Outcome.OK, connect_us=7))
        records.flush()
        assert len(rows(tmp_path, "attempts")) == 1
        assert rows(tmp_path, "connects") == [["65", "key-1", "7"]]
