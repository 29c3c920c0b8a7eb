"""Containers that are gone when the harness is, however it ends. The library is an extra, imported when it is needed.

testcontainers' own reaper is a container too, from an image that must be pulled; the guardian does its work here.
"""

import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doorbuster.host import process_table
from doorbuster.host.guardian import Guardian
from doorbuster.host.process_table import ProcessId

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

LABEL = "doorbuster.owner"
PREFIX = "doorbuster-"
API_S = 60


class NoEngine(Exception):
    """No container engine can be used; the message says why and what helps."""


def engine() -> Any:
    """A client of the container engine.

    Raises:
        NoEngine: the library is missing, or the engine does not answer.
    """
    try:
        import docker
    except ImportError:
        raise NoEngine("containers need the extra: pip install 'doorbuster[docker]'") from None
    try:
        client = docker.from_env(timeout=API_S)
        client.ping()
    except docker.errors.DockerException as problem:
        reason = str(problem).splitlines()[0]
        raise NoEngine(f"no container engine answers ({reason}); start Docker, or set DOCKER_HOST") from problem
    return client


def new_container(image: str, **options: Any) -> "DockerContainer":
    """A container that is not started yet, with a name and a label that say whose it is; ``options`` as docker-py's.

    Raises:
        NoEngine: as :func:`engine`.
    """
    engine().close()
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True
    made = DockerContainer(image, name=PREFIX + secrets.token_hex(6))
    return made.with_kwargs(labels={LABEL: json.dumps(_ourselves())}, **options)


@contextmanager
def started(container: "DockerContainer", guardian: Guardian) -> Iterator["DockerContainer"]:
    """The container, started; removed at the end with its volumes, or by the guardian.

    Raises:
        NoEngine: the image is not to be had, or the container does not start; the message is the engine's.
    """
    from docker.errors import DockerException

    name = str(container._name)
    guardian.watch_task(name, __name__, name)
    try:
        try:
            container.start()
        except DockerException as problem:
            raise NoEngine(f"container {container.image} does not start: {problem}") from problem
        yield container
    finally:
        remove_container(name)
        guardian.forget_task(name)


def remove_container(name: str) -> None:
    """Kills and removes a container with its volumes; harmless if there is none."""
    from docker.errors import APIError

    client = engine()
    try:
        with suppress(APIError):
            client.containers.get(name).remove(force=True, v=True)
    finally:
        client.close()


def sweep_containers() -> list[str]:
    """Removes the containers of runs on this machine that are dead; returns their names."""
    client = engine()
    try:
        found = client.containers.list(all=True, filters={"label": LABEL})
        dead = [c.name for c in found if _is_abandoned(c.labels[LABEL])]
    finally:
        client.close()
    for name in dead:
        remove_container(name)
    return dead


def _ourselves() -> dict[str, Any]:
    owner = process_table.identify(os.getpid())
    return {"host": socket.gethostname(), "namespace": _namespace(), "pid": os.getpid(), "mark": owner and owner.mark}


def _namespace() -> str:
    """Names the world in which process numbers mean something; the engine may serve several."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _is_abandoned(label: str) -> bool:
    try:
        words = json.loads(label)
        here = (words["host"], words["namespace"]) == (socket.gethostname(), _namespace())
        return here and not process_table.is_alive(ProcessId(words["pid"], words["mark"]))
    except (ValueError, KeyError, TypeError):
        return False


def main() -> None:
    """Run by the guardian of a harness that died: the container's name comes on standard input."""
    name = sys.stdin.read().strip()
    if name.startswith(PREFIX):
        remove_container(name)


if __name__ == "__main__":
    main()
