"""What is seen of the server beside the orders: locks that stay, and deadlocks."""

from pathlib import Path

from tests.integration.conftest import Doorbuster, contract
from tests.integration.test_bad_input import BUY, TABLES, write_shop

LEAKY = BUY.replace("begin\n", "begin\n  perform pg_advisory_lock_shared(7);\n", 1)


def test_a_lock_that_outlives_its_order_is_a_leak(doorbuster: Doorbuster, tmp_path: Path) -> None:
    run = doorbuster("typical_order", "-c", write_shop(tmp_path, TABLES + LEAKY))
    check = run.check("typical_order", "leaked_session")
    assert check["status"] == "violated", run.output
    assert check["example"]["locks"] == "advisory ShareLock"
    assert run.exit_code == 1


def test_a_function_that_lets_everything_go_leaks_nothing(doorbuster: Doorbuster) -> None:
    check = doorbuster("typical_order").check("typical_order", "leaked_session")
    assert check["status"] == "holds"
    assert check["exercised"] > 0


def test_deadlocks_are_told_from_the_servers_own_log(doorbuster: Doorbuster) -> None:
    run = doorbuster("small_crowds", "-c", contract("first_published"))
    check = run.check("small_crowds", "deadlock")
    assert check["status"] == "warning", check
    assert check["violations"] > 0
    assert "waits for ShareLock" in check["example"]["detail"]
    assert "deadlock" not in run.output.splitlines()[-1]
