"""The plug-in in pytest sessions of its own, against real servers."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from doorbuster.host.resources import resource

pytest_plugins = ["pytester"]

FIRST = "1b40e1cb-0000-4000-8000-000000000001"
HARDENED = f"""
    def test_a_fresh_database(checkout_database):
        assert checkout_database.fetchval("select count(*) from products") == 0
        checkout_database.execute("insert into products (id, name, price, stock_quantity) values (1, 'x', 1, 1)")
        assert checkout_database.fetch("select id from products where id = $1", 1) == [{{"id": 1}}]

    def test_it_is_fresh_again(checkout_database):
        assert checkout_database.fetchval("select count(*) from products") == 0

    def test_the_last_unit(shop):
        last = shop.product(stock=1)
        outcomes = [end.outcome for end in shop.place_together([last] * 4)]
        assert sorted(outcomes) == ["ok", "sold_out", "sold_out", "sold_out"]
        shop.assert_sound("oversold", "conservation", "movements")

    def test_a_lost_answer(shop, toxiproxy):
        product = shop.product(stock=5)
        with toxiproxy.fault("ack_lost"):
            assert shop.place_order(product, order_key="{FIRST}", through=toxiproxy).outcome == "unknown"
        assert shop.place_order(product, order_key="{FIRST}", through=toxiproxy).outcome == "ok"
        shop.assert_sound("duplicate_order")

    async def test_inside_of_a_running_loop(place_order):
        assert place_order().outcome == "ok"
"""
BROKEN = f"""
    def test_the_answer_is_lost(shop, toxiproxy):
        product = shop.product(stock=5)
        with toxiproxy.fault("ack_lost"):
            shop.place_order(product, order_key="{FIRST}", through=toxiproxy)
        shop.place_order(product, order_key="{FIRST}", through=toxiproxy)
        shop.assert_sound()

    def test_it_is_judged_at_the_end_too(place_order, shop):
        shop.place_order({{shop.product(): 1}})
        shop.database.execute("update products set stock_quantity = stock_quantity - 1")

    def test_a_check_that_nothing_exercised(place_order, shop):
        place_order()
        shop.assert_sound("oversold")
"""


def contract(name: str) -> str:
    return str(resource(f"scenarios/contracts/{name}.toml"))


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A session without the plug-ins that do not matter here."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def servers_below(folder: Path) -> list[psutil.Process]:
    """Processes that were started for a session in ``folder`` and are still there."""
    mine = psutil.Process().children(recursive=True)
    return [process for process in mine if process.is_running() and str(folder) in " ".join(process.cmdline())]


def test_fixtures_find_the_hardened_function_sound(session: pytest.Pytester) -> None:
    session.makepyfile(HARDENED)
    session.runpytest_subprocess("-p", "no:locust").assert_outcomes(passed=5)


def test_fixtures_convict_the_function_as_first_published(session: pytest.Pytester) -> None:
    session.makepyfile(BROKEN)
    result = session.runpytest_subprocess("-p", "no:locust", "--doorbuster-contract", contract("first_published"))
    result.assert_outcomes(passed=1, failed=2, errors=1)
    for line in (
        "*Do not ship: the checkout let stock and orders drift apart*",
        "*Do not ship: the checkout ordered twice for one buyer*",
        "*duplicate_order in test_the_answer_is_lost: * violation*",
        "*: Try 1: unknown*",
        "*: Try 2: ok*",
        "*not put to the test: oversold*",
    ):
        result.stdout.fnmatch_lines([line])


def test_workers_share_one_server_and_it_is_gone_afterwards(session: pytest.Pytester) -> None:
    head = "    def test_port_{n}(checkout_database, doorbuster_bench):\n"
    port = head + "        print('PORT', doorbuster_bench.server.port)\n"
    session.makepyfile(HARDENED + "".join("\n" + port.format(n=n) for n in range(8)))
    result = session.runpytest_subprocess("-p", "no:locust", "-n", "4", "-rA")
    result.assert_outcomes(passed=13)
    assert len(set(re.findall(r"PORT (\d+)", result.stdout.str()))) == 1
    assert servers_below(session.path) == []


def test_a_marked_scenario_must_pass_and_its_report_is_told(session: pytest.Pytester) -> None:
    scenario = resource("scenarios/last_item.toml").read_text().replace("rounds = 40", "rounds = 10")
    (session.path / "short.toml").write_text(scenario)
    session.makepyfile(f"""
        import pytest, doorbuster
        from doorbuster import Result

        @pytest.mark.doorbuster(scenario="short.toml", seed=7)
        def test_passes(doorbuster_result: Result):
            assert doorbuster_result and doorbuster_result.verdict == "pass"
            assert "oversold" in doorbuster_result.held()
            doorbuster_result.assert_holds("oversold", "conservation")

        @pytest.mark.doorbuster(scenario="short.toml", contract={contract("two_calls")!r}, seed=7)
        def test_fails():
            pass
    """)
    result = session.runpytest_subprocess("-p", "no:locust", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["Do not ship: the checkout sold more than there was*", "*replay: doorbuster run*"])
    cases = ElementTree.parse(session.path / "junit.xml").findall(".//testcase")
    for case in cases:
        (report,) = [p.get("value") for p in case.iter("property") if p.get("name") == "doorbuster_report"]
        assert (session.path / str(report)).exists()


def test_scenario_files_are_collected_where_the_ini_file_says(session: pytest.Pytester) -> None:
    (session.path / "shop").mkdir()
    for name in ("one", "two"):
        (session.path / "shop" / f"{name}.toml").write_text(resource("scenarios/last_item.toml").read_text())
    (session.path / "pytest.ini").write_text("[pytest]\ndoorbuster_scenarios = shop/*.toml\n")
    (session.path / "tox.ini").unlink()
    result = session.runpytest_subprocess("-p", "no:locust", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["shop/one.toml::one", "shop/two.toml::two"])


def test_a_session_without_its_fixtures_loads_nothing_heavy() -> None:
    code = "import sys, doorbuster.pytest_plugin; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"asyncpg", "duckdb", "gevent", "locust", "pglast", "pydantic"} & set(done.stdout.split())
