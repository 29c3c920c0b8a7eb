"""The one place that knows the toxiproxy-python library.

The library's own code creates proxies, adds toxics and so on. It is old, and this module closes its gaps: a server is
an instance and not a pair of class-level globals; every request has a time limit; an unexpected status is an error;
what is sent was validated (``toxics``) and is read back; toxics are changed with PATCH.
"""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType
from typing import Any, Protocol

import requests
import toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone
from doorbuster.network.toxics import TOXICS, Toxic

NAME = re.compile(r"[A-Za-z0-9_.-]+")  # it becomes a part of a URL that the library does not quote
NOT_FOUND = 404
STATUS = {NotFound: NOT_FOUND, ProxyExists: 409, InvalidToxic: 400}


class Lifeline(Protocol):
    """The process behind an API."""

    def check_alive(self) -> None:
        """Raises ToxiproxyGone if the process has ended."""

    def kill(self) -> None:
        """Ends the process at once, and with it every connection through it."""


class _Api(APIConsumer):  # type: ignore[misc]  # the library has no types
    """The library's HTTP calls, to one server. Always subclassed: the library's calls are class methods."""

    timeout_s: float
    lifeline: Lifeline

    @classmethod
    def get(cls, url: str, params: Any = None, **more: Any) -> requests.Response:
        return cls.call("GET", url, super().get, params=params, **more)

    @classmethod
    def post(cls, url: str, data: Any = None, json: Any = None, **more: Any) -> requests.Response:
        return cls.call("POST", url, super().post, data=data, json=json, **more)

    @classmethod
    def delete(cls, url: str, **more: Any) -> requests.Response:
        return cls.call("DELETE", url, super().delete, **more)

    @classmethod
    def patch(cls, url: str, json: Any) -> requests.Response:
        """The method that the library lacks."""

        def send(url: str, **more: Any) -> requests.Response:
            return requests.patch(f"http://{cls.host}:{cls.port}{url}", timeout=more.pop("timeout"), **more)

        return cls.call("PATCH", url, send, json=json)

    @classmethod
    def call(cls, method: str, url: str, send: Callable[..., requests.Response], **more: Any) -> requests.Response:
        """Sends, and returns an answer below 400. Raises ToxiproxyError, or ToxiproxyGone if there is no server."""
        what = f"Toxiproxy, {method} {url}"
        try:
            # A proxy of the environment (HTTP_PROXY) has no business between us and our own child.
            response = send(url, timeout=cls.timeout_s, proxies={"no_proxy": cls.host}, **more)
        except (NotFound, ProxyExists, InvalidToxic) as refusal:
            status = STATUS[type(refusal)]
            raise ToxiproxyError(f"{what}: {status} {_text(refusal.args[0])}", status) from refusal
        except requests.RequestException as failure:
            cls.lifeline.check_alive()
            raise ToxiproxyError(f"{what}: no answer within {cls.timeout_s} s ({type(failure).__name__})") from failure
        if response.status_code >= 400:
            status = response.status_code
            raise ToxiproxyError(f"{what}: {status} {_text(response.content)}", status)
        return response


def _text(content: bytes) -> str:
    return content.decode(errors="replace").strip() or "with an empty answer"


def _seeing(base: Any, **names: Any) -> Any:
    """A subclass of the library's ``base`` whose methods see ``names`` where they name a global of their module.

    The library's methods call the class-level ``APIConsumer`` by its global name, so two servers in one process would
    share a host and a port. This gives its unchanged code another ``APIConsumer``, without touching the library.
    """
    methods = {
        name: FunctionType(method.__code__, {**method.__globals__, **names}, name, method.__defaults__)
        for name, method in vars(base).items()
        if isinstance(method, FunctionType) and method.__closure__ is None
    }
    return type(base.__name__, (base,), methods)


class ToxiproxyApi:
    """One running Toxiproxy server's API. Thread-safe; every call ends within about ``timeout_s`` seconds."""

    def __init__(self, host: str, port: int, lifeline: Lifeline, timeout_s: float = 5.0) -> None:
        state = {"host": host, "port": port, "timeout_s": timeout_s, "lifeline": lifeline}
        self.lifeline = lifeline
        self.http: Any = type("Api", (_Api,), state)
        library_proxy = _seeing(toxiproxy.Proxy, APIConsumer=self.http)
        self._library = _seeing(toxiproxy.Toxiproxy, APIConsumer=self.http, Proxy=library_proxy)()

    @property
    def url(self) -> str:
        """Where the API is, for people who want to look."""
        return f"http://{self.http.host}:{self.http.port}"

    def version(self) -> str:
        """What the server says of itself, e.g. ``2.12.0``, or ``git`` when built without saying."""
        return str(self.http.get("/version").json()["version"])

    def proxy_names(self) -> set[str]:
        """The names of all proxies."""
        return set(self._library.proxies())

    def create(self, name: str, upstream: str, listen_port: int = 0, listen_host: str = "127.0.0.1") -> "Proxy":
        """A new, enabled proxy to ``upstream`` ("host:port"); port 0 lets the kernel choose."""
        if not NAME.fullmatch(name):
            raise ToxiproxyError(f"a proxy's name is made of letters, digits, '_', '.' and '-', not {name!r}")
        try:
            return Proxy(self, self._library.create(upstream, name, listen=f"{listen_host}:{listen_port}"))
        except ProxyExists as refusal:  # the library's own look before it asks
            raise ToxiproxyError(f"Toxiproxy has a proxy {name!r} already", STATUS[ProxyExists]) from refusal


