"""Arrays in temporary files: nothing is left of them, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from lmcompare import allowance
from lmcompare.counts.room import SMALL, Column, Room
from lmcompare.errors import LmcompareError

FILL = """
import sys
import numpy as np
from lmcompare.counts.room import Column, Room

array = Room(1).empty(10**6, np.int64)
array[:] = 1
column = Column(np.int32)
column.append(np.arange(10**6))
print("made", flush=True)
sys.stdin.read()
"""


def test_an_array_is_in_a_file_if_there_is_a_limit() -> None:
    assert Room().empty(10**6, np.int32).base is None
    assert Room(100).empty(SMALL, np.bool_).base is None
    array = Room(100).empty(10**6, np.int32)
    array[:] = np.arange(10**6)
    assert isinstance(array.base, np.memmap)
    np.testing.assert_array_equal(array[-3:], [999_997, 999_998, 999_999])


def test_a_column_grows() -> None:
    column = Column(np.int32)
    assert len(column.finish()) == 0
    assert [column.append(np.array(part)) for part in ([1, 2], [], [3])] == [0, 2, 2]
    np.testing.assert_array_equal(column.finish(), [1, 2, 3])


def test_the_room_is_what_the_process_may_take() -> None:
    assert Room.allowed().limit is None
    with allowance.limited(10**12):
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
        with pytest.raises(LmcompareError, match=r"the temporary folder .* cannot be written"):
            Room(1).empty(10**6, np.int64)
        with pytest.raises(LmcompareError, match=r"the temporary folder .* cannot be written"):
            Column(np.int64).append(np.zeros(10**6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name temporary files")
def test_a_killed_process_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL]
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
        process.kill()
    assert not list(tmp_path.iterdir())
