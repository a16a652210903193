"""The application: the page, and what it asks the models."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from lmcompare.errors import LmcompareError, PluginError, what_went_wrong
from lmcompare.measure.sampling import Sampling
from lmcompare.serve.answers import MOST, Answers
from lmcompare.serve.guard import PRIVATE, Guard

BODY = 1_000_000  # bytes of a request
SECONDS = 120.0  # of an answer
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
        The values of the header ``Host`` that are answered.
    """
    content = page.encode("utf-8", "backslashreplace")  # half a surrogate pair as in the file of the report
    one = anyio.Lock()  # models share the processor: one question at a time is fastest

    async def within_limits(ask: Callable[[], T]) -> T:
        with anyio.fail_after(SECONDS):
            async with one:
                return await _aside(ask)

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
        return StreamingResponse(_lines(drawn, within_limits), media_type="application/x-ndjson", headers=PRIVATE)

    async def refuse(_: Request, error: Exception) -> Response:
        return PlainTextResponse(_said(error), 413 if isinstance(error, _TooLongError) else 400, headers=PRIVATE)

    async def fault(_: Request, error: Exception) -> Response:
        return PlainTextResponse(f"this is a fault of lmcompare ({what_went_wrong(error)})", 500, headers=PRIVATE)

    async def late(_: Request, error: Exception) -> Response:
        return PlainTextResponse(f"the answer took longer than {SECONDS:g} s", 503, headers=PRIVATE)

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


async def _aside(ask: Callable[[], T]) -> T:
    """Return what a function returns in a thread of its own, for which the end of the program does not wait."""
    answer: concurrent.futures.Future[T] = concurrent.futures.Future()
    answer.set_running_or_notify_cancel()

    def work() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)
        except BaseException as error:  # the event loop would end at such a one
            answer.set_exception(PluginError(f"a model raised {what_went_wrong(error)}"))

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wrap_future(answer)


async def _body(request: Request) -> bytes:
    body = bytearray()
    with anyio.fail_after(SECONDS):  # also for one that sends a byte now and then
        async for part in request.stream():
            body += part
            if len(body) > BODY:
                raise _TooLongError(f"a text has at most {BODY:,} bytes here: use 'lmcompare score' for a longer one")
    return bytes(body)


async def _lines(
    drawn: Iterator[str], within_limits: Callable[[Callable[[], str | None]], Any]
) -> AsyncIterator[str]:
    """Yield each token as a line of JSON; an error is the last one."""
    try:
        while (piece := await within_limits(lambda: next(drawn, None))) is not None:
            yield json.dumps({"text": piece}) + "\n"
    except (LmcompareError, TimeoutError) as error:
        yield json.dumps({"error": _said(error)}) + "\n"


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    return "the text is not valid UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
