from pathlib import Path

import pytest
from pglast import parse_plpgsql, parse_sql

SQL = Path(__file__).parent.parent / "sql"


# Their own tests run them.
FOR_DUCKDB = {*(SQL / f"{name}.sql" for name in ("screen", "views", "live")), *(SQL / "checks").glob("*.sql")}
FOR_POSTGRES = sorted(set(SQL.rglob("*.sql")) - FOR_DUCKDB)


@pytest.mark.parametrize("path", FOR_POSTGRES, ids=lambda p: p.name)
def test_every_sql_file_parses(path: Path) -> None:
    text = path.read_text()
    assert parse_sql(text) or "\n-- contract: " in text  # a variant whose contract says all of it is a header alone


@pytest.mark.parametrize("name", ["first_published.sql", "create_order_with_inventory.sql"])
def test_the_functions_are_plpgsql_that_parses(name: str) -> None:
    assert parse_plpgsql((SQL / name).read_text())
