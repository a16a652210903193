"""Arrays in temporary files: nothing is left of them, whatever happens."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from lmcompare import memory
from lmcompare.counts.bounded import Column
from lmcompare.counts.ngrams import SMALL, Room
from lmcompare.errors import LmcompareError


def test_an_array_is_in_a_file_if_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert Room().empty(10**6, np.int32).base is None
    assert Room(100).empty(SMALL, np.bool_).base is None
    array = Room(100).empty(10**6, np.int32)
    array[:] = np.arange(10**6)
    assert isinstance(array.base, np.memmap)
    np.testing.assert_array_equal(array[-3:], [999_997, 999_998, 999_999])
    column = Column(np.int32)
    assert column.append(np.arange(10**6)) == 0
    # of a process that is killed now nothing is left: the files have no names (other systems give them one)
    assert sys.platform != "linux" or not list(tmp_path.iterdir())


def test_a_column_grows() -> None:
    column = Column(np.int32)
    assert len(column.finish()) == 0
    assert [column.append(np.array(part)) for part in ([1, 2], [], [3])] == [0, 2, 2]
    np.testing.assert_array_equal(column.finish(), [1, 2, 3])


def test_the_room_is_what_the_process_may_take() -> None:
    assert Room.allowed().limit is None
    with memory.limited(10**12):
        limit = Room.allowed().limit
    assert limit is not None
    assert 10**11 < limit < 10**12 or not Path("/proc/self/status").exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system takes no room ahead")
def test_a_full_disk_is_an_error_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, before[1]))
    try:
        with pytest.raises(LmcompareError, match="the temporary folder"):
            Room(1).empty(10**6, np.int64)
        with pytest.raises(LmcompareError, match="the temporary folder"):
            Column(np.int64).append(np.zeros(10**6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
