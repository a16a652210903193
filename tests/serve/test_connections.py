"""Connections on which no request comes are closed; time is given by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from lmcompare.serve import server
from lmcompare.serve.server import Connection

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Loop:
    """An event loop whose clock the test turns."""

    def __init__(self) -> None:
        self.now, self.due = 0.0, dict[MagicMock, tuple[float, Callable[..., object]]]()

    def call_later(self, seconds: float, call: Callable[..., object]) -> MagicMock:
        handle = MagicMock()
        handle.cancel.side_effect = lambda: self.due.pop(handle, None)
        self.due[handle] = self.now + seconds, call
        return handle

    def create_task(self, coroutine: Any, **_: Any) -> MagicMock:
        coroutine.close()
        return MagicMock()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for handle, (at, call) in [*self.due.items()]:
            if at <= self.now:
                self.due.pop(handle, None)
                call()


@pytest.fixture
def loop() -> Iterator[Loop]:
    with patch.dict(Connection.waiting, clear=True):
        yield Loop()


def opened(loop: Loop) -> tuple[Connection, MagicMock]:
    config = Config(MagicMock(), http=Connection, lifespan="off", log_config=None)
    config.load()
    connection = Connection(config, ServerState(), {}, loop)  # type: ignore[arg-type]
    transport = MagicMock()
    transport.is_closing.side_effect = lambda: transport.close.called
    connection.connection_made(transport)
    return connection, transport


def test_half_a_header_is_waited_for_five_seconds(loop: Loop) -> None:
    connection, transport = opened(loop)
    loop.wait(4)
    connection.data_received(REQUEST[:-2])
    assert not transport.close.called
    loop.wait(1)
    assert transport.close.called
    assert not Connection.waiting


def test_a_whole_header_is_not_hurried_and_the_next_one_is_waited_for_again(loop: Loop) -> None:
    connection, transport = opened(loop)
    connection.data_received(REQUEST)
    loop.wait(1000)
    assert not transport.close.called
    connection.cycle.response_complete = True
    connection.on_response_complete()
    connection.data_received(b"GET")  # which ends the server's own wait for a next request
    loop.wait(5)
    assert transport.close.called


def test_the_one_that_has_waited_longest_makes_room(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 3)
    several = [opened(loop) for _ in range(3)]
    several[0][0].data_received(REQUEST)
    several += [opened(loop) for _ in range(2)]
    assert [transport.close.called for _, transport in several] == [False, True, False, False, False]
    several[2][0].connection_lost(None)
    assert len(Connection.waiting) == 2
