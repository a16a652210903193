"""Clients of a server that stay, go away or ask for what there is not."""

from __future__ import annotations

import http.client
from contextlib import closing

import pytest

from lmcompare.serve import app
from tests.serve.test_server import served, started


@pytest.mark.usefixtures("cells_here")
def test_clients_that_stay_or_go_away_neither_write_to_the_terminal_nor_delay_the_end() -> None:
    with started(served()) as server, closing(http.client.HTTPConnection("127.0.0.1", server.port)) as stays:
        host = f"127.0.0.1:{server.port}"
        own = {"Cookie": f"{app.cookie_of(host)}={server.token}", "Origin": f"http://{host}"}
        stays.request("POST", "/api/score", b"{", {**own, "Content-Length": "100"})
        with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as goes:
            goes.request("POST", "/api/score", b"{", {**own, "Content-Length": "100"})
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        assert server.ask("GET", "/", headers={**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})[0] == 200
        assert server.ask("GET", f"//evil.example/?token={server.token}")[1]["location"] == "/evil.example/"
