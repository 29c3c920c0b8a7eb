import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from doorbuster.host.containers import LABEL, PREFIX, engine, new_container, remove_container, sweep_containers
from doorbuster.host.guardian import Guardian
from doorbuster.model.server import Server
from doorbuster.network.container import ContainerToxiproxy
from doorbuster.network.errors import NoToxiproxy, ToxiproxyGone
from doorbuster.postgres.docker import DockerRuntime
from doorbuster.postgres.errors import NoPostgres

from tests.integration.conftest import COMMAND, finished

PATIENCE_S = 60
HARNESS = """
import os, signal, sys
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.docker import DockerRuntime
with Guardian() as guardian, DockerRuntime(sys.argv[1], guardian).open() as server:
    print(guardian.pid, flush=True)
    sys.stdin.read()
"""


def containers() -> set[str]:
    client = engine()
    try:
        return {c.name for c in client.containers.list(all=True, filters={"label": LABEL})}
    finally:
        client.close()


async def ask(server: Server, *queries: str) -> object:
    connection = await asyncpg.connect(server.dsn("postgres"), timeout=10)
    try:
        return [await connection.fetchval(query) for query in queries][-1]
    finally:
        await connection.close()


async def test_it_has_the_settings_of_a_witness_and_a_version(server: Server) -> None:
    assert await ask(server, "show wal_level") == "logical"
    assert await ask(server, "show synchronous_commit") == "on"
    assert str(await ask(server, "show server_version")).startswith(server.version)


def test_it_is_published_on_the_loopback_address_alone(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10):
        pass
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", server.port), timeout=10)


async def test_sigkill_keeps_what_was_committed_and_the_port(server: Server) -> None:
    port = server.port
    await ask(server, "create table kept (n int)", "insert into kept values (7)")
    await asyncio.to_thread(server.kill)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await ask(server, "select 1")
    await asyncio.to_thread(server.restart)
    assert server.port == port
    assert await ask(server, "select n from kept") == 7


async def test_one_of_its_processes_can_be_killed(server: Server) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    pid = await connection.fetchval("select pg_backend_pid()")
    await asyncio.to_thread(server.kill_backend, pid)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("select pg_sleep(10)")


def test_an_image_that_is_not_to_be_had_is_named(server: Server, guardian: Guardian) -> None:
    with pytest.raises(NoPostgres, match="no-such-image"), DockerRuntime("no-such-image:1", guardian).open():
        pass


def test_a_killed_harness_leaves_no_container(postgres_image: str) -> None:
    before = containers()
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, postgres_image], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout
        assert harness.stdout.readline()
        assert len(containers() - before) == 1
        harness.kill()
    deadline = time.monotonic() + PATIENCE_S
    while left := containers() - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_a_sweep_removes_containers_of_the_dead_only(server: Server, postgres_image: str) -> None:
    alive = containers()
    dead = new_container(postgres_image)
    label = dead._kwargs["labels"][LABEL].replace('"pid": ', '"pid": 4')
    dead.with_kwargs(labels={LABEL: label}).with_env("POSTGRES_PASSWORD", "x").start()
    try:
        assert sweep_containers() == [dead._name]
        assert containers() == alive
    finally:
        remove_container(str(dead._name))


def test_toxiproxy_in_a_container_proxies_ends_and_is_missed_when_it_dies(
    toxiproxy_image: str, guardian: Guardian, server: Server
) -> None:
    before = containers()
    with ContainerToxiproxy(toxiproxy_image, guardian) as toxiproxy:
        with toxiproxy.proxy("shop", f"127.0.0.1:{server.port}") as proxy:
            assert proxy.host == "127.0.0.1"
            dsn = server.dsn("postgres").replace(str(server.port), str(proxy.port))
            assert asyncio.run(_one(dsn)) == 1
        toxiproxy.check_alive()
        toxiproxy.kill()
        with pytest.raises(ToxiproxyGone):
            toxiproxy.check_alive()
    assert containers() == before


async def _one(dsn: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval("select 1")
    finally:
        await connection.close()


def test_toxiproxy_without_an_image_is_an_error_that_names_it(server: Server, guardian: Guardian) -> None:
    with pytest.raises(NoToxiproxy, match="no-such-image"), ContainerToxiproxy("no-such-image:1", guardian):
        pass


def test_a_run_in_containers_passes_and_leaves_none(postgres_image: str, toxiproxy_image: str, tmp_path: Path) -> None:
    before = containers()
    options = ["--postgres", f"docker:{postgres_image}", "--toxiproxy", f"docker:{toxiproxy_image}"]
    command = [*COMMAND, "run", "last_item", "server_crash", *options, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    run = finished(done.returncode, done.stdout + done.stderr, tmp_path)
    assert run.exit_code == 0, run.output
    assert run.result["postgres"]["runtime"] == "docker"
    assert containers() == before


def test_the_names_of_our_containers_tell_whose_they_are(server: Server) -> None:
    assert all(name.startswith(PREFIX) for name in containers())
