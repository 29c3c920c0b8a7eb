"""A proxy whose connections are cut at an exact byte, over and over.

The adapter's calls open a connection each and read every toxic back; for hundreds of cuts a second this one keeps its
connection to Toxiproxy's API open, and takes the answer to the adding, which describes the toxic, as the reading back.
"""

import asyncio
import json
from typing import Any

from doorbuster.network.adapter import Proxy, ToxiproxyApi
from doorbuster.network.errors import ToxiproxyError
from doorbuster.network.toxics import LimitData, SlowClose, Stream, Toxic
from doorbuster.network.wire import Direction

ANSWER_S = 5.0
SILENCE_MS = 600_000
_STREAMS: dict[Direction, Stream] = {"up": "upstream", "down": "downstream"}


class CutLine:
    """``proxy`` and a way to break it. One user at a time."""

    def __init__(self, api: ToxiproxyApi, proxy: Proxy) -> None:
        self.proxy = proxy
        self._host, self._port = str(api.http.host), int(api.http.port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._armed: list[str] = []

    async def arm(self, direction: Direction, at_byte: int, *, silently: bool = False) -> None:
        """From now on each connection passes exactly ``at_byte`` more bytes of ``direction`` and ends.

        ``silently``: it does not end but falls silent. A cut at byte 0 happens when the first byte comes. On a proxy
        that is armed for resets (``faults.reset``) before the connection was opened, the end is a reset.

        Raises:
            ToxiproxyError: Toxiproxy refuses, or does not answer.
        """
        stream = _STREAMS[direction]
        toxics: list[Toxic] = [LimitData(limit_bytes=at_byte, stream=stream, name="cut")]
        if silently:
            toxics.append(SlowClose(delay_ms=SILENCE_MS, stream=stream, name="silence"))
        for toxic in toxics:
            content = {
                "name": toxic.name, "type": toxic.type, "stream": toxic.stream, "toxicity": toxic.toxicity,
                "attributes": toxic.attributes(),
            }  # fmt: skip
            found = json.loads(await self._call("POST", "", content))
            if found != content:
                raise ToxiproxyError(f"Toxiproxy was sent {content} on {self.proxy.name}, and has {found}")
            self._armed.append(toxic.name)

    async def disarm(self) -> None:
        """Let everything pass again; nothing happens if it does.

        Raises:
            ToxiproxyError: Toxiproxy refuses, or does not answer.
        """
        while self._armed:
            await self._call("DELETE", f"/{self._armed[-1]}", None)
            self._armed.pop()

    def close(self) -> None:
        """Drop the connection to the API; the proxy stays as it is."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None

    async def _call(self, method: str, path: str, content: dict[str, Any] | None) -> bytes:
        url = f"/proxies/{self.proxy.name}/toxics{path}"
        try:
            status, body = await asyncio.wait_for(self._exchange(method, url, content), ANSWER_S)
        except (OSError, ValueError, asyncio.IncompleteReadError) as problem:
            self.close()
            raise ToxiproxyError(f"Toxiproxy, {method} {url}: no answer ({type(problem).__name__})") from problem
        if status >= 400:
            raise ToxiproxyError(f"Toxiproxy, {method} {url}: {status} {body.decode(errors='replace').strip()}", status)
        return body

    async def _exchange(self, method: str, url: str, content: dict[str, Any] | None) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        body = json.dumps(content).encode() if content is not None else b""
        head = f"{method} {url} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = answer.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        size = int(headers.get("content-length", "0"))
        return int(lines[0].split()[1]), await self._reader.readexactly(size)
