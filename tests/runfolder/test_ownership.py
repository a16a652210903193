"""Files that lmcompare did not write are never replaced or removed, and nothing is written through a link."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.report.write import write_reports
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.guards import claim, end_replacements, remove_begun, remove_written, replace_cell, target_of
from lmcompare.runfolder.layout import CELL_FILES, MARK


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", ["thesis.txt", "report.html", "cells/x/0/model/a", "manifest.json", ".holder"])
def test_a_folder_with_other_files_is_refused_and_left(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(LmcompareError, match=rf"contains other files \({name.partition('/')[0]}\)"):
        claim(tmp_path)
    assert contents(tmp_path) == {name: b"mine"}


def test_a_name_that_leaves_no_room_for_longer_ones_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / ("é" * 120))
    with pytest.raises(LmcompareError, match="at most 240 bytes"):
        claim(tmp_path / ("é" * 120 + "x"))


def test_new_and_empty_folders_are_claimed_and_claimed_again(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    claim(tmp_path)
    claim(tmp_path / "new")
    (tmp_path / "new" / "notes.txt").write_text("mine")
    (tmp_path / "new" / MARK).write_text("mine, too")
    claim(tmp_path / "new")
    assert contents(tmp_path / "new") == {"notes.txt": b"mine", MARK: b"mine, too"}
    assert (tmp_path / MARK).is_file()


def test_a_run_without_the_mark_is_known_by_its_manifest(copied: Path) -> None:
    (copied / MARK).unlink(missing_ok=True)
    claim(copied)
    assert (copied / MARK).is_file()


@pytest.mark.parametrize(
    "name", ["cells", "cells/ngram/0", "cells/ngram/0/log.txt", "cells/ngram/0/model", "tokens", "charts", ".lock"]
)
def test_links_are_not_written_through(copied: Path, tmp_path: Path, name: str) -> None:
    elsewhere, path = tmp_path / "elsewhere", copied / name
    if path.exists():
        shutil.move(path, elsewhere)
    elif name.endswith("charts"):
        elsewhere.mkdir()
        (elsewhere / "mine.txt").write_text("mine")
    else:
        elsewhere.write_text("mine")
    path.symlink_to(elsewhere)
    before = contents(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes()
    for work in (claim, write_reports):
        with pytest.raises(LmcompareError, match=rf"{path.name} is a link"):
            work(copied)
    assert (contents(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes()) == before


def test_only_what_was_written_is_removed(copied: Path) -> None:
    cell = copied / "cells" / "ngram" / "0"
    (cell / "model" / "notes.txt").write_text("mine")
    expected = sum((cell / name).stat().st_size for name in CELL_FILES if name.startswith("model/"))
    removed = remove_written(cell, within="model")
    assert removed.left == [cell / "model" / "notes.txt"]
    assert removed.size >= expected
    assert (cell / "cell.json").is_file()
    remove_written(cell)
    assert contents(cell) == {"model/notes.txt": b"mine"}


def test_a_cell_that_is_replaced_keeps_the_files_of_others(copied: Path) -> None:
    cell = copied / "cells" / "ngram" / "0"
    shutil.copytree(cell, cell.with_name("0.new"))
    (cell / "notes").mkdir()
    (cell / "notes" / "a.txt").write_text("mine")
    replace_cell(cell)
    assert (cell / "notes" / "a.txt").read_text() == "mine"
    assert sorted(os.listdir(cell.parent)) == ["0", "1"]
    shutil.copytree(cell, cell.with_name("0.old"))
    (cell / "notes" / "a.txt").unlink()
    end_replacements(copied)
    assert (cell / "notes" / "a.txt").read_text() == "mine"
    assert sorted(os.listdir(cell.parent)) == ["0", "1"]


def test_what_a_killed_process_had_begun_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (
        ".studies.json.pu66q1df",
        "model/.arrays.safetensors.abcdefgh",
        ".mine.txt.abcdefgh",
        "scores.parquet",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    remove_begun(tmp_path)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == [".mine.txt.abcdefgh", "scores.parquet"]


@pytest.mark.slow
def test_a_report_removes_what_a_killed_run_had_begun(copied: Path) -> None:
    write_reports(copied)
    chart = min(path.name for path in (copied / "charts").iterdir())
    for name in (".manifest.json.tyv078z6", f"charts/.{chart}.abcdefgh", ".mine.txt.abcdefgh", "charts/mine.svg"):
        (copied / name).write_text("{")
    write_reports(copied)
    left = [*copied.glob(".*.????????"), *(copied / "charts").glob(".*"), copied / "charts" / "mine.svg"]
    assert [path.name for path in left if path.exists()] == [".mine.txt.abcdefgh", "mine.svg"]


def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for name in ("pipe", "link"):
        with pytest.raises(LmcompareError, match="a pipe or a device"):
            target_of(tmp_path / name, replace=True)
    (tmp_path / "file").touch()
    assert target_of(tmp_path / "file", replace=True) == tmp_path / "file"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"schema_version": 2}', '{"tool": {"schema_version": 1, "lmcompare": 1, "models": []}}'),
        *("[" * 10**5, '["schema_version", "lmcompare", "models"]', "\udcff"),
    ],
)
def test_manifests_of_others_make_no_run_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    assert not is_run_folder(tmp_path)


def test_a_mark_or_a_manifest_makes_one(tmp_path: Path, copied: Path) -> None:
    assert not is_run_folder(tmp_path)
    assert is_run_folder(copied)
    (copied / ".lmcompare").unlink()
    assert is_run_folder(copied), "by its manifest, if it was copied without hidden files"
    table = json.loads((copied / "manifest.json").read_text())
    del table["lmcompare"]
    (copied / "manifest.json").write_text(json.dumps(table))
    assert not is_run_folder(copied)
