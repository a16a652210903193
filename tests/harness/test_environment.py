"""What a run finds out about its machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness import environment


def test_idle_cores_are_worked_out_of_the_kernels_times(monkeypatch: pytest.MonkeyPatch) -> None:
    # 2 cores, 40 ticks: 5 user, 3 system, 28 idle, 2 waiting for a disk, 2 stolen
    times = iter([(1000, 5000), (1030, 5040)])
    monkeypatch.setattr(environment, "_core_times", lambda: next(times))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert environment.idle_cores(0) == pytest.approx(2 * 30 / 40)


def test_a_share_of_the_cores_is_all_that_a_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # a limit that joblib reads, as it reads that of a container
    assert environment.usable_cores() == 1


def test_a_peak_of_memory_that_the_system_does_not_say_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "Path", lambda _: tmp_path / "status")  # not there, as outside of Linux
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert environment.peak_memory_bytes() is None


@pytest.mark.parametrize(("idle", "spins"), [(2.0, "5000"), (1.75, "5000"), (1.5, "0"), (0.0, "0")])
def test_threads_spin_only_where_the_cores_are_idle(monkeypatch: pytest.MonkeyPatch, idle: float, spins: str) -> None:
    monkeypatch.setattr(environment, "idle_cores", lambda: idle)
    variables = environment.thread_variables(2)
    assert variables["GOMP_SPINCOUNT"] == spins
    assert variables["OMP_NUM_THREADS"] == "2"


def test_the_time_of_the_cores_is_that_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stat").write_text("cpu  5 1 3 28 2 1 1 2 9 9\ncpu0 1 1 1 1 1 1 1 1\n")
    monkeypatch.setattr(environment, "Path", lambda path: tmp_path / Path(path).name)
    assert environment._core_times() == (30, 43)  # what guests take is in the time of the others
    (tmp_path / "stat").unlink()
    assert environment._core_times() == (0, 0)
    assert environment.idle_cores(0) == 0.0


def test_processes_need_a_card_or_a_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    environment.check_processes(8, "cpu", cores=8)
    environment.check_processes(2, "cuda", cores=1)
    for processes, device in ((3, "cuda"), (2, "cuda:1"), (2, "mps"), (9, "cpu")):
        with pytest.raises(LmcompareError, match="fewer processes"):
            environment.check_processes(processes, device, cores=8)
