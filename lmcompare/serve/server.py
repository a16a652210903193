"""Starts the server, on this machine alone unless it is told otherwise."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lmcompare.errors import LmcompareError
from lmcompare.serve.app import Answers, address, application
from lmcompare.trained import TrainedModel

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


GRACE = 2  # seconds that unfinished answers get when the server stops
LOCAL = ("127.0.0.1", "localhost", "[::1]")
NOT_ENCRYPTED = (
    "Others can reach this address, and nothing is encrypted: whoever reads the traffic has the token, the page and"
    " all texts. Use it in a network that you trust, or behind a server with TLS."
)


def is_local(host: str) -> bool:
    """Return whether an address is that of this machine alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


def serve(page: str, models: Mapping[str, TrainedModel], host: str, port: int, say: Callable[[str], object]) -> None:
    """Answer until the process is interrupted.

    Parameters
    ----------
    page : str
        The report as HTML, with the field for a text of one's own.
    models : mapping of str to TrainedModel
    host : str
    port : int
        0 for any that is free.
    say : callable
        Is told the address.

    Raises
    ------
    LmcompareError
        If the address can't be used.
    """
    host = host.strip("[]")
    if not host:
        raise LmcompareError(
            "--host names no address: leave it out, or give 0.0.0.0 for all addresses of this machine"
        )
    token = secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()  # before the address is said, which may be opened at once
        except (OSError, TypeError) as error:  # TypeError: the name can't be that of a machine
            why = error.strerror or error if isinstance(error, OSError) else error
            raise LmcompareError(f"{host}:{port} can't be used ({why}): choose another --port or --host") from None
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        names = {shown, *(LOCAL if is_local(host) else ())}
        if host in ("0.0.0.0", "::"):  # every address of this machine
            names |= {*LOCAL, socket.gethostname(), _own_address()}
            shown = _own_address()
        hosts = frozenset(address(f"{name}:{port}") for name in names)
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it would show what strangers' connections cause
        app = application(page, Answers(models), token, hosts)
        say(f"http://{shown}:{port}/?token={token}")
        config = uvicorn.Config(
            app,
            http=Connection,
            log_level="critical",  # the terminal does not show requests of strangers; a fault is reported to the page
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE,
        )
        uvicorn.Server(config).run([listening])


def _own_address() -> str:
    """Return the address by which others most likely reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: nothing is sent
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
