"""The memory that is left within the limits of control groups, from files as the kernel writes them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lmcompare.harness import environment

GIB = 2**30


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(environment, "MOUNTED", tmp_path / "mounted")
    return tmp_path / "mounted"


def write(folder: Path, **files: object) -> None:
    """Write files of a group; a double underscore in a name stands for its dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_the_least_that_the_own_group_and_those_around_it_leave(mounted: Path) -> None:
    (mounted.parent / "cgroup").write_text("0::/jobs/mine/step\n")
    write(mounted / "jobs" / "mine" / "step", memory__max="max", memory__current=GIB // 2)
    write(mounted / "jobs" / "mine", memory__max=4 * GIB, memory__current=GIB, memory__stat="anon 5")
    assert environment.memory_left() == 3 * GIB
    stat = f"anon {GIB}\ninactive_file {GIB // 4}\nactive_file {GIB // 8}"
    write(mounted / "jobs", memory__max=2 * GIB, memory__current=3 * GIB // 2, memory__stat=stat)
    assert environment.memory_left() == 0.75 * GIB  # 2 - 1.5, and the quarter that lies unused
    write(mounted / "jobs", memory__current=3 * GIB)  # as where the limit was lowered
    assert environment.memory_left() == 0


@pytest.mark.parametrize("told", ["0::/system.slice/docker-abc.scope", "0::/", "0::/../../other"])
def test_a_container_sees_its_own_group_as_the_outermost(mounted: Path, told: str) -> None:
    (mounted.parent / "cgroup").write_text(f"{told}\n")
    write(mounted, memory__max=2 * GIB, memory__current=GIB)
    assert environment.memory_left() == GIB


def test_without_a_limit_it_is_infinite(mounted: Path) -> None:
    assert environment.memory_left() == math.inf  # not Linux
    (mounted.parent / "cgroup").write_text("0::/\n")
    assert environment.memory_left() == math.inf  # the group of the whole machine has no such files
    write(mounted, memory__max="max", memory__current=GIB)
    assert environment.memory_left() == math.inf


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="the system does not tell how much memory is free")
def test_what_is_available_is_what_the_limit_of_a_container_leaves(mounted: Path) -> None:
    whole = environment.available_memory()
    assert 2**20 < whole < math.inf
    (mounted.parent / "cgroup").write_text("0::/\n")
    write(mounted, memory__max=2000, memory__current=500)
    assert environment.available_memory() == 1500
