"""Who may ask: the holder of the token, through the page alone, a limited number of questions at a time.

The token comes once in the address and is exchanged for a cookie that no script and no other site can use.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

TOGETHER = 8  # questions that are being answered or are waiting
AFTER = "2"  # seconds after which to ask again
PRIVATE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

Answer = Callable[[Request], Awaitable[Response]]


class Guard:
    """Middleware that refuses all requests except those of the page's reader.

    Parameters
    ----------
    app : ASGI application
    token : str
        The secret of this server.
    hosts : frozenset of str
        The hosts that are answered, as ``address`` returns them. Any other host is the name of another site that
        leads to this server (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        self.app, self.token, self.hosts = app, token, hosts
        self.busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refused = self.refused(Request(scope, receive))
        if refused is not None:
            refused.headers.update(PRIVATE)
            await refused(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD"):  # the page itself asks no model
            await self.app(scope, receive, send)
            return
        if self.busy >= TOGETHER:
            said = "too many questions at once: try again"
            await PlainTextResponse(said, 503, {**PRIVATE, "Retry-After": AFTER})(scope, receive, send)
            return
        self.busy += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.busy -= 1

    def refused(self, request: Request) -> Response | None:
        """Return the answer to a request that is refused; None for a request that is let through."""
        host = address(request.headers.get("host", ""))
        if host not in self.hosts:
            return PlainTextResponse("open the address that the terminal shows: this server answers to no other", 403)
        if request.method == "GET" and (given := request.query_params.get("token")) is not None:
            if not _same(given, self.token):
                return PlainTextResponse("the token is wrong: copy the whole address from the terminal", 403)
            others = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
            rest = f"?{urlencode(others)}" if others else ""
            answer = RedirectResponse(f"/{request.url.path.lstrip('/')}{rest}", 303)  # "//name" is another site
            answer.set_cookie(cookie_of(host), self.token, httponly=True, samesite="strict", path="/")
            return answer
        if not _same(request.cookies.get(cookie_of(host), ""), self.token):
            return PlainTextResponse("open the address that the terminal shows, with its token", 403)
        scheme, _, origin = request.headers.get("origin", "").partition("://")
        if request.method not in ("GET", "HEAD") and (scheme, address(origin)) != ("http", host):
            return PlainTextResponse("this request comes from another page, and is refused", 403)
        return None


def address(host: str) -> str:
    """Return a host as in the header ``Host``, in small letters and with its port: browsers leave out ``:80``."""
    host = host.lower()
    return host if re.search(r":[0-9]+$", host) else f"{host}:80"


def cookie_of(host: str) -> str:
    """Return the name of the server's cookie: browsers send the cookies of one port to all ports of a host."""
    return f"lmcompare-{host.rpartition(':')[2]}"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
