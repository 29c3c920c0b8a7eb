"""The pytest plug-in: a database a test, a shop that is judged from its log, lines that break, scenarios as tests.

Loaded by every pytest session of an environment that has Doorbuster, so nothing heavy is imported before it is used.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from doorbuster.api import Result
    from doorbuster.config.contract import LoadedContract
    from doorbuster.engine.bench import Bench, BreakableLine, CheckoutDatabase
    from doorbuster.trial import PlaceOrder, ShopOfATest

_OPTIONS = {
    "contract": "the shop under test, a TOML file; without it the function that comes with Doorbuster",
    "out": "where runs leave their reports (default: reports)",
    "postgres": "embedded (default), docker, docker:IMAGE or compose",
    "pg-bin": "a folder with PostgreSQL's binaries",
    "toxiproxy": "a toxiproxy-server binary",
    "seed": "draws the same orders again; random, and told, if not given",
}
_MARKER = (
    "doorbuster(scenario, contract=None, **options): run a scenario (or several) before the test; the fixture "
    "doorbuster_result has what came of it, and without that fixture the test fails unless it passed."
)
_RESULT = pytest.StashKey["Result"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--doorbuster-*`` options, each with an ini key of the same name."""
    group = parser.getgroup("doorbuster", "Doorbuster: checkout code under concurrency and faults")
    for name, text in _OPTIONS.items():
        group.addoption(f"--doorbuster-{name}", metavar=name.upper().replace("-", "_"), help=text)
        parser.addini(f"doorbuster_{name.replace('-', '_')}", text)
    parser.addini("doorbuster_scenarios", "patterns of scenario files to collect as tests", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


def _option(config: pytest.Config, name: str) -> str | None:
    """An option's value: the command line's, else the ini file's, whose paths count from that file; else None."""
    given = config.getoption(f"--doorbuster-{name}")
    if given is not None:
        return str(given)
    value = str(config.getini(f"doorbuster_{name.replace('-', '_')}") or "")
    if value and name in ("contract", "out", "pg-bin", "toxiproxy") and not value.startswith("docker"):
        return str(config.rootpath / value)
    return value or None


def _run(config: pytest.Config, scenarios: tuple[str, ...], given: dict[str, Any]) -> Result:
    from doorbuster.api import run

    seed = _option(config, "seed")
    options: dict[str, Any] = {name.replace("-", "_"): _option(config, name) for name in _OPTIONS if name != "seed"}
    options = {name: value for name, value in options.items() if value is not None}
    options |= {"seed": int(seed)} if seed else {}
    return run(*scenarios, **{**options, **given})


# A contract's or a scenario's path counts from the folder of the test's file.
def _beside(path: Path, name: str) -> str:
    return str(path.parent / name) if name.endswith(".toml") else name


def _run_marked(item: pytest.Item) -> Result:
    marker = item.get_closest_marker("doorbuster")
    if marker is None:
        raise pytest.UsageError(f"{item.nodeid}: doorbuster_result needs @pytest.mark.doorbuster(scenario=…)")
    given = dict(marker.kwargs)
    named = given.pop("scenario", marker.args[0] if marker.args else None)
    scenarios = [named] if isinstance(named, str | Path) else list(named or ())
    if "contract" in given and given["contract"] is not None:
        given["contract"] = _beside(item.path, str(given["contract"]))
    result = _run(item.config, tuple(_beside(item.path, str(name)) for name in scenarios), given)
    item.stash[_RESULT] = result
    item.user_properties.append(("doorbuster_report", str(result.report)))
    item.user_properties.append(("doorbuster_verdict", result.verdict.value))
    item.user_properties.append(("doorbuster_seed", result.run.seed))
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """A marked test that does not ask for the result demands a pass."""
    if item.get_closest_marker("doorbuster") and "doorbuster_result" not in getattr(item, "fixturenames", ()):
        __tracebackhide__ = True
        result = _run_marked(item)
        if not result.passed:
            pytest.fail(str(result), pytrace=False)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """A comparison of a result is explained by its text."""
    told = next((side for side in (left, right) if hasattr(side, "assert_pass") and hasattr(side, "verdict")), None)
    return None if told is None else [f"{left!r} {op} {right!r}", *str(told).splitlines()]


@pytest.fixture
def doorbuster_result(request: pytest.FixtureRequest) -> Result:
    """The result of the scenario that the test's marker names."""
    return _run_marked(request.node)


@pytest.fixture(scope="session")
def doorbuster_contract(pytestconfig: pytest.Config) -> LoadedContract:
    """The shop under test, from ``--doorbuster-contract``; override this fixture to choose another."""
    from doorbuster.config.contract import load_contract
    from doorbuster.engine.loading import DEFAULT_CONTRACT
    from doorbuster.host.resources import resource

    given = _option(pytestconfig, "contract")
    return load_contract(Path(given) if given else resource(DEFAULT_CONTRACT))


@pytest.fixture(scope="session")
def doorbuster_bench(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One server for the whole session, whatever the number of pytest-xdist's workers."""
    from doorbuster.engine.bench import Bench
    from doorbuster.engine.house import Tools
    from doorbuster.postgres.runtimes import PostgresChoice

    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "main")
    base = tmp_path_factory.getbasetemp()
    pg_bin = _option(pytestconfig, "pg-bin")
    postgres = PostgresChoice(_option(pytestconfig, "postgres") or "embedded", Path(pg_bin) if pg_bin else None)
    # A worker's own folder lies in the one that all workers of the session see.
    shared = base if worker == "main" else base.parent
    with Bench(Tools(_option(pytestconfig, "toxiproxy"), postgres), shared, worker) as bench:
        yield bench


@pytest.fixture
def checkout_database(doorbuster_bench: Bench, doorbuster_contract: LoadedContract) -> Iterator[CheckoutDatabase]:
    """A fresh database with the contract's schema and function: ``.dsn``, ``.fetch``, ``.fetchval``, ``.execute``."""
    with doorbuster_bench.database(doorbuster_contract) as database:
        yield database


@pytest.fixture
def toxiproxy(checkout_database: CheckoutDatabase) -> Iterator[BreakableLine]:
    """A way to the test's database that can be broken: ``.dsn``, and ``with toxiproxy.fault("slow", …):``."""
    with checkout_database.line() as line:
        yield line


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, doorbuster_bench: Bench, checkout_database: CheckoutDatabase, tmp_path: Path
) -> Iterator[ShopOfATest]:
    """A shop that is open in the test's database; its log is judged at the end, if the test did not do so itself."""
    from doorbuster.trial import open_shop

    with open_shop(doorbuster_bench, checkout_database, tmp_path / "doorbuster", request.node.name) as shop:
        yield shop


@pytest.fixture
def place_order(shop: ShopOfATest) -> PlaceOrder:
    """Places an order, of one unit of a new product if nothing else is said, and tells how it ended."""
    return shop.place_order


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the scenario files that the ini key ``doorbuster_scenarios`` names."""
    if file_path.suffix != ".toml":
        return None
    patterns = parent.config.getini("doorbuster_scenarios")
    try:
        name = file_path.relative_to(parent.config.rootpath).as_posix()
    except ValueError:
        return None
    if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


class ScenarioFile(pytest.File):
    """A scenario's file: one test."""

    def collect(self) -> Iterator[pytest.Item]:
        """The test."""
        yield ScenarioItem.from_parent(self, name=self.path.stem)


class ScenarioFailed(Exception):
    """A scenario that did not pass; its text is the story."""


class ScenarioItem(pytest.Item):
    """Runs a scenario's file."""

    def runtest(self) -> None:
        """Fails unless the run passed."""
        result = _run(self.config, (str(self.path),), {})
        self.user_properties.append(("doorbuster_report", str(result.report)))
        if not result.passed:
            raise ScenarioFailed(str(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The story, without a traceback of ours."""
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the test stands."""
        return self.path, None, f"scenario {self.name}"
