"""Cells as they are on disk, and what a run leaves that was killed while it replaced one."""

from __future__ import annotations

import shutil
from pathlib import Path

from lmcompare.runfolder.cell import stored_cells
from lmcompare.runfolder.guards import end_replacements, replace_cell


def test_every_cell_is_found_by_name_and_seed(copied: Path) -> None:
    (copied / "cells/ngram/0.new").mkdir()
    (copied / "cells/ngram/notes").mkdir()
    (copied / "cells/begun/10").mkdir(parents=True)
    (copied / "cells/begun/9").mkdir()
    (copied / "cells/unigram/0/cell.json").write_text("[]")
    cells = {cell.place: cell for cell in stored_cells(copied)}
    assert [place for place in cells if "ngram/" in place or "begun" in place][:4] == [
        *("cells/begun/9", "cells/begun/10", "cells/ngram/0", "cells/ngram/1")
    ]
    assert cells["cells/ngram/0"].finished
    assert cells["cells/ngram/0"].asked["plugin"] == "ngram"
    assert cells["cells/ngram/0"].identity == cells["cells/ngram/1"].identity
    assert not cells["cells/crashing/0"].finished
    for place in ("cells/begun/9", "cells/unigram/0"):
        assert (cells[place].finished, cells[place].identity, cells[place].asked) == (False, "", {})


def test_no_kill_while_a_cell_is_replaced_loses_it(tmp_path: Path) -> None:
    cell = tmp_path / "cells/a/0"
    for name, content in (("0.old", "old"), ("0.new", "new")):  # as they are between the two renames
        cell.with_name(name).mkdir(parents=True)
        (cell.with_name(name) / "cell.json").write_text(content)
    end_replacements(tmp_path)
    assert (cell / "cell.json").read_text() == "old"
    assert not cell.with_name("0.old").exists()
    replace_cell(cell)
    assert (cell / "cell.json").read_text() == "new"
    assert [path.name for path in cell.parent.iterdir()] == ["0"]
    shutil.copytree(cell, cell.with_name("0.old"))  # after both
    end_replacements(tmp_path)
    assert [path.name for path in cell.parent.iterdir()] == ["0"]


def test_folders_of_others_are_no_replaced_cells(tmp_path: Path) -> None:
    model = tmp_path / "cells" / "ngram"
    for name in ("mine", "mine.old", "\u0663.old"):
        (model / name).mkdir(parents=True)
        (model / name / "log.txt").write_text("mine")
    (model / "0.old").write_text("mine")
    before = sorted(path.relative_to(model).as_posix() for path in model.rglob("*"))
    end_replacements(tmp_path)
    assert sorted(path.relative_to(model).as_posix() for path in model.rglob("*")) == before
    assert stored_cells(tmp_path) == []
