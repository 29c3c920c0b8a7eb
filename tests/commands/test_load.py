"""The options of ``doorbuster load``, and the scenario that they make."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner
from doorbuster.commands import load
from doorbuster.config.scenario import scenario_of
from doorbuster.judge.checks import standard_checks
from doorbuster.model.distribution import Distribution
from doorbuster.model.scenario import Scenario
from doorbuster.network.faults import FAULTS


class Asked(Exception):
    """What the command would have run."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command with arguments; the scenario and the distribution that it asks for."""

    def call(arguments: str) -> tuple[Scenario, Distribution]:
        def caught(_load: Any, options: Any) -> None:
            raise Asked(load.scenario_of(options), options["stage_options"].spread)

        monkeypatch.setattr(load, "run_job", caught)
        result = CliRunner().invoke(load.command, arguments.split())
        assert isinstance(result.exception, Asked), result.output
        content, spread = result.exception.args
        text = tomli_w.dumps(content)
        loaded = scenario_of(text, tomllib.loads(text), Path("test"), standard_checks(), FAULTS)
        return loaded.scenario, spread

    return call


def test_without_options_it_is_a_steady_open_load_in_one_process(asked: Any) -> None:
    scenario, spread = asked("")
    assert scenario.workload.arrivals == "rate"
    assert [(p.name, p.profile, p.rate, p.duration_s) for p in scenario.phases] == [("steady", "constant", 50, 10)]
    assert scenario.thresholds == load.DEFAULT_LIMITS
    assert spread == Distribution()
    # A limit that cannot be judged is no pass anyway; one on throughput alone must not ask for a latency.
    assert not {"latency", "error_rate", "throughput"} & set(scenario.checks.require)


def test_a_flash_sale_with_hot_products(asked: Any) -> None:
    words = "--profile flash_sale --rate 20 --stampede 400 --to-rate 200 --at 5 --width 5 --products 50 --hot 3"
    scenario, _ = asked(words)
    (phase,) = scenario.phases
    assert (phase.name, phase.stampede, phase.at_s, phase.to_rate) == ("flash_sale", 400, 5, 200)
    assert (scenario.workload.popularity, scenario.workload.hot) == ("hot", 3)


def test_a_closed_model_has_buyers_who_think_and_no_phases(asked: Any) -> None:
    scenario, spread = asked("--closed --buyers 64 --think 0 --duration 7 --direct --zipf 1.2")
    assert (scenario.workload.think_s, scenario.workload.duration_s, scenario.phases) == (0, 7, ())
    assert (scenario.workload.popularity, scenario.workload.skew) == ("zipf", 1.2)
    assert spread.direct


def test_a_master_has_no_worker_of_its_own_unless_it_is_said(asked: Any) -> None:
    words = "--master --expect-workers 3 --bind 10.0.0.5 --master-port 5999"
    assert asked(words)[1] == Distribution(processes=0, guests=3, bind="10.0.0.5", port=5999)
    assert asked(f"{words} --processes 2")[1].workers == 5
    assert asked(f"{words} --wait-for-workers 7")[1].patience_s == 7


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--closed --rate 5", "has no rate"),
        ("--think 1", "goes with --closed"),
        ("--zipf 1 --hot 2", "exclude each other"),
        ("--bind 0.0.0.0", "go with --master"),
        ("--rate -1", "--rate"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_starts(arguments: str, told: str) -> None:
    result = CliRunner().invoke(load.command, arguments.split())
    assert result.exit_code == 2
    assert told in result.output
