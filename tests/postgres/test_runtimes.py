import asyncio
from pathlib import Path

import pytest
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.connect import connect, redacted
from doorbuster.postgres.runtimes import BadChoice, PostgresChoice, check_choice, runtime_of
from doorbuster.postgres.settings import COUNTING

DSN = "postgresql://shop:secret@127.0.0.1:5432/postgres"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (PostgresChoice("embeded"), "is not one of embedded, docker, docker:IMAGE, compose, or a DSN"),
        (PostgresChoice("docker:"), "is not one of"),
        (PostgresChoice("compose:16"), "is not one of"),
        (PostgresChoice(DSN), "only with --disposable"),
        (PostgresChoice("mysql://a@b/c", disposable=True), "begins with postgresql://, not mysql://"),
        (PostgresChoice("postgresql:///postgres", disposable=True), "needs a user and a host"),
        (PostgresChoice("postgresql://a@b:port/c", disposable=True), "cannot be read"),
        (PostgresChoice(f"{DSN}?sslmode=verify-full", disposable=True), "sslmode=verify-full"),
        (PostgresChoice("docker", disposable=True), "--disposable is about a server of your own"),
        (PostgresChoice("docker", pg_bin=Path("/usr/bin")), "--pg-bin is for --postgres embedded only"),
    ],
)
def test_a_choice_that_makes_no_sense_is_explained(choice: PostgresChoice, said: str) -> None:
    with pytest.raises(BadChoice, match=said):
        check_choice(choice)


def test_all_mistakes_are_named_at_once_and_none_shows_the_password() -> None:
    with pytest.raises(BadChoice) as caught:
        check_choice(PostgresChoice(f"{DSN}?sslmode=require", pg_bin=Path("/usr/bin")))
    message = str(caught.value)
    assert "sslmode" in message
    assert "--disposable" in message
    assert "--pg-bin" in message
    assert "secret" not in message


@pytest.mark.parametrize("name", ["embedded", "docker", "docker:postgres:15", "compose"])
def test_a_good_choice_starts_nothing_by_itself(name: str) -> None:
    check_choice(PostgresChoice(name))
    runtime_of(PostgresChoice(name), Guardian())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"--postgres={DSN}", "--postgres=postgresql://shop:***@127.0.0.1:5432/postgres"),
        ("postgres://a:p%40ss:word@h/d", "postgres://a:***@h/d"),
        ("postgresql://a@h/d?password=hush&x=1", "postgresql://a@h/d?password=***&x=1"),
        ("postgresql://a@h:5432/d", "postgresql://a@h:5432/d"),
        ("nothing to hide: a@b", "nothing to hide: a@b"),
    ],
)
def test_passwords_in_connection_uris_are_made_unreadable(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_a_library_that_the_server_has_is_loaded_and_one_that_it_lacks_is_left_out() -> None:
    async def loaded(dsn: str) -> str:
        connection = await connect(dsn)
        try:
            return str(await connection.fetchval("show shared_preload_libraries"))
        finally:
            await connection.close()

    with Guardian() as guardian:
        runtime = runtime_of(PostgresChoice(), guardian)
        for settings, shown in ((COUNTING, "pg_stat_statements"),
                                ({"shared_preload_libraries": "no_such", "no_such.setting": "1"}, "")):  # fmt: skip
            with runtime.open(settings) as server:
                assert asyncio.run(loaded(server.dsn("postgres"))) == shown
