"""Loops that Numba compiles on their first call and keeps on disk, so that later processes only load them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numba
import numpy as np

from lmcompare.tokens import IntArray

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers; it releases the interpreter lock while it runs."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def share(threads: int, begins: IntArray, work: Callable[[int, int], R]) -> list[R]:
    """Do ``work(first, last)`` on parts of a list of ranges, each part in a thread of its own; return the results.

    ``begins``, (n + 1,), rising: where each of the n ranges begins and the last ends. The parts are ranges ``first``
    to ``last`` - 1 and cover about the same length, so that what is done depends on ``threads`` but not on its speed.
    """
    inner = np.searchsorted(begins, np.linspace(begins[0], begins[-1], threads + 1)[1:-1])
    cuts = [0, *inner.tolist(), len(begins) - 1]
    if threads == 1:
        return [work(*cuts)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))
