"""What the server answers, and to whom: the holder of the token, through the page alone, some questions at a time.

The token comes once in the address and is exchanged for a cookie that no script and no other site can use.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlencode

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lmcompare.errors import LmcompareError, PluginError, what_went_wrong
from lmcompare.measure.sampling import Sampling
from lmcompare.trained import TrainedModel

T = TypeVar("T")


class Worker:
    """Answers in the order of the questions, in a thread for which the end of the program does not wait."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    async def ask(self, question: Callable[[], T]) -> T:
        """Return what a function returns in the thread.

        If this is cancelled, a question that waits is dropped. One that has begun can't be stopped: the next one
        waits for its end.
        """
        answer: Future[T] = Future()
        self._asked.put((answer, question))
        return await asyncio.wrap_future(answer)

    def _work(self) -> None:
        while True:
            answer, question = self._asked.get()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(question())
            except BaseException as error:
                # The event loop would end at an interruption, and it can't pass StopIteration on.
                passed = isinstance(error, Exception) and not isinstance(error, StopIteration)
                answer.set_exception(error if passed else PluginError(f"a model raised {what_went_wrong(error)}"))


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


LONGEST = 20_000  # characters of a text that is typed
MOST = 500  # tokens of a continuation
NEXT = 10  # next tokens that are shown


class Answers:
    """The trained models by the names that the page has for them, in its order."""

    def __init__(self, models: Mapping[str, TrainedModel]) -> None:
        self.models = dict(models)

    def score(self, text: str) -> dict[str, Any]:
        """Return for each model the tokens of a text with their bits, and the most likely next tokens.

        Raises ``LmcompareError`` for a text that is too long.
        """
        if len(text) > LONGEST:
            raise LmcompareError(f"the text has more than {LONGEST:,} characters: give a shorter one, or a file")
        return {"each": [_scored(model, text) for model in self.models.values()]}

    def measure(self, text: str) -> list[dict[str, Any]]:
        """Return for each model the bits per byte of a text, which may be a long one."""
        rows = []
        for name, model in self.models.items():
            found = model.score(text)
            rows.append(
                {
                    "name": name,
                    "tokens": len(found.tokens),
                    "unknown": sum(found.unknown),
                    "bits_per_byte": _finite(found.bits_per_byte),
                }
            )
        return rows

    def continued(self, name: str, text: str, length: int, sampling: Sampling) -> Iterator[str]:
        """Yield the text of each token with which a model goes on.

        Raises ``LmcompareError`` for a model that is not there, and for a text or a continuation that is too long.
        """
        if name not in self.models:
            raise LmcompareError(f"there is no model '{name}'")
        if len(text) > LONGEST or not 0 < length <= MOST:
            raise LmcompareError(f"a continuation has 1 to {MOST} tokens, after at most {LONGEST:,} characters")
        return self.models[name].by_token(text, length, sampling)


def _finite(value: float) -> float | None:
    """Return a number, or None for what JSON does not have."""
    return value if math.isfinite(value) else None


def _scored(model: TrainedModel, text: str) -> dict[str, Any]:
    found = model.score(text)
    ends = [0, *(end for _, end in found.offsets)]
    spaced = [begin > end for (begin, _), end in zip(found.offsets, ends, strict=False)]
    return {
        "covers": model.covers,
        "tokens": [
            {"text": token, "spaced": gap, "unknown": unknown}
            for token, gap, unknown in zip(found.tokens, spaced, found.unknown, strict=True)
        ],
        "bits": list(map(_finite, found.surprisal_bits)),
        "next": model.next_tokens(text, NEXT),
        "bits_per_byte": _finite(found.bits_per_byte),
    }


BODY = 1_000_000  # bytes of a request
SECONDS = 120.0  # of a whole answer


