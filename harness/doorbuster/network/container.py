"""Toxiproxy in a container, where no binary is at hand.

It shares the machine's network, so that it listens on the loopback interface alone and reaches a server there. (Where
the engine runs in a virtual machine, as on macOS, host networking has to be turned on in it; untried.)
"""

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from doorbuster.host.containers import NoEngine, new_container, started, sweep_containers
from doorbuster.host.guardian import Guardian
from doorbuster.network.binary import ToxiproxyBinary, present_toxiproxy
from doorbuster.network.errors import NoToxiproxy, ToxiproxyError
from doorbuster.network.server import HOST, TAIL_CHARACTERS, ToxiproxyServer

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

DEFAULT_IMAGE = "ghcr.io/shopify/toxiproxy:2.12.0"
WORD = "docker"
CONFIG = "/doorbuster.json"
POLL_S = 0.05


def image_of(wanted: str | None, cache: Path, prefer_container: bool) -> str | None:
    """The image to run Toxiproxy from; None: from a binary.

    ``wanted`` is what the command line says. Without a word there, a container is taken where one is preferred and no
    binary lies on PATH or in ``cache``.
    """
    if wanted is None:
        return DEFAULT_IMAGE if prefer_container and present_toxiproxy(cache) is None else None
    word, _, image = wanted.partition(":")
    return (image or DEFAULT_IMAGE) if word == WORD else None


class ContainerToxiproxy(ToxiproxyServer):
    """As :class:`ToxiproxyServer`, in a container of ``image``.

    Raises NoToxiproxy where there is no engine or no such image.
    """

    def __init__(self, image: str, guardian: Guardian, *, base: Path | None = None, timeout_s: float = 5.0) -> None:
        name, _, tag = image.rpartition(":")
        super().__init__(ToxiproxyBinary(Path(name or image), tag), base=base, timeout_s=timeout_s)
        self._image = image
        self._guardian = guardian
        self._stack = ExitStack()
        self._container: DockerContainer | None = None

    def log_tail(self) -> str:
        """The end of its log."""
        if self._container is None:
            return ""
        return bytes(self._container.get_wrapped_container().logs(tail=30)).decode(errors="replace")[-TAIL_CHARACTERS:]

    def _launch(self, port: int, config: list[dict[str, object]]) -> "subprocess.Popen[bytes]":
        try:
            sweep_containers()
            made = new_container(self._image, network_mode="host").with_env("LOG_LEVEL", "warn")
            made.with_command(["-host", HOST, "-port", str(port), "-config", CONFIG])
            made.with_copy_into_container(json.dumps(config).encode(), CONFIG)
            self._container = self._stack.enter_context(started(made, self._guardian))
        except NoEngine as problem:
            raise NoToxiproxy(f"--toxiproxy {WORD}: {problem}") from problem
        return _ContainerProcess(self._container)  # type: ignore[return-value]  # as much of a Popen as is asked of one

    def _end_process(self) -> None:
        super()._end_process()
        self._stack.close()
        self._container = None


class _ContainerProcess:
    """A container's main process, with the methods of ``subprocess.Popen`` that the server uses."""

    def __init__(self, container: "DockerContainer") -> None:
        self._container = container.get_wrapped_container()
        self._container.reload()
        self.pid = int(self._container.attrs["State"]["Pid"])

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        from docker.errors import DockerException, NotFound

        try:
            self._container.reload()
        except NotFound:
            return -1
        except DockerException as problem:
            raise ToxiproxyError(f"the container engine does not answer: {problem}") from problem
        state = self._container.attrs["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def wait(self, timeout: float = 10.0) -> int:
        """As Popen's."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("toxiproxy", timeout)
            time.sleep(POLL_S)
        return code

    def terminate(self) -> None:
        """SIGTERM; harmless if it has ended."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """SIGKILL; harmless if it has ended."""
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        from docker.errors import APIError

        try:
            self._container.kill(signal=name)
        except APIError as problem:  # 409: it does not run; 404: it is gone
            if problem.status_code not in (404, 409):
                raise ToxiproxyError(f"cannot end Toxiproxy's container: {problem}") from problem