class Proxy:
    """One proxy: ``name``, where it listens (``host``, ``port``), and its ``upstream`` ("host:port").

    Every method raises ToxiproxyError when Toxiproxy refuses or does not answer in time, ToxiproxyGone when it ended.
    """

    def __init__(self, api: ToxiproxyApi, library: Any) -> None:
        self._api = api
        self._library = library
        self.name: str = library.name
        self.upstream: str = library.upstream
        self.host, port = library.listen.rsplit(":", 1)
        self.port = int(port)

    def __repr__(self) -> str:
        return f"Proxy({self.name!r}, {self.host}:{self.port} -> {self.upstream})"

    def add(self, toxic: Toxic) -> None:
        """Adds the toxic, to existing connections too, and reads it back."""
        self._library.add_toxic(
            type=toxic.type,
            name=_plain(toxic.name),
            stream=toxic.stream,
            toxicity=toxic.toxicity,
            attributes=toxic.attributes(),
        )
        self._read_back(toxic)

    def change(self, toxic: Toxic) -> None:
        """Gives the toxic of that name new attributes and a new toxicity, and reads it back."""
        body = {"toxicity": toxic.toxicity, "attributes": toxic.attributes()}
        self._api.http.patch(f"/proxies/{self.name}/toxics/{_plain(toxic.name)}", json=body)
        self._read_back(toxic)

    def remove(self, name: str) -> None:
        """Removes the toxic of that name; nothing happens if there is none."""
        if name in self._library.toxics():
            self._library.destroy_toxic(name)

    def toxics(self) -> dict[str, Toxic]:
        """All toxics by name."""
        return {name: _toxic(found) for name, found in self._library.toxics().items()}

    def is_enabled(self) -> bool:
        """Whether it listens."""
        return bool(self._api.http.get(f"/proxies/{self.name}").json()["enabled"])

    def enable(self) -> None:
        """Listens again on the same port; nothing happens if it does."""
        self._library.enable()

    def disable(self) -> None:
        """Closes all connections and refuses new ones; nothing happens if it is disabled."""
        self._library.disable()

    def heal(self) -> None:
        """Removes all toxics and enables the proxy."""
        for name in self._library.toxics():
            self._library.destroy_toxic(name)
        self.enable()
        if left := self._library.toxics():
            raise ToxiproxyError(f"Toxiproxy kept {', '.join(sorted(left))} on {self.name} after their removal")

    def delete(self) -> None:
        """Closes all connections and removes the proxy; nothing happens if it was removed before.

        This also frees an API that hangs because a client stopped reading: it closes that client's connection. Where a
        further client has connected since, Toxiproxy waits for itself; then, as the last resort, the process is killed.

        Raises ToxiproxyGone when it was.
        """
        try:
            self._library.destroy()
        except ToxiproxyGone:
            raise
        except ToxiproxyError as error:
            if error.status == NOT_FOUND:
                return
            self._api.lifeline.kill()
            raise ToxiproxyGone(f"Toxiproxy did not let go of {self.name} and was killed: {error}") from error

    def rebuild(self) -> None:
        """Deletes the proxy and makes it again on the same port, without toxics: what heals when healing fails."""
        self.delete()
        self._library = self._api.create(self.name, self.upstream, self.port, self.host)._library

    def _read_back(self, sent: Toxic) -> None:
        found = self.toxics().get(sent.name)
        if found is None or not _same(found, sent):
            raise ToxiproxyError(f"Toxiproxy was sent {sent} on {self.name}, and has {found}")


def _same(found: Toxic, sent: Toxic) -> bool:
    """Equal, but for the toxicity's digits beyond a 32-bit float, which is what Toxiproxy keeps."""
    close = math.isclose(found.toxicity, sent.toxicity, abs_tol=1e-6)
    return close and replace(found, toxicity=sent.toxicity) == sent


def _plain(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ToxiproxyError(f"a toxic's name is made of letters, digits, '_', '.' and '-', not {name!r}")
    return name


def _toxic(found: Any) -> Toxic:
    kind = TOXICS.get(found.type)
    if kind is None:
        raise ToxiproxyError(f"Toxiproxy has a toxic of a type unknown here: {found.type!r}")
    return kind.from_wire(
        name=found.name, stream=found.stream, toxicity=float(found.toxicity), attributes=found.attributes
    )
