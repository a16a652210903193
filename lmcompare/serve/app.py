"""The application: the page, and what it asks the models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.measure.sampling import Sampling
from lmcompare.serve.answers import MOST, Answers
from lmcompare.serve.guard import AFTER, PRIVATE, Guard
from lmcompare.serve.worker import Worker

BODY = 1_000_000  # bytes of a request
SECONDS = 120.0  # of a whole answer
T = TypeVar("T")


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
        The hosts that are answered, as ``guard.address`` returns them.
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
