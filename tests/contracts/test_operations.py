"""What a shop does besides placing orders, mixed into a load: judged with the orders, not taken for granted."""

from pathlib import Path

import pytest
from doorbuster.config.mistakes import ConfigError
from doorbuster.model.verdict import Verdict

from tests.contracts.conftest import Judge, example, required_open, violated

MIXED = {
    "arrivals": "burst", "buyers": 12, "rounds": 8, "stock": 6, "restock": 0.2, "cancel": 0.4, "release": 0.4,
}  # fmt: skip
FORGETFUL = """
create or replace function end_reservation(reservation bigint, new_status text) returns boolean language plpgsql as $$
declare
    held reservations;
begin
    update reservations set status = new_status where id = reservation returning * into held;
    update tickets set reserved = greatest(reserved - held.quantity, 0) where id = held.ticket_id;
    return true;
end;
$$;
"""
REQUIRED = ["broken_operation", "conservation", "lost_order", "oversold"]


def test_a_load_with_operations_passes(judged: Judge) -> None:
    result = judged(example("reserved_counter"), "load", workload=MIXED, checks={"require": REQUIRED})
    assert violated(result) == {}
    assert required_open(result) == {}
    assert result.verdict is Verdict.PASS


def test_a_second_release_under_load_is_convicted(judged: Judge, tmp_path: Path) -> None:
    (tmp_path / "forgetful.sql").write_text(FORGETFUL)
    contract = tmp_path / "forgetful.toml"
    base = example("reserved_counter")
    files = [str(base.parent / name) for name in ("schema.sql", "correct.sql")]
    contract.write_text(f'extends = "{base}"\nname = "forgetful"\n[schema]\nfiles = {[*files, "forgetful.sql"]}\n')
    result = judged(contract, "load", workload=MIXED)
    assert "conservation" in violated(result)


def test_an_operation_that_the_contract_does_not_know_is_a_mistake(judged: Judge) -> None:
    with pytest.raises(ConfigError, match=r"workload.restock: the contract has no \[restock\]"):
        judged(example("json_cart"), "load", workload=MIXED)


def test_a_workload_that_wants_more_than_the_shop_sells_is_a_mistake(judged: Judge) -> None:
    with pytest.raises(ConfigError, match=r"workload.quantity: up to 2000 units a line, .* no more than 1000"):
        judged(example("json_cart"), "load", workload={**MIXED, "quantity": [1, 2000]})
