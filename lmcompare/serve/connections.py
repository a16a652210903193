"""Connections that wait for a request: for some seconds, and only so many of them."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 5.0  # that a connection may take for the whole header of a request
MOST = 256  # connections that may wait for a header


class Connection(H11Protocol):
    """A connection that is closed if the header of its next request is not there in time.

    Where ``MOST`` of them wait, the one that has waited longest makes room for a new one: a client that sends its
    header at once is answered however many connections others hold open.
    """

    waiting: ClassVar[dict[Connection, asyncio.TimerHandle]] = {}  # the longest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Read what has come; wait no longer if it has a whole header."""
        super().handle_events()
        if self._answers():
            self._stop()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has come already."""
        super().on_response_complete()
        if not self._answers():
            self._wait()

    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        if self.transport.is_closing():
            return
        if len(self.waiting) >= MOST:
            next(iter(self.waiting))._close()
        self.waiting[self] = self.loop.call_later(SECONDS, self._close)

    def _stop(self) -> None:
        if self in self.waiting:
            self.waiting.pop(self).cancel()

    def _close(self) -> None:
        self._stop()
        self.transport.close()
