from datetime import date
from pathlib import Path

import pytest
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.project import load_project
from doorbuster.engine.loading import load_job
from doorbuster.host.resources import resource

TODAY = date(2026, 6, 15)
CONTRACT = resource("scenarios/contracts/create_order_with_inventory.toml")
WAIVER = '[[waive]]\ncheck = "{check}"\nscenario = "{scenario}"\nreason = "{reason}"\nexpires = {expires}\n'


def project(folder: Path, text: str) -> Path:
    path = folder / "doorbuster.toml"
    path.write_text(f'contract = "{CONTRACT}"\n' + text)
    return path


def waiver(check: str = "deadlock", scenario: str = "*", reason: str = "soon", expires: str = "2999-12-31") -> str:
    return WAIVER.format(check=check, scenario=scenario, reason=reason, expires=expires)


def mistakes_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_job(path, [])
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_waiver_holds_on_its_last_day_and_fails_on_the_next(tmp_path: Path) -> None:
    path = project(tmp_path, waiver(expires="2026-06-15"))
    (found,) = load_project(path, TODAY).waive
    assert found.covers("any", "deadlock")
    assert not found.covers("any", "oversold")
    with pytest.raises(ConfigError, match="the waiver of deadlock expired on 2026-06-15"):
        load_project(path, date(2026, 6, 16))


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = project(tmp_path, 'checks = ["own/*.sql"]\n' + waiver(reason=" ", expires="2020-01-01"))
    with pytest.raises(ConfigError) as caught:
        load_project(path, TODAY)
    assert [m.message for m in caught.value.mistakes] == [
        "the waiver of deadlock expired on 2020-01-01", "is empty", "nothing matches 'own/*.sql'",
    ]  # fmt: skip


def test_a_waiver_of_what_there_is_not_is_a_mistake(tmp_path: Path) -> None:
    path = project(tmp_path, waiver(check="oversolt") + waiver(scenario="last_itme"))
    told = mistakes_of(path)
    assert ["oversolt" in told[0], "last_itme" in told[1]] == [True, True]


def test_a_waiver_needs_a_reason_and_a_date(tmp_path: Path) -> None:
    told = mistakes_of(project(tmp_path, '[[waive]]\ncheck = "deadlock"\n'))
    assert sorted(line.split(": ")[1] for line in told) == ["waive.0.expires", "waive.0.reason"]


def test_a_project_chooses_scenarios_that_the_command_line_may_change(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(resource("scenarios/last_item.toml").read_text())
    path = project(tmp_path, 'scenarios = ["typical_order", "mine.toml"]\n')
    assert [s.scenario.name for s in load_job(path, []).scenarios] == ["typical_order", "last_item"]
    assert [s.scenario.name for s in load_job(path, ["slow_network"]).scenarios] == ["slow_network"]
    assert len(load_job(path, [], "gate").scenarios) > 2


def test_a_projects_own_checks_run_beside_the_standing_ones(tmp_path: Path) -> None:
    text = resource("sql/checks/oversold.sql").read_text()
    (tmp_path / "own.sql").write_text(text.replace("check: oversold", "check: gift_cards"))
    (tmp_path / "again.sql").write_text(text)
    assert "gift_cards" in load_job(project(tmp_path, 'checks = ["own.sql"]\n'), []).checks
    assert "a check called 'oversold' already" in mistakes_of(project(tmp_path, 'checks = ["*.sql"]\n'))[0]
