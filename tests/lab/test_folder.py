"""A laboratory and a run may share a folder; files of the user there are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.lab import findings as lab
from lmcompare.runfolder import guards as run


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("written", encoding="utf-8")
    return folder


@pytest.mark.parametrize("first", [run, lab])
def test_the_folder_of_one_becomes_that_of_both(tmp_path: Path, first: object) -> None:
    written = ("report.html", "charts/a.svg") if first is run else ("lab.html", "findings/ideas.json", "run/x")
    for room in (run, lab) if first is run else (lab, run):
        room.check_free(tmp_path)
        room.claim(tmp_path)
        if room is first:
            filled(tmp_path, *written)
    for room in (run, lab):  # and again
        room.check_free(tmp_path)


def test_a_laboratory_that_found_the_disk_full_begins_again(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()  # whose mark there was no room for
    lab.check_free(tmp_path)
    filled(tmp_path, "run/notes.txt")
    with pytest.raises(LmcompareError, match=r"other files .run"):
        lab.check_free(tmp_path)


@pytest.mark.parametrize("name", ["lab.html", "lab.md", "findings/mine.json", "run/notes.txt"])
def test_what_the_user_has_put_in_the_folder_of_a_run_is_refused(tmp_path: Path, name: str) -> None:
    run.claim(tmp_path)
    filled(tmp_path, "notes.txt", name)
    with pytest.raises(LmcompareError, match=f"other files .{name.partition('/')[0]}"):
        lab.check_free(tmp_path)


@pytest.mark.parametrize("name", ["thesis.txt", "report.html", "cells/x"])
def test_other_files_in_the_folder_of_a_laboratory_are_refused(tmp_path: Path, name: str) -> None:
    lab.claim(tmp_path)
    filled(tmp_path, "lab.html", "charts/lab-ideas-1.svg", name)
    with pytest.raises(LmcompareError, match=f"other files .{name.partition('/')[0]}"):
        run.check_free(tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("findings", False), ("lab.html", True), ("charts", False)])
def test_what_is_in_the_way_is_named(tmp_path: Path, name: str, folder: bool) -> None:
    lab.claim(tmp_path)
    if folder:
        (tmp_path / name).mkdir()
    else:
        filled(tmp_path, name)
    with pytest.raises(LmcompareError, match=f"{name} is a .* in the way"):
        lab.check_free(tmp_path)
    with pytest.raises(LmcompareError, match="is a file"):
        lab.check_free(filled(tmp_path, "notes") / "notes")
