"""Memory that is given back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from contextlib import nullcontext
from lmcompare.memory import given_back

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

first = np.ones(2**21)
del first  # the C library learns to take blocks of this size from its heap
with given_back() if {open} else nullcontext():
    arrays = [np.ones(2**21 - 2**9 * i) for i in range(16)]
    kept = arrays[-1]
    before = resident()
    del arrays
    print((before - resident()) / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of other systems is left as it is")
def test_freed_arrays_go_back_to_the_system_at_once() -> None:
    freed = [
        float(
            subprocess.run(
                [sys.executable, "-c", PROGRAM.replace("{open}", str(is_open))],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for is_open in (True, False)
    ]
    assert freed[0] > 200, "of 246 MiB"
    assert freed[1] < freed[0] / 2, "without, an array that lives on keeps what was freed below it"
