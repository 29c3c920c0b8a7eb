"""The checkout page in a real browser: two tabs race for the last item, and their connections are cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doorbuster.network.faults import applied, make_fault
from doorbuster.network.server import ToxiproxyServer

from tests.shop.browser import CHROMIUM, Browser, Tab, chromium
from tests.shop.conftest import Serve, Served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
ORDER = "/api/checkout/create-order"
READY = "document.getElementById('buy')?.disabled === false && document.body.innerText.includes('in stock')"
CLICK = "document.getElementById('buy').click()"
BUTTON = "document.getElementById('buy')"
TOLD = "document.getElementById('told').dataset.state"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


def orders(served: Served) -> int:
    return int(served.database.fetchval("select count(*) from orders"))


def pressed(*tabs: Tab) -> list[str]:
    """What each tab tells after its button was pressed once, all before any answer."""
    for tab in tabs:
        tab.run(CLICK)
    return [str(tab.wait(f"{TOLD} !== 'waiting' && {TOLD}")) for tab in tabs]


def test_one_order_is_exactly_one_request_also_for_an_impatient_finger(serve: Serve, browser: Browser) -> None:
    with serve() as served:
        tab = browser.open(f"{served.url}/?product=1")
        tab.wait(READY)
        assert "1 in stock" in tab.text()
        is_disabled = tab.run(f"{CLICK}, {CLICK}, {CLICK}, {BUTTON}.disabled")
        assert is_disabled is True
        assert tab.wait(f"{TOLD} !== 'waiting' && {TOLD}") == "ok"
        tab.wait("document.body.innerText.includes('sold out')")
        assert "Your order is number 1." in tab.text()
        assert (served.requests(ORDER), orders(served)) == (1, 1)
        assert tab.run(f"{BUTTON}.disabled") is True


def test_two_tabs_race_for_the_last_item_through_cut_connections(
    serve: Serve, browser: Browser, toxiproxy: ToxiproxyServer, tmp_path: Path
) -> None:
    with serve() as served, toxiproxy.proxy("page", f"{served.shop.host}:{served.shop.port}") as line:
        one, two = (browser.open(f"http://{line.host}:{line.port}/?product=1") for _ in range(2))
        one.wait(READY)
        two.wait(READY)
        with applied(make_fault("ack_lost", {}), line):
            assert pressed(one, two) == ["try_again", "try_again"]
        # The shop has had each tab's request once, though the browser would have sent a lost one again by itself.
        assert (served.requests(ORDER), orders(served)) == (2, 1)
        assert "Try again" in str(one.run(f"{BUTTON}.textContent"))
        assert one.run(f"{BUTTON}.disabled") is False
        one.picture(tmp_path / "try_again.png")

        assert sorted(pressed(one, two)) == ["ok", "sold_out"]
        assert (served.requests(ORDER), orders(served)) == (4, 1)
        assert served.database.fetchval("select stock_quantity from products where id = 1") == 0
        winner, loser = (one, two) if one.run(TOLD) == "ok" else (two, one)
        assert "Your order is number" in winner.text()
        assert "somebody else was faster" in loser.text()
        for tab, name in ((winner, "ok"), (loser, "sold_out")):
            assert tab.run(f"{BUTTON}.disabled") is True
            tab.picture(tmp_path / f"{name}.png")


def test_a_key_is_kept_over_a_reload_until_there_is_an_answer(
    serve: Serve, browser: Browser, toxiproxy: ToxiproxyServer
) -> None:
    with serve() as served, toxiproxy.proxy("page", f"{served.shop.host}:{served.shop.port}") as line:
        tab = browser.open(f"http://{line.host}:{line.port}/?product=1")
        tab.wait(READY)
        with applied(make_fault("ack_lost", {}), line):
            assert pressed(tab) == ["try_again"]
        tab.run("location.reload()")
        # The last one is this buyer's own: the shelf is empty, and yet there is an order to ask for.
        tab.wait(f"document.body.innerText.includes('sold out') && {BUTTON}.disabled === false")
        assert pressed(tab) == ["ok"]
        assert (served.requests(ORDER), orders(served)) == (2, 1)
