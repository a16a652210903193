"""The limit of memory: how it is written, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare import memory


def test_a_size_is_a_number_and_a_unit() -> None:
    sizes = {
        "1GB": 10**9,
        "1 gib": 2**30,
        "1.5GB": 15 * 10**8,
        "512MiB": 2**29,
        "256MB": 256 * 10**6,
        "2TB": 2 * 10**12,
    }
    assert {size: memory.bytes_of(size) for size in sizes} == sizes
    for size in ("", "1", "GB", "1e3GB", "-1GB", "1 GB of memory", "1PB", "1B", "nanGB"):
        with pytest.raises(ValueError, match="a number and a unit"):
            memory.bytes_of(size)


def test_a_limit_that_no_run_can_keep_to_is_refused() -> None:
    with pytest.raises(ValueError, match="255MB"):
        memory.bytes_of("255MB")


def test_what_is_left_is_the_limit_less_what_is_taken() -> None:
    assert memory.left() is None
    with memory.limited(10**12):
        left = memory.left()
        assert left is not None
        assert 10**12 - 10**11 < left <= 10**12
        with memory.limited(1000):
            assert memory.left() == 250  # a quarter at least, however much is taken
        with memory.limited(None):
            assert memory.left() is None
    assert memory.left() is None


def test_what_the_system_does_not_say_is_not_taken_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (None, "Name: python\n"):
        status = tmp_path / f"{content is None}"
        if content is not None:
            status.write_text(content)
        monkeypatch.setattr(memory, "Path", lambda _, status=status: status)
        with memory.limited(10**9):
            assert memory.left() == 872 * 10**6  # without the half of 256 MB that Python alone takes
