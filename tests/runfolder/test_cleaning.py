"""Cleaning a run folder: only what lmcompare wrote, nothing behind a link, and no finished model without a name."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.runfolder import guards
from lmcompare.runfolder.cleaning import clean
from lmcompare.runfolder.guards import locked
from lmcompare.runfolder.run import load_run


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name != ".lock"}


@pytest.mark.slow
def test_finished_cells_and_their_tokens_are_kept(copied: Path) -> None:
    finished = {cell.path.relative_to(copied).as_posix() for cell in load_run(copied).cells if cell.status == "done"}
    cleaned = clean(copied)
    assert list(cleaned.removed) == ["cells/crashing/0", "cells/crashing/1"]
    assert cleaned.left == []
    assert cleaned.has_models
    run = load_run(copied)
    assert {cell.path.relative_to(copied).as_posix() for cell in run.cells} == finished
    assert len(run.tokens) == 2
    assert all(cell.status == "done" for cell in run.cells)
    assert clean(copied).removed == {}


def test_all_seeds_of_a_model_go_and_the_bytes_are_counted(copied: Path) -> None:
    expected = sum(path.stat().st_size for path in (copied / "cells/ngram").rglob("*") if path.is_file())
    others = {name for name in files(copied) if not name.startswith("cells/ngram")}
    cleaned = clean(copied, ["ngram"])
    assert sum(cleaned.removed.values()) == expected
    assert list(cleaned.removed) == ["cells/ngram/0", "cells/ngram/1"]
    assert files(copied) == others
    assert "ngram" not in [model.name for model in load_run(copied).models]
    assert "ngram" not in [model["name"] for model in load_run(copied).manifest.experiment["models"]]


@pytest.mark.slow
def test_tokens_that_no_finished_cell_reads_go(copied: Path) -> None:
    chars = [model.name for model in load_run(copied).scored if model.name.startswith("char")]
    fingerprint = load_run(copied).model(chars[0]).tokens_fingerprint
    clean(copied, chars)
    assert (copied / "tokens" / fingerprint).is_dir()
    assert f"tokens/{fingerprint}" in clean(copied).removed
    assert not (copied / "tokens" / fingerprint).exists()
    assert len(load_run(copied).tokens) == 1


def test_other_files_are_left(copied: Path) -> None:
    cell = copied / "cells/ngram/0"
    (cell / "notes.txt").write_text("mine")
    (cell / "model/notes.txt").write_text("mine")
    (cell / ".scores.parquet.ab12cd_8").write_text("of a process that was killed")
    (copied / "cells/mine.txt").write_text("mine")
    (copied / "cells/mine/notes").mkdir(parents=True)
    cleaned = clean(copied, ["ngram"])
    assert sorted(cleaned.left) == ["cells/ngram/0/model/notes.txt", "cells/ngram/0/notes.txt"]
    assert {name for name in files(copied) if "ngram" in name or "mine" in name} == {
        *("cells/ngram", "cells/ngram/0", "cells/ngram/0/notes.txt", "cells/ngram/0/model"),
        *("cells/ngram/0/model/notes.txt", "cells/mine.txt", "cells/mine", "cells/mine/notes"),
    }
    assert "ngram" not in [model.name for model in load_run(copied).models]
    clean(copied)
    assert (cell / "notes.txt").is_file()


@pytest.mark.parametrize("name", ["cells", "cells/ngram", "cells/ngram/0", "cells/ngram/0/model"])
def test_symbolic_links_are_not_followed(copied: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(copied / name, elsewhere)
    (copied / name).symlink_to(elsewhere)
    before = files(elsewhere)
    if name == "cells":
        clean(copied)
    else:
        assert name in clean(copied, ["ngram"]).left or name == "cells/ngram/0"
    assert files(elsewhere) == before
    assert (copied / name).is_symlink()


def test_what_a_replacement_left_goes_but_never_the_only_copy(copied: Path) -> None:
    cell = copied / "cells/ngram/0"
    shutil.copytree(cell, cell.with_name("0.new"))
    shutil.copytree(cell, cell.with_name("0.old"))
    cell.with_name("1").rename(cell.with_name("1.old"))
    removed = clean(copied).removed
    assert {"cells/ngram/0.new", "cells/ngram/0.old"} <= set(removed)
    assert not any(name.startswith("cells/ngram/1") for name in removed)
    assert cell.with_name("1.old").is_dir()


def test_tokens_that_the_only_copy_of_a_cell_reads_are_kept(copied: Path) -> None:
    (model,) = (model for model in load_run(copied).scored if model.name.startswith("char"))
    for cell in model.cells:
        cell.path.rename(cell.path.with_name(f"{cell.path.name}.old"))
    assert f"tokens/{model.tokens_fingerprint}" not in clean(copied).removed
    assert (copied / "tokens" / model.tokens_fingerprint).is_dir()


def test_cells_that_another_model_has_replaced_go(copied: Path) -> None:
    table = json.loads((copied / "cells/ngram/1/cell.json").read_text())
    for name, change in (("2", {"identity": "other"}), ("3", {})):
        shutil.copytree(copied / "cells/ngram/1", copied / "cells/ngram" / name)
        (copied / "cells/ngram" / name / "cell.json").write_text(json.dumps(table | change))
    removed = clean(copied).removed
    assert "cells/ngram/2" in removed
    assert "cells/ngram/3" not in removed  # another seed of the same model, which joins it
    assert load_run(copied).model("ngram").seeds[:2] == (0, 1)


def test_a_damaged_manifest_costs_no_finished_cell(copied: Path) -> None:
    finished = [cell.path for cell in load_run(copied).cells if cell.status == "done"]
    (copied / "manifest.json").write_text("{")
    cleaned = clean(copied)
    assert list(cleaned.removed) == ["cells/crashing/0", "cells/crashing/1"]
    assert all(path.is_dir() for path in finished)
    assert (copied / "manifest.json").read_text() == "{"


def test_a_full_disk_can_be_made_room_on(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LmcompareError("full") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(guards, "write_text", full)  # which writes who has the lock
    assert "cells/ngram/0" in clean(copied, ["ngram"]).removed


def test_a_manifest_that_stays_as_it_is_needs_no_room(copied: Path) -> None:
    clean(copied)
    before = (copied / "manifest.json").stat()
    assert clean(copied).removed == {}
    after = (copied / "manifest.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_folder_that_a_run_writes_to_is_left_alone(copied: Path) -> None:
    before = files(copied)
    with locked(copied), pytest.raises(LmcompareError, match="another process is writing"):
        clean(copied, ["ngram"])
    assert files(copied) >= before


def test_a_folder_that_may_not_be_entered_is_no_other_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may be run as root, who may enter all
    with pytest.raises(LmcompareError, match="no permission"):
        clean(tmp_path)
