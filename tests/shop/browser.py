"""Chromium without a window, over its DevTools protocol: tabs that a test clicks in and looks at."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from simple_websocket import Client

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "--window-size=900,600",
]  # fmt: skip
START_S = 60.0
WAIT_S = 30.0


class Tab:
    """A page in a tab of its own."""

    def __init__(self, socket: Client) -> None:
        self._socket, self._number = socket, 0

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it comes to."""
        options = {"expression": script, "awaitPromise": True, "returnByValue": True}
        return self._call("Runtime.evaluate", **options)["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until a JavaScript expression is true, and give its value."""
        deadline = time.monotonic() + WAIT_S
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, f"never true: {script}; the page says {self.text()!r}"
            time.sleep(0.02)
        return found

    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.run("document.body.innerText"))

    def picture(self, path: Path) -> None:
        """Take a picture of what is to be seen."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.receive(timeout=WAIT_S) or "{}")
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])


class Browser:
    """A running Chromium; its DevTools listen at ``address``."""

    def __init__(self, address: str) -> None:
        self._address = address

    def open(self, url: str) -> Tab:
        """A new tab."""
        with httpx.Client(trust_env=False, timeout=WAIT_S) as client:
            found = client.put(f"http://{self._address}/json/new?{url}").json()
        return Tab(Client.connect(found["webSocketDebuggerUrl"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Chromium for the length of a block, with a profile of its own in ``folder``."""
    assert CHROMIUM
    said = folder / "chromium.log"
    with said.open("wb") as log:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not (found := re.search(r"DevTools listening on ws://([^/]+)/", said.read_text(errors="replace"))):
            assert process.poll() is None, said.read_text(errors="replace")
            assert time.monotonic() < deadline, said.read_text(errors="replace")
            time.sleep(0.05)
        yield Browser(found[1])
    finally:
        process.terminate()
        process.wait(timeout=WAIT_S)
