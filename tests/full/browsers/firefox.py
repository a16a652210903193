"""The system's Firefox, driven by WebDriver BiDi; Playwright knows only Firefoxes of its own.

Firefox speaks the protocol itself: it needs no driver beside it (https://w3c.github.io/webdriver-bidi/).
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.report.browser import executable

BROWSERS = ("firefox-esr", "firefox")
KEYS = {
    "ArrowLeft": "\ue012",
    "ArrowRight": "\ue014",
    "End": "\ue010",
    "Escape": "\ue00c",
}
REQUIRED = "LMCOMPARE_REQUIRE_FIREFOX"
PATIENCE = 30.0  # seconds


class Firefox:
    """One tab. It remembers what the console complained of and which addresses were asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.numbers = itertools.count(1)
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.tab = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a command; what else arrives meanwhile is remembered."""
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.recv(PATIENCE))
            if message.get("id") == number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result
            self._remember(message)

    def _remember(self, event: dict[str, Any]) -> None:
        if event.get("method") == "network.beforeRequestSent":
            self.addresses.append(event["params"]["request"]["url"])
        elif event.get("method") == "log.entryAdded" and event["params"]["level"] in ("warn", "error"):
            self.complaints.append(event["params"]["text"])

    def visit(self, address: str) -> None:
        self.call("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def narrow(self, width: int) -> None:
        self.call("browsingContext.setViewport", context=self.tab, viewport={"width": width, "height": 900})

    def value(self, expression: str) -> Any:
        """Return what an expression is worth in the page, as far as JSON can tell it; a promise is waited for."""
        told = self.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self.tab},
            awaitPromise=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"].get("value", "null"))

    def until(self, expression: str) -> None:
        """Wait until an expression holds in the page."""
        ends = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < ends, f"after {PATIENCE:.0f} s it did not hold: {expression}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that the selector finds, by mouse."""
        (node,) = self.call(
            "browsingContext.locateNodes",
            context=self.tab,
            locator={"type": "css", "value": selector},
            maxNodeCount=1,
        )["nodes"]
        self.value(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        place = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        steps: list[dict[str, Any]] = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": place},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def press(self, *keys: str) -> None:
        """Press keys one after another: names of ``KEYS`` or characters."""
        pressed = [KEYS.get(key, key) for key in keys]
        steps = [{"type": kind, "value": key} for key in pressed for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": steps})

    def _act(self, source: dict[str, Any]) -> None:
        self.call("input.performActions", context=self.tab, actions=[source])


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Start Firefox without a window and with a new profile in the folder; it ends with the block."""
    path = executable("Firefox", BROWSERS, REQUIRED)
    command = [path, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(folder)]
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "log.txt"
    with told.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, env=os.environ) as process:
        try:
            with connect(f"{_address(told)}/session", max_size=None, open_timeout=PATIENCE, proxy=None) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _address(told: Path) -> str:
    """Return the address at which a starting Firefox says that it listens."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", told.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"Firefox did not say where it listens; it said {told.read_text(errors='replace')[-500:]}")
