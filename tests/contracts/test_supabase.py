"""A shop on Supabase: its roles, its row-level security, what its migrations take for granted."""

import asyncio
from pathlib import Path

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.house import House, Known, deploy
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.databases import Databases

from tests.contracts.conftest import Judge, example, violated
from tests.contracts.test_shapes import SMALL


def with_role(role: str, form: str, folder: Path) -> Path:
    path = folder / f"{role}.toml"
    path.write_text(f'extends = "{example("row_level_security", form)}"\nname = "{role}"\n[session]\nrole = "{role}"\n')
    return path


def test_a_function_that_oversells_to_anon_is_right_for_staff(judged: Judge, tmp_path: Path) -> None:
    as_guest = judged(with_role("anon", "broken", tmp_path), "stateful", stateful=SMALL)
    assert "oversold" in violated(as_guest)
    as_staff = judged(with_role("service_role", "broken", tmp_path), "stateful", stateful=SMALL)
    assert as_staff.verdict is Verdict.PASS


def test_a_role_has_to_be_said(tmp_path: Path) -> None:
    path = tmp_path / "contract.toml"
    text = example("row_level_security").read_text().replace('role = "anon"', "")
    path.write_text(text.replace('files = ["schema.sql", "correct.sql"]', "files = []"))
    with pytest.raises(ConfigError, match=r"session.role: is required with supabase = true"):
        load_contract(path)


def test_claims_name_the_customer_of_each_order(tmp_path: Path) -> None:
    session = load_contract(with_role("authenticated", "contract", tmp_path)).contract.session
    assert ":customer" in session["request.jwt.claims"]


def test_a_run_warns_where_strangers_may_call_a_definer(house: House, tmp_path: Path) -> None:
    known = Known()
    contract = load_contract(with_role("anon", "contract", tmp_path))
    asyncio.run(deploy(house.server, "exposed_template", contract, known))
    asyncio.run(Databases(house.server).drop("exposed_template"))
    (told,) = known.notices
    assert told.startswith("anon may execute guest_checkout(uuid,integer,integer), which is SECURITY DEFINER")
