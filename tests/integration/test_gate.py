"""What the gate says of the hardened function and of its ancestors."""

from pathlib import Path

import pytest

from tests.integration.conftest import Doorbuster, contract

TWO_OF_FIVE = """
name = "two_of_five"
kind = "load"
description = "Two orders of five at once, ten times over."

[workload]
arrivals = "burst"
buyers = 2
rounds = 10
stock = {stock}
quantity = [5, 5]

[checks]
require = ["conservation"]
"""


def test_the_last_item_is_sold_once_by_the_hardened_function(doorbuster: Doorbuster) -> None:
    run = doorbuster("last_item")
    assert run.exit_code == 0, run.output
    assert run.result["schema"] == "doorbuster.result/1"
    scenario = run.scenario("last_item")
    assert scenario["outcomes"]["ok"] == 40
    assert scenario["outcomes"]["sold_out"] == 600
    required = [c for c in scenario["checks"] if c["required"]]
    assert len(required) == 6
    assert all(c["status"] == "holds" and c["exercised"] > 0 for c in required)
    assert run.folder is not None
    assert {"report.html", "result.json", "junit.xml"} <= {p.name for p in run.folder.iterdir()}


def test_lost_answers_make_no_second_order_and_every_fault_leaves_its_mark(doorbuster: Doorbuster) -> None:
    run = doorbuster("network_timeout")
    assert run.exit_code == 0, run.output
    scenario = run.scenario("network_timeout")
    assert scenario["unknown_committed"] > 0
    assert {f["name"] for f in scenario["faults"]} == {"ack_lost", "never_sent", "blackhole"}
    assert all(f["marks"] > 0 for f in scenario["faults"])
    assert run.check("network_timeout", "duplicate_order")["status"] == "holds"
    assert run.check("network_timeout", "duplicate_order")["exercised"] > 0
    # Once after each of the three faults, and once more at the end.
    assert run.check("network_timeout", "unfinished")["exercised"] == 4
    assert run.check("network_timeout", "unfinished")["status"] == "holds"


@pytest.mark.parametrize(("stock", "sold"), [(10, 2), (7, 1), (4, 0)])
def test_of_two_orders_of_five_as_many_succeed_as_fit(
    doorbuster: Doorbuster, tmp_path: Path, stock: int, sold: int
) -> None:
    (tmp_path / "two_of_five.toml").write_text(TWO_OF_FIVE.format(stock=stock))
    for name in ("create_order_with_inventory", "first_published"):
        run = doorbuster(str(tmp_path / "two_of_five.toml"), "-c", contract(name))
        outcomes = run.scenario("two_of_five")["outcomes"]
        assert (outcomes["ok"], outcomes["sold_out"]) == (10 * sold, 10 * (2 - sold)), run.output


def test_two_calls_leave_orders_whose_stock_was_never_deducted(doorbuster: Doorbuster) -> None:
    run = doorbuster("network_timeout", "-c", contract("two_calls"))
    assert run.exit_code == 1, run.output
    check = run.check("network_timeout", "partial_order")
    assert check["status"] == "violated"
    assert "never repaired" in {row["how_long"] for row in check["rows"]}
    assert check["replay"].startswith("doorbuster run network_timeout")


def test_rollback_by_hand_loses_updates_without_any_fault(doorbuster: Doorbuster) -> None:
    run = doorbuster("last_item", "-c", contract("application_rollback"))
    assert run.exit_code == 1, run.output
    assert run.check("last_item", "conservation")["status"] == "violated"
    assert run.check("last_item", "conservation")["example"]["discrepancy"] != 0


def test_the_function_as_first_published_orders_twice_but_never_oversells(doorbuster: Doorbuster) -> None:
    run = doorbuster("last_item", "connection_lost", "-c", contract("first_published"))
    assert run.exit_code == 1, run.output
    assert run.check("last_item", "oversold")["status"] == "holds"
    assert run.check("connection_lost", "duplicate_order")["status"] == "violated"


def test_a_slow_network_leaves_one_round_trip_under_the_limit_and_four_over_it(doorbuster: Doorbuster) -> None:
    assert doorbuster("slow_network").exit_code == 0
    run = doorbuster("slow_network", "-c", contract("two_calls"))
    assert run.check("slow_network", "latency")["status"] == "violated"
    assert run.exit_code in (1, 5), run.output
