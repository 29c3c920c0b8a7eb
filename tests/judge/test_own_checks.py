"""A shop's own checks: their form, their mistakes by file and line, and what they cannot reach."""

from pathlib import Path

import pytest
from doorbuster.judge.checks import BadCheck, Ground, parse_check, read_check, run_checks, standard_checks
from doorbuster.judge.views import empty_run, try_checks
from doorbuster.model.check import CheckResult, CheckStatus
from doorbuster.model.scenario import Policy

from tests.judge.histories import History, Rules, contract_of, opened

OWN = """-- check: no_big_orders
-- means: An order of more than two lines.
-- sound: The shop's own rule.
-- exercised by: Orders.

-- violations
select order_key, count(*) as lines
from carts
group by order_key
having count(*) > 2;

-- exercised
select count(*) from orders;
"""


def shop() -> History:
    history = History({"apple": 5, "pear": 5, "fig": 5})
    history.wants("k", [("apple", 1), ("pear", 1), ("fig", 1)])
    history.tries(65, "k", 0, 10, "ok", order_id="1")
    history.order(history.commit(5, 65), 1, "k", [("apple", 1), ("pear", 1), ("fig", 1)])
    return history


def judge(text: str, folder: Path) -> CheckResult:
    with opened(shop(), folder) as connection:
        return run_checks(connection, [parse_check(text, "own.sql")], Policy(), Ground())[0]


def test_an_own_check_convicts_and_its_rows_tell_the_story(tmp_path: Path) -> None:
    result = judge(OWN, tmp_path)
    assert result.status is CheckStatus.VIOLATED
    assert result.example is not None
    assert result.example["lines"] == 3
    assert "1: ok" in str(result.example["attempts"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("select 1", "needs a line '-- violations' with a query, then '-- exercised' with another"),
        (OWN.replace("-- means: An order of more than two lines.\n", ""), "the header lacks -- means:"),
        (OWN.replace("no_big_orders", "No big orders"), "'No big orders' is no name for a check"),
        (OWN.replace("select count(*) from orders;", ""), "line 12: the query is empty"),
    ],
)
def test_a_file_without_the_form_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadCheck) as caught:
        parse_check(text, "own.sql")
    assert f"own.sql: {told}" in str(caught.value) or f"own.sql, {told}" in str(caught.value)


def test_a_line_of_a_header_may_have_a_colon() -> None:
    text = OWN.replace("The shop's own rule.", "The shop's own rule.\n--   as it says: no more than two.")
    assert parse_check(text, "own.sql").sound == "The shop's own rule. as it says: no more than two."


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.sql"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadCheck, match="cannot be read"):
        read_check(path)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (OWN.replace("from carts", "from cartz"), 8, "cartz"),
        (OWN.replace("count(*) > 2", "count(*) >> > 2"), 10, "syntax error"),
        (OWN.replace("from orders", "from nowhere"), 13, "nowhere"),
        (OWN.replace("select count(*) from orders", "select 'many'"), 13, "must give one number"),
    ],
)
def test_a_mistake_in_a_query_points_to_the_line_before_any_run(text: str, line: int, told: str) -> None:
    found = try_checks(contract_of(Rules()), [parse_check(text, "own.sql")])
    assert [f"own.sql, line {line}: " in str(problem) for problem in found] == [True], found
    assert told in str(found[0])


def test_the_standing_checks_run_over_empty_tables() -> None:
    assert not try_checks(contract_of(Rules()), standard_checks().values())


@pytest.mark.parametrize("query", ["from read_text('/etc/hostname')", "from read_csv('/etc/passwd')"])
def test_a_check_of_a_strangers_run_sees_no_other_files(tmp_path: Path, query: str) -> None:
    own = "select order_key, count(*) as lines\nfrom carts\ngroup by order_key\nhaving count(*) > 2"
    text = OWN.replace(own, query)
    with pytest.raises(BadCheck, match=r"(?i)permission"):
        judge(text, tmp_path)


def test_a_query_that_is_no_select_does_not_pass_for_a_check() -> None:
    check = parse_check(OWN.replace("from carts", "from carts; nonsense"), "own.sql")
    with empty_run(contract_of(Rules())) as connection, pytest.raises(BadCheck):
        run_checks(connection, [check], Policy(), Ground())
