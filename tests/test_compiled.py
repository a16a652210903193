"""Compiled loops: kept on disk where that can be written, and work shared by threads."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl

from lmcompare.compiled import compiled, share


def test_where_no_cache_can_be_written_loops_are_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])

    def twice(number: int) -> int:
        return 2 * number

    assert compiled(twice)(21) == 42


def test_loops_are_compiled_even_where_numba_is_told_not_to() -> None:
    code = (
        "import numpy as np; from lmcompare.compiled import compiled\n"
        "print(int(compiled(lambda number: number * np.uint64(3))(np.uint64(2**63))))"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 2**63  # modulo 2**64


def test_parts_cover_all_ranges_once() -> None:
    begins = np.array([0, 10, 10, 11, 40, 41])
    for threads in (1, 2, 3, 8):
        parts = share(threads, begins, lambda first, last: (first, last))
        assert [i for first, last in parts for i in range(first, last)] == [0, 1, 2, 3, 4]