class TextAsked(BaseModel):
    """A text to score."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str


class ContinuationAsked(TextAsked):
    """A text to continue."""

    model: str
    length: int = Field(default=50, ge=1, le=MOST)
    temperature: float = Field(default=0.8, gt=0)
    top_k: int | None = Field(default=50, ge=1)
    top_p: float = Field(default=0.95, gt=0, le=1)
    seed: int = Field(default=0, ge=0)


def application(page: str, answers: Answers, token: str, hosts: frozenset[str]) -> Starlette:
    """Return the application.

    Parameters
    ----------
    page : str
        The report as HTML.
    answers : Answers
        The models.
    token : str
        The secret that a reader must have.
    hosts : frozenset of str
        The hosts that are answered, as ``address`` returns them.
    """
    content = page.encode("utf-8", "backslashreplace")  # encodes half a surrogate pair as the report's file does
    worker = Worker()  # models share the processor: one question at a time is fastest

    async def within_limits(ask: Callable[[], T]) -> T:
        with anyio.fail_after(SECONDS):
            return await worker.ask(ask)

    async def show(_: Request) -> Response:
        return HTMLResponse(content, headers=PRIVATE)

    async def score(request: Request) -> Response:
        asked = TextAsked.model_validate_json(await _body(request))
        return JSONResponse(await within_limits(lambda: answers.score(asked.text)), headers=PRIVATE)

    async def measure(request: Request) -> Response:
        text = (await _body(request)).decode("utf-8-sig")
        return JSONResponse(await within_limits(lambda: answers.measure(text)), headers=PRIVATE)

    async def proceed(request: Request) -> Response:
        asked = ContinuationAsked.model_validate_json(await _body(request))
        sampling = Sampling(asked.temperature, asked.top_k, asked.top_p, asked.seed)
        drawn = answers.continued(asked.model, asked.text, asked.length, sampling)
        return StreamingResponse(_lines(drawn, worker), media_type="application/x-ndjson", headers=PRIVATE)

    async def refuse(_: Request, error: Exception) -> Response:
        return PlainTextResponse(_said(error), 413 if isinstance(error, _TooLongError) else 400, headers=PRIVATE)

    async def fault(_: Request, error: Exception) -> Response:
        return PlainTextResponse(f"this is a fault of lmcompare ({what_went_wrong(error)})", 500, headers=PRIVATE)

    async def late(_: Request, error: Exception) -> Response:
        return PlainTextResponse(_said(error), 503, headers={**PRIVATE, "Retry-After": AFTER})

    return Starlette(
        routes=[
            Route("/", show),
            Route("/api/score", score, methods=["POST"]),
            Route("/api/measure", measure, methods=["POST"]),
            Route("/api/continue", proceed, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, token=token, hosts=hosts)],
        exception_handlers={
            LmcompareError: refuse,
            ValidationError: refuse,
            UnicodeDecodeError: refuse,
            ClientDisconnect: refuse,
            Exception: fault,
            TimeoutError: late,
        },
    )


class _TooLongError(LmcompareError):
    """A request has too many bytes."""


async def _body(request: Request) -> bytes:
    body = bytearray()
    with anyio.fail_after(SECONDS):  # a slow sender must not keep the server waiting
        async for part in request.stream():
            body += part
            if len(body) > BODY:
                raise _TooLongError(f"a text has at most {BODY:,} bytes here: use 'lmcompare score' for a longer one")
    return bytes(body)


async def _lines(drawn: Iterator[str], worker: Worker) -> AsyncIterator[str]:
    """Yield each token as a line of JSON; an error is the last one. Other questions may come between two tokens."""
    until = anyio.current_time() + SECONDS
    try:
        while True:
            with anyio.fail_after(until - anyio.current_time()):
                piece = await worker.ask(lambda: next(drawn, None))
            if piece is None:
                return
            yield json.dumps({"text": piece}) + "\n"
    except (LmcompareError, TimeoutError) as error:
        yield json.dumps({"error": _said(error)}) + "\n"


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    if isinstance(error, TimeoutError):
        return f"the answer took longer than {SECONDS:g} s"
    return "the text is not valid UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
