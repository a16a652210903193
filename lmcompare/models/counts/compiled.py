"""Loops that Numba compiles on their first call and keeps on disk, so that later processes only load them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers; it releases the interpreter lock while it runs."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
