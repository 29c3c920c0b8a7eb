"""'doorbuster doctor' and 'doorbuster schema', as a user types them."""

import json
from pathlib import Path

from click.testing import CliRunner
from doorbuster.commands import doctor, schema
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.given import is_marked


def test_what_a_run_needs_is_there_and_answers() -> None:
    told = CliRunner().invoke(doctor.command, [])
    assert told.exit_code == 0, told.output
    assert "✓ Postgres:" in told.output
    assert "its log is a witness" in told.output
    assert told.output.rstrip().endswith("a run can start: doorbuster run")


def test_what_is_missing_is_told_with_what_to_type(tmp_path: Path) -> None:
    told = CliRunner().invoke(doctor.command, ["--pg-bin", str(tmp_path)])
    assert told.exit_code == 3
    assert "✗ Postgres: no usable PostgreSQL server found" in told.output
    assert "1 thing missing" in told.output


def test_a_server_is_marked_as_disposable_and_unmarked_again() -> None:
    with Guardian() as guardian, EmbeddedServer(find_binaries(None), guardian) as server:
        dsn = server.dsn("postgres").replace("?sslmode=disable", "")
        told = CliRunner().invoke(doctor.command, ["--mark-disposable", dsn])
        assert told.exit_code == 0, told.output
        assert server.password not in told.output
        assert is_marked(dsn)
        assert CliRunner().invoke(doctor.command, ["--unmark-disposable", dsn]).exit_code == 0
        assert not is_marked(dsn)


def test_no_dsn_is_no_server_to_mark() -> None:
    told = CliRunner().invoke(doctor.command, ["--mark-disposable", "production"])
    assert told.exit_code == 2
    assert "'production' is no DSN" in told.output


def test_schemas_are_written_with_the_line_that_uses_them(tmp_path: Path) -> None:
    told = CliRunner().invoke(schema.command, ["--out", str(tmp_path)])
    assert told.exit_code == 0
    assert "#:schema ./doorbuster.contract.schema.json" in told.output
    written = json.loads((tmp_path / "doorbuster.scenario.schema.json").read_text())
    assert written["title"] == "Doorbuster scenario"
    assert CliRunner().invoke(schema.command, []).exit_code == 2
