"""A set is cut to what a shop's buyers can do; where they can do everything, not a letter of it is changed."""

import pytest
from doorbuster.engine.loading import Job, load_job
from doorbuster.host.resources import resource


def job(contract: str, *scenarios: str) -> Job:
    return load_job(resource(f"scenarios/contracts/{contract}.toml"), scenarios)


def test_a_shop_with_carts_and_keys_is_asked_everything() -> None:
    whole = job("create_order_with_inventory")
    assert whole.notices == ()
    for loaded in whole.scenarios:
        assert loaded.text == loaded.path.read_text()


def test_a_shop_of_one_product_an_order_is_not_asked_for_crossed_carts() -> None:
    whole = job("scalar_item/contract")
    found = {loaded.scenario.name: loaded.scenario for loaded in whole.scenarios}
    assert "crossed_carts" not in found
    assert "same_key" in found
    told = "crossed_carts was left out: its buyers order several products at once, and this shop sells one an order"
    assert told in whole.notices
    assert "duplicate_order" in found["every_message"].checks.require


def test_a_client_that_never_repeats_is_not_held_to_what_a_repetition_would_show() -> None:
    fitted = job("json_cart/contract")
    found = {loaded.scenario.name: loaded.scenario for loaded in fitted.scenarios}
    assert "same_key" not in found
    assert "duplicate_order" not in found["network_timeout"].checks.require
    assert "lost_order" in found["network_timeout"].checks.require
    assert found["every_message"].checks.off == ("turned_away",)
    assert "turned_away" in found["typical_order"].checks.require
    assert "same_key was left out: its buyers ask twice for one order, and this shop's never do" in fitted.notices
    told = "every_message: duplicate_order and turned_away not asked"
    assert any(notice.startswith(told) for notice in fitted.notices)


def test_what_is_cut_is_cut_in_the_stored_text_too() -> None:
    (loaded,) = job("json_cart/contract", "every_message").scenarios
    assert 'off = [\n    "turned_away",\n]' in loaded.text


@pytest.mark.parametrize(("shop", "is_there"), [("reserved_counter/contract", True), ("scalar_item/contract", False)])
def test_operations_are_interleaved_where_the_shop_has_some(shop: str, is_there: bool) -> None:
    whole = job(shop)
    assert ("operations_interleaved" in {loaded.scenario.name for loaded in whole.scenarios}) is is_there
    assert not any("operations_interleaved" in notice for notice in whole.notices)


def test_orders_of_several_requests_are_not_interleaved() -> None:
    whole = job("http_two_step")
    assert all(loaded.scenario.kind != "interleave" for loaded in whole.scenarios)
    told = "same_key was left out: an order is several requests, and only one can be interleaved"
    assert told in whole.notices


@pytest.mark.parametrize(
    ("shop", "limit"), [("procedure/contract", "p99 < 700ms in slow"), ("scalar_item/contract", "p99 < 500ms in slow")]
)
def test_what_the_harness_itself_takes_on_a_slow_link_is_not_the_shops(shop: str, limit: str) -> None:
    whole = job(shop)
    (slow,) = (loaded.scenario for loaded in whole.scenarios if loaded.scenario.name == "slow_network")
    (typical,) = (loaded.scenario for loaded in whole.scenarios if loaded.scenario.name == "typical_order")
    assert slow.thresholds == (limit, "error_rate < 0.1%")
    assert typical.thresholds[0] == "p99 < 500ms"
    assert slow.workload
    assert slow.workload.buyers == (24 if "700" in limit else 16)
    told = "slow_network: p99 < 700ms in slow, as the tag of a CALL takes 200 ms of the harness's own there"
    assert (told in whole.notices) is ("700" in limit)
