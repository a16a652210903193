"""Questions to the models: one at a time, whoever waits for the answer."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from lmcompare.errors import PluginError
from lmcompare.serve.worker import Worker


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, StopIteration])
def test_a_model_that_interrupts_is_one_error_and_hangs_alone(raised: type[BaseException]) -> None:
    async def ask() -> None:
        worker = Worker()

        def interrupts() -> None:
            assert threading.current_thread().daemon
            raise raised

        with anyio.fail_after(20), pytest.raises(PluginError, match=raised.__name__):
            await worker.ask(interrupts)
        assert await worker.ask(lambda: 5) == 5

    asyncio.run(ask())


def test_what_nobody_waits_for_is_finished_before_the_next_question_and_dropped_if_it_has_not_begun() -> None:
    done: list[str] = []
    begun, over = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        over.wait(20)
        done.append("slow")

    async def ask() -> None:
        worker = Worker()
        first = asyncio.create_task(worker.ask(slow))
        await asyncio.to_thread(begun.wait, 20)
        second = asyncio.create_task(worker.ask(lambda: done.append("dropped")))
        third = asyncio.create_task(worker.ask(lambda: done.append("next")))
        await asyncio.sleep(0.05)
        first.cancel()
        second.cancel()
        await asyncio.sleep(0.05)
        assert done == []
        over.set()
        with anyio.fail_after(20):
            await third

    asyncio.run(ask())
    assert done == ["slow", "next"]
