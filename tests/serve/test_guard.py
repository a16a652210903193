"""The addresses of a server, and the names by which browsers call it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lmcompare.errors import LmcompareError
from lmcompare.serve import server
from lmcompare.serve.app import TOGETHER, Guard, address
from lmcompare.serve.server import is_local, serve


def test_a_host_has_small_letters_and_a_port() -> None:
    hosts = ("localhost", "LocalHost:8000", "[::1]", "[FE80::1]:81", "")
    assert [address(host) for host in hosts] == ["localhost:80", "localhost:8000", "[::1]:80", "[fe80::1]:81", ":80"]


@pytest.mark.parametrize(
    ("port", "host", "origin", "status"),
    [
        (80, "mymachine", "http://mymachine", None),
        (80, "MyMachine:80", "http://mymachine", None),
        (80, "mymachine:8000", "http://mymachine:8000", 403),
        (80, "mymachine", "https://mymachine", 403),
        (80, "mymachine", "null", 403),
        (8000, "MyMachine:8000", "http://mymachine:8000", None),
        (8000, "mymachine", "http://mymachine", 403),
        (8000, "mymachine:8000", "http://mymachine", 403),
        (8000, "mymachine:8000", "", 403),
    ],
)
def test_a_browser_may_leave_out_port_80_and_write_small_letters(
    port: int, host: str, origin: str, status: int | None
) -> None:
    guard = Guard(Starlette(), "secret", frozenset({address(f"MyMachine:{port}")}))
    headers = {"host": host, "origin": origin, "cookie": f"lmcompare-{port}=secret"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    refused = guard.refused(Request({"type": "http", "method": "POST", "path": "/", "headers": raw}))
    assert (refused and refused.status_code) == status


def test_which_addresses_are_this_machine_alone() -> None:
    assert [
        host for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.0.5", "a.org") if is_local(host)
    ] == [
        *("127.0.0.1", "localhost", "::1"),
    ]


def test_an_address_that_can_not_be_used_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LmcompareError, match=f"127.0.0.1:{port} can't be used"):
            serve("", {}, "127.0.0.1", port, print)
    for host in ("", "[]", "\u202e"):
        with pytest.raises(LmcompareError, match="--host"):
            serve("", {}, host, 0, print)


def test_all_addresses_of_the_machine_are_answered_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[frozenset[str]] = []

    def application(page: str, answers: object, token: str, hosts: frozenset[str]) -> Starlette:
        given.append(hosts)
        return Starlette()

    monkeypatch.setattr(server, "application", application)
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_: None)
    every = {"127.0.0.1", "localhost", "[::1]", socket.gethostname().lower()}
    for host, others in (("0.0.0.0", every), ("127.0.0.2", {"localhost"})):
        said: list[str] = []
        serve("", {}, host, 0, said.append)
        port = said[0].partition("/?")[0].rpartition(":")[2]
        assert {f"{name}:{port}" for name in {host, *others}} <= given.pop()


async def ask(guard: Guard, method: str) -> dict[str, Any]:
    """The status and the headers of the answer to a request of the page's reader."""
    own = {"host": "localhost:80", "origin": "http://localhost", "cookie": "lmcompare-80=secret"}
    raw = [(name.encode(), value.encode()) for name, value in own.items()]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    await guard({"type": "http", "method": method, "path": "/", "query_string": b"", "headers": raw}, receive, send)
    return dict(sent[0])


def test_too_many_questions_are_told_when_to_ask_again_and_the_page_is_always_shown() -> None:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("yes"), methods=["GET", "POST"])])
    guard = Guard(app, "secret", frozenset({"localhost:80"}))
    assert asyncio.run(ask(guard, "POST"))["status"] == 200
    guard.busy = TOGETHER
    refused = asyncio.run(ask(guard, "POST"))
    assert refused["status"] == 503
    assert dict(refused["headers"])[b"retry-after"].isdigit()
    assert asyncio.run(ask(guard, "GET"))["status"] == 200
