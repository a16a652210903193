"""Compiled loops: kept on disk where that can be written, and work shared by threads."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl

from lmcompare.compiled import compiled, share


def test_where_no_cache_can_be_written_loops_are_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])

    def twice(number: int) -> int:
        return 2 * number

    assert compiled(twice)(21) == 42


def test_parts_cover_all_ranges_once() -> None:
    begins = np.array([0, 10, 10, 11, 40, 41])
    for threads in (1, 2, 3, 8):
        parts = share(threads, begins, lambda first, last: (first, last))
        assert [i for first, last in parts for i in range(first, last)] == [0, 1, 2, 3, 4]
