"""Files whole or not at all, and one sentence for what cannot be written or read."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.errors import LmcompareError, cannot_write, permitted
from lmcompare.runfolder import files, guards, states
from lmcompare.runfolder.files import (
    RunFolderError,
    check_table,
    read_blocks,
    read_csv,
    read_table,
    upto_documents,
    write_parts,
    write_table,
)


def test_threads_that_ask_for_the_umask_leave_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    change, before = os.umask, files.umask()

    def slow(mask: int) -> int:
        found = change(mask)
        time.sleep(0)  # others may run meanwhile
        return found

    monkeypatch.setattr(os, "umask", slow)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: files.umask(), range(12))) == {before}
        assert files.umask() == before
    finally:
        change(before)


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    files.write_json(path, {"old": 1})

    def broken(aside: Path) -> None:
        aside.write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        files.write_aside(path, broken)
    assert files.read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "(No space left on device): choose another output folder"),
        (OSError("Error while serializing: I/O error: x (os error 28)"), "(No space left on device): choose"),
        (OSError(errno.ENOSPC, "Error writing bytes. Detail: [errno 28] x"), "(No space left on device): choose"),
        (OSError("55840 requested and 42976 written"), "(No space left on device): choose"),
        (OSError(errno.EFBIG, "File too large"), "(File too large): raise"),
        (OSError(errno.EROFS, "Read-only file system"), "(Read-only file system): copy"),
        (OSError("it is odd"), "(it is odd): choose"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, error: OSError, said: str) -> None:
    def full(aside: Path) -> None:
        raise error

    with pytest.raises(LmcompareError, match=re.escape(f"x.json can't be written {said}")):
        files.write_aside(tmp_path / "x.json", full)
    assert not list(tmp_path.iterdir())


def test_a_file_that_may_not_be_written_is_named_and_not_the_one_beside_it(tmp_path: Path) -> None:
    for name, said in ((".x.json.k3", "x.json"), ("x.json/.lock", "x.json/.lock"), ("x.json", "x.json")):
        error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / name))
        assert f"no permission for {tmp_path / said}:" in cannot_write(tmp_path / "x.json", error)
    beside = PermissionError(errno.EACCES, "Permission denied", str(Path("ro", ".x.json.k3").absolute()))
    assert f"no permission for {Path('ro', 'x.json')}:" in cannot_write(Path("ro", "x.json"), beside)


def test_a_full_temporary_folder_is_not_taken_for_the_output_folder(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "TMPDIR" in cannot_write(Path(tempfile.gettempdir(), "lmcompare-abc", "run", "x.json"), full)
    assert "TMPDIR" not in cannot_write(tmp_path / "x.json", full)


def test_nan_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", float("nan"))


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=r"none\.json is missing"):
        files.read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(LmcompareError, match=r"bad\.json is damaged"):
        files.read_json(tmp_path / "bad.json")
    os.mkfifo(tmp_path / "pipe.json")  # which nobody ever writes to
    with pytest.raises(LmcompareError, match=r"pipe\.json is damaged .*not an ordinary file"):
        files.read_json(tmp_path / "pipe.json")
    with pytest.raises(LmcompareError, match="is missing"):
        states.load_state(tmp_path)
    (tmp_path / "arrays.safetensors").write_bytes(b"not tensors")
    with pytest.raises(LmcompareError, match="is damaged"):
        states.load_state(tmp_path)


def test_a_file_without_permission_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> Path:
        if path.name == "x.json":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return path

    for name in "xy":
        files.write_json(tmp_path / f"{name}.json", {})
    guards.seal(tmp_path, ["x.json", "y.json"])
    monkeypatch.setattr(files, "ordinary", closed)
    monkeypatch.setattr(guards, "ordinary", closed)
    assert guards.damage(tmp_path, ["y.json"]) is None
    for read in (files.read_json, lambda path: guards.damage(path.parent, [path.name])):
        with pytest.raises(files.NoPermissionError, match=r"no permission for .*x\.json"):
            read(tmp_path / "x.json")
    with pytest.raises(LmcompareError, match=r"no permission for .*x\.json"):
        files.write_aside(tmp_path / "x.json", lambda _: closed(tmp_path / "x.json"))


def test_a_tilde_in_a_path_is_a_name_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder, figure in (("home", 1), ("~", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "curve.csv").write_text(f"step\n{figure}\n")
    monkeypatch.chdir(tmp_path)
    assert read_csv(Path("~/curve.csv"), ["step"])["step"].tolist() == [2]


def test_a_folder_that_can_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LmcompareError, match="choose another output folder"):
        files.write_text(tmp_path / "file" / "x", "")


@pytest.mark.parametrize("read", [lambda path: read_csv(path, ()), lambda path: check_table(path, ())])
def test_a_pipe_is_not_read(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunFolderError, match="not an ordinary file"):
        read(tmp_path / "pipe")


def test_tables_in_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"run-\xff")
    table = pd.DataFrame({"split": ["test", "valid", "test"], "log_prob": [-1.0, -2.0, -3.0]})
    write_table(folder / "whole.parquet", table)
    write_parts(folder / "parts.parquet", [table[:2], table[2:]])
    for path in folder.iterdir():
        assert read_table(path, ["log_prob"], "test")["log_prob"].tolist() == [-1, -3]
        blocks = read_blocks(path, ["log_prob"], "test")
        assert np.concatenate([block["log_prob"] for block in blocks]).tolist() == [-1, -3]


def test_a_read_only_disk_is_said_with_what_to_do() -> None:
    with pytest.raises(LmcompareError, match=r"cell can't be written .*: copy the folder"), permitted():
        raise OSError(errno.EROFS, "Read-only file system", "cell")


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=9),
    st.lists(st.integers(1, 6), max_size=9),
    st.sets(st.integers(1, 8), max_size=8),
)
def test_parts_have_the_rows_of_their_documents(lengths: list[int], sizes: list[int], inner: set[int]) -> None:
    document = np.repeat(np.arange(len(lengths)), lengths)
    rows = {"document": document, "row": np.arange(len(document))}
    cuts = np.cumsum(sizes)[np.cumsum(sizes) < len(document)]
    blocks = [
        dict(zip(rows, each, strict=True)) for each in zip(*(np.split(v, cuts) for v in rows.values()), strict=True)
    ]
    ends = [*sorted(end for end in inner if end < len(lengths)), len(lengths)]
    parts = list(upto_documents(blocks, ends))
    begins = [0, *ends]
    for part, begin, end in zip(parts, begins, ends, strict=False):
        np.testing.assert_array_equal(part["row"], np.flatnonzero((document >= begin) & (document < end)))
    assert len(parts) == len(ends)
