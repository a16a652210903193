"""Loops that Numba compiles on their first call and keeps on disk, so that later processes only load them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar, cast

# before Numba is imported: Python's numbers do not wrap as those of the hash tables must
os.environ.pop("NUMBA_DISABLE_JIT", None)

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers; it releases the interpreter lock while it runs.

    The machine code is kept beside the source file, or in the user's cache folder where that one is read-only, or in
    ``NUMBA_CACHE_DIR``. Where none of them can be written, each process compiles anew.
    """
    loops = numba.njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # "no locator available"
        loops.enable_caching()
    return cast(F, loops)


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_: Any, array: Any, index: Any) -> Any:
    """Ask the processor to fetch ``array[index]`` into its cache, and do not wait for it. For compiled code only."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(view.data, [arguments[1]]), byte)
        builder.call(function, [place, whole(0), whole(3), whole(1)])  # to read, into all caches, data
        return context.get_dummy_value()

    return numba.types.void(array, index), emit


def share(threads: int, begins: npt.NDArray[np.integer[Any]], work: Callable[[int, int], R]) -> list[R]:
    """Do ``work(first, last)`` on parts of a list of ranges, each part in a thread of its own; return the results.

    ``begins``, (n + 1,), rising: where each of the n ranges begins and the last ends. The parts are ranges ``first``
    to ``last`` - 1 and cover about the same length, so that the division depends on the number of threads, but not on
    how fast they run.
    """
    if threads == 1:
        return [work(0, len(begins) - 1)]
    lengths = np.ceil(np.linspace(begins[0], begins[-1], threads + 1)[1:-1])
    inner = np.searchsorted(begins, lengths.astype(begins.dtype))  # one type, or all of ``begins`` is copied
    cuts = [0, *inner.tolist(), len(begins) - 1]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))
