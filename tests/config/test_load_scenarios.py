"""What is wrong with a load's scenario: each mistake with its key."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.scenario import load_scenario
from doorbuster.network.faults import FAULTS

WORK = {"arrivals": "rate", "buyers": 2, "stock": 1}
PHASE = {"name": "a", "duration_s": 5, "rate": 10}


def told(tmp_path: Path, work: dict[str, Any], *phases: dict[str, Any]) -> str:
    content = {"name": "s", "kind": "load", "description": "d", "workload": {**WORK, **work}, "phases": list(phases)}
    path = tmp_path / "s.toml"
    path.write_text(tomli_w.dumps(content))
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, (), FAULTS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ({"profile": "ramp"}, "phases.0.to_rate: is required for profile 'ramp'"),
        ({"to_rate": 5}, "phases.0.to_rate: is at least 0, and for profiles other than 'constant'"),
        ({"profile": "flash_sale"}, "phases.0.stampede: is required"),
        ({"stampede": 5}, "phases.0.stampede: is for profile 'flash_sale'"),
        ({"profile": "steps", "to_rate": 9, "steps": 1}, "phases.0.steps: is at least 2"),
        ({"profile": "spike", "to_rate": 9, "at_s": 6}, "phases.0.at_s: lies within the phase"),
        ({"at_s": 1}, "phases.0.at_s"),
        ({"rate": 0}, "no order would arrive"),
        ({"rate": float("inf")}, "phases.0: duration_s is above 0"),
        ({"rate": 1e9}, "at most 100,000,000 a phase"),
        ({"profile": "stampede"}, "phases.0.profile"),
    ],
)
def test_a_phase_that_makes_no_sense(tmp_path: Path, phase: dict[str, Any], words: str) -> None:
    assert words in told(tmp_path, {}, {**PHASE, **phase})


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ({"hot": 2}, "workload.hot: 2 hot ones of 1 products"),
        ({"repeat": 1.5}, "shares from 0 to 1"),
        ({"duration_s": 5}, "workload.duration_s: is for the closed model"),
        ({"skew": -1}, "skew at least 0"),
        ({"popularity": "fame"}, "workload.popularity"),
    ],
)
def test_a_workload_that_makes_no_sense(tmp_path: Path, work: dict[str, Any], words: str) -> None:
    assert words in told(tmp_path, work, PHASE)


def test_two_phases_of_one_name_could_not_be_told_apart(tmp_path: Path) -> None:
    assert "phases.1.name: a second phase called 'a'" in told(tmp_path, {}, PHASE, PHASE)


def test_a_closed_model_has_no_phases(tmp_path: Path) -> None:
    assert "a closed model has no phases" in told(tmp_path, {"arrivals": "closed"}, PHASE)
