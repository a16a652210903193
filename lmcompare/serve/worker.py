"""A thread that answers questions to the models, one at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from lmcompare.errors import PluginError, what_went_wrong

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
