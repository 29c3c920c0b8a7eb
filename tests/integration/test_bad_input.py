"""Every mistake of a user: a clear message with place and cure, the right exit code."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import COMMAND, Doorbuster, contract, finished

SHOP = """
name = "shop"
[schema]
files = ["shop.sql"]
[shelves]
product = ["insert into products values (:product::int, :quantity::int)"]
[place]
sql = "select buy(:product::int, :quantity::int)"
[answers]
ok = [{ result = "$.buy == true" }]
sold_out = [{ result = "$.buy == false" }]
[[stock]]
table = "products"
product = "id"
quantity = "stock"
[lines]
table = "lines"
order = "id"
product = "product"
quantity = "quantity"
"""
TABLES = """
create table products (id int primary key, stock int);
create table lines (id serial primary key, product int, quantity int);
"""
BUY = """
create function buy(wanted int, units int) returns boolean language plpgsql as $$
begin
  update products set stock = stock - units where id = wanted and stock >= units;
  if not found then return false; end if;
  insert into lines (product, quantity) values (wanted, units);
  return true;
end $$;
"""


def write_shop(folder: Path, sql: str, toml: str = SHOP) -> str:
    (folder / "shop.sql").write_text(sql)
    (folder / "shop.toml").write_text(toml)
    return str(folder / "shop.toml")


def test_a_small_shop_of_another_shape_passes(doorbuster: Doorbuster, tmp_path: Path) -> None:
    run = doorbuster("last_item", "-c", write_shop(tmp_path, TABLES + BUY))
    assert run.scenario("last_item")["outcomes"]["ok"] == 40, run.output
    assert run.exit_code == 0, run.output
    assert run.check("last_item", "movements")["status"] == "off"


def test_an_unknown_scenario_lists_the_known_ones(doorbuster: Doorbuster) -> None:
    run = doorbuster("last_itme")
    assert run.exit_code == 2
    assert "no such scenario" in run.output
    assert "last_item" in run.output


def test_mistakes_of_contract_and_scenario_come_together(doorbuster: Doorbuster, tmp_path: Path) -> None:
    run = doorbuster("nope", "-c", write_shop(tmp_path, TABLES, SHOP.replace("[place]", "[plaice]")))
    assert run.exit_code == 2
    assert "no such scenario" in run.output
    assert "plaice: unknown key" in run.output
    assert "Did you mean 'place'" in run.output


def test_sql_that_does_not_deploy_is_named_with_file_and_line(doorbuster: Doorbuster, tmp_path: Path) -> None:
    run = doorbuster("last_item", "-c", write_shop(tmp_path, TABLES + "\ncreate table lines (id intt);\n"))
    assert run.exit_code == 2
    assert "shop.sql:5" in run.output
    assert "intt" in run.output


def test_a_table_that_the_schema_lacks_is_named(doorbuster: Doorbuster, tmp_path: Path) -> None:
    toml = SHOP.replace('table = "lines"', 'table = "order_lines"')
    run = doorbuster("last_item", "-c", write_shop(tmp_path, TABLES + BUY, toml))
    assert run.exit_code == 2
    assert "'order_lines'" in run.output


def test_an_expression_that_the_mapping_cannot_take_is_named(doorbuster: Doorbuster, tmp_path: Path) -> None:
    toml = SHOP.replace('quantity = "stock"', 'quantity = "stok"')
    run = doorbuster("last_item", "-c", write_shop(tmp_path, TABLES + BUY, toml))
    assert run.exit_code == 2
    assert "stock.0.quantity" in run.output
    assert "stok" in run.output


def test_an_answer_that_no_rule_knows_is_quoted(doorbuster: Doorbuster, tmp_path: Path) -> None:
    toml = SHOP.replace("$.buy == true", '$.buy == \\"yes\\"')
    run = doorbuster("last_item", "-c", write_shop(tmp_path, TABLES + BUY, toml))
    assert run.exit_code == 2
    assert "no rule in [answers] matches" in run.output
    assert '"buy": true' in run.output


def test_a_function_that_fails_its_first_plain_order_is_a_violation(doorbuster: Doorbuster, tmp_path: Path) -> None:
    broken = BUY.replace("insert into lines", "insert into linez")
    run = doorbuster("last_item", "-c", write_shop(tmp_path, TABLES + broken))
    assert run.exit_code == 1
    assert run.scenario("plain_order")["checks"][0]["name"] == "unusable"
    assert "linez" in run.output


def test_a_toxiproxy_that_is_none_is_an_error_with_the_cure(doorbuster: Doorbuster, tmp_path: Path) -> None:
    run = doorbuster("last_item", "--toxiproxy", str(tmp_path / "nothing"))
    assert run.exit_code == 3
    assert "--toxiproxy" in run.output
    assert run.result["verdict"] == "error"


def test_a_folder_without_postgres_is_an_error_with_the_cure(doorbuster: Doorbuster, tmp_path: Path) -> None:
    run = doorbuster("last_item", "--pg-bin", str(tmp_path))
    assert run.exit_code == 3
    assert str(tmp_path) in run.output


@pytest.mark.parametrize("name", ["toxiproxy", "postgres"])
def test_a_tool_that_dies_in_the_middle_never_ends_in_a_pass(out: Path, name: str) -> None:
    command = [*COMMAND, "run", "typical_order", "-c", contract("create_order_with_inventory"), "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        wait_for_load(out)
        os.kill(descendant(process.pid, name), signal.SIGKILL)
        output, _ = process.communicate(timeout=120)
    run = finished(process.returncode, output, out)
    assert run.exit_code == 3, output
    assert run.result["verdict"] == "error"
    assert run.folder is not None
    assert (run.folder / "typical_order" / "attempts.parquet").exists()


def wait_for_load(out: Path) -> None:
    """Until buyers have placed orders in the run that writes into ``out``."""
    for _ in range(1200):
        if any(path.stat().st_size > 0 for path in out.glob("*/typical_order/attempts.0.csv")):
            return
        time.sleep(0.05)
    raise AssertionError("no load within a minute")


def descendant(pid: int, name: str) -> int:
    """The oldest process below ``pid`` whose name starts so: of Postgres's many, the one that started the others."""
    found = [child for child in psutil.Process(pid).children(recursive=True) if child.name().startswith(name)]
    return min(found, key=lambda child: (child.create_time(), child.pid)).pid
