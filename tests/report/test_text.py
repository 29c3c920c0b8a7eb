from dataclasses import replace
from decimal import Decimal

import pytest
from doorbuster.model.result import PhaseResult
from doorbuster.model.stall import Stall
from doorbuster.report import text
from doorbuster.report.text import phase_in_words, stall_in_words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (1234, "1,234"),
        (0.0421, "0.042"),
        (1.005, "1.00"),
        (12.34, "12.3"),
        (612.44, "612.4"),
        (1240.7, "1,241"),
    ],
)
def test_a_number_has_no_more_digits_than_a_reader_needs(value: float, expected: str) -> None:
    assert text.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.85, "850 ms"), (12.34, "12.3 s"), (125, "2 min 5 s"), (7265, "2 h 1 min")]
)
def test_a_duration_is_in_the_unit_that_people_use(value: float, expected: str) -> None:
    assert text.seconds(value) == expected


def test_a_missing_latency_is_a_dash_and_not_zero() -> None:
    assert text.milliseconds(None) == text.NONE


def test_control_and_bidirectional_characters_become_visible() -> None:
    assert text.clean("a\x00\x1b[2J\n\u202eb\ud800") == r"a\x00\x1b[2J\n\u202eb\ud800"


def test_lines_of_an_error_stay_lines_but_a_lone_carriage_return_does_not() -> None:
    assert text.clean_lines("a\r\nb\tc\rd\x07") == "a\nb\tc\\rd\\x07"


@pytest.mark.parametrize(
    "secret", ["postgresql://u:hunter2@host/db", "host=h password=hunter2", "password = 'hunter2 x'", "u://:hunter2@h"]
)
def test_passwords_of_connection_strings_are_left_out(secret: str) -> None:
    assert "hunter2" not in text.clean(f"run --postgres {secret}")
    assert "***" in text.clean(secret)


def test_a_row_reads_as_words() -> None:
    row = {"order_key": "k\n7", "total": Decimal("12.50"), "raw": b"\x01", "gone": None, "yes": True, "list": [1, "a"]}
    assert text.row_in_words(row) == r"order key k\n7, total 12.50, raw \x01, gone null, yes true, list [1, a]"


def test_outcomes_that_did_not_occur_are_not_mentioned() -> None:
    assert text.outcomes_in_words({"ok": 1204, "sold_out": 20, "error": 0}) == "ok 1,204, sold out 20"
    assert text.outcomes_in_words({}) == text.NONE


def test_a_phase_tells_what_did_not_go_as_planned_and_no_more() -> None:
    plain = PhaseResult("steady", 50.0, 300, 5.0, 9.0, 12.0, 20.0, 0, 0, 50.0)
    assert phase_in_words(plain) == (
        "steady: 50 of 50 orders a second answered; p50 5 ms, p95 9 ms, p99 12 ms, most 20 ms"
    )
    troubled = replace(plain, late=3, late_max_ms=40.0, dropped=1200, connects=2, connect_max_ms=7.5)
    assert phase_in_words(troubled).endswith(
        "; 3 began late, the latest by 40 ms; 1,200 never sent; 2 waited for a connection, the longest 7.50 ms"
    )


def test_a_stall_tells_what_was_broken_meanwhile() -> None:
    assert stall_in_words(Stall(4.0, 2.0, 103)) == (
        "no answer for 2.0 s from 4.0 s on, 103 orders waiting, although nothing was broken on purpose"
    )
    assert stall_in_words(Stall(4.0, 2.0, 1, "line")).endswith("1 order waiting, while line was on")
