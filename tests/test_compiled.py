"""Compiled loops: kept on disk where that can be written, compiled whatever Numba is told, shared by threads."""

from __future__ import annotations

import os
import tracemalloc
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl

from lmcompare import compiled as module
from lmcompare.compiled import compiled, share


def test_where_no_cache_can_be_written_loops_are_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])

    def times_three(number: np.uint64) -> np.uint64:
        return number * np.uint64(3)

    # modulo 2**64, unlike Python's numbers
    assert int(compiled(times_three)(np.uint64(2**63))) == 2**63


def test_loops_are_compiled_even_where_numba_is_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    spec = spec_from_file_location("imported_anew", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module_from_spec(spec))
    assert "NUMBA_DISABLE_JIT" not in os.environ


def test_parts_cover_about_the_same_length() -> None:
    # 12 from the first to the last: the second third begins at 4 or more, the last one at 8 or more.
    begins = np.array([0, 1, 5, 6, 6, 9, 11, 12], np.int32)
    assert share(1, begins, lambda first, last: (first, last)) == [(0, 7)]
    assert share(3, begins, lambda first, last: (first, last)) == [(0, 2), (2, 5), (5, 7)]
    assert share(5, begins, lambda first, last: (first, last)) == [(0, 2), (2, 2), (2, 5), (5, 6), (6, 7)]
    uneven = np.array([0, 10, 10, 11, 40, 41])
    for threads in (2, 8):
        parts = share(threads, uneven, lambda first, last: (first, last))
        assert [i for first, last in parts for i in range(first, last)] == [0, 1, 2, 3, 4]


def test_cutting_a_list_into_parts_copies_nothing() -> None:
    begins = np.arange(2**20, dtype=np.int32)  # 4 MiB
    for threads in (1, 3):
        tracemalloc.start()
        share(threads, begins, lambda first, last: None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**18
