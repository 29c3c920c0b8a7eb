from pathlib import Path

import pytest
from pglast import parse_plpgsql, parse_sql

SQL = Path(__file__).parent.parent / "sql"


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=lambda p: p.name)
def test_every_sql_file_parses(path: Path) -> None:
    assert parse_sql(path.read_text())


def test_the_published_function_is_plpgsql_that_parses() -> None:
    assert parse_plpgsql((SQL / "first_published.sql").read_text())
