"""Answers to minimal pairs: stored, read, and left out where they are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.runfolder.cleaning import clean
from lmcompare.runfolder.files import RunFolderError, read_json, write_json
from lmcompare.runfolder.probed import Accuracy, Probed, phenomena_of, read_probed, write_probed

ROWS = (Accuracy("order", 4, 1, 0.5, 0.15, 0.85), Accuracy("", 6, 1, 0.75, 0.3, 0.95))


def test_answers_come_back(tmp_path: Path) -> None:
    english = Probed("english", "d", ROWS)
    write_probed(tmp_path, english)
    write_probed(tmp_path, Probed("my / pairs", "e", ROWS[:1]))
    assert read_probed(tmp_path) == (english, Probed("my / pairs", "e", ROWS[:1]))
    assert english.whole == ROWS[1]
    write_probed(tmp_path, Probed("english", "f", ROWS[:1]))  # other pairs of the same name replace them
    assert [probed.digest for probed in read_probed(tmp_path)] == ["f", "e"]


def test_names_that_differ_in_characters_that_files_lack_are_told_apart(tmp_path: Path) -> None:
    for name in ("my pairs", "my-pairs", "my:pairs"):
        write_probed(tmp_path, Probed(name, "d", ROWS))
    assert {probed.name for probed in read_probed(tmp_path)} == {"my pairs", "my-pairs", "my:pairs"}


def test_answers_of_a_cell_that_is_gone_are_not_put_into_what_took_its_place(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="was moved, replaced or removed"):
        write_probed(tmp_path / "cells" / "ngram" / "0", Probed("english", "d", ROWS))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "row",
    [{"accuracy": 1.5}, {"accuracy": "high"}, {"pairs": 0}, {"phenomenon": 3}, {"more": 1}],
)
def test_a_damaged_answer_is_left_out(tmp_path: Path, row: dict[str, object]) -> None:
    write_probed(tmp_path, Probed("english", "d", ROWS))
    path = tmp_path / "probes" / "english.json"
    table = read_json(path)
    table["rows"][0] |= row
    write_json(path, table)
    assert read_probed(tmp_path) == ()
    path.write_text("no json")
    assert read_probed(tmp_path) == ()


def test_a_file_of_others_among_the_answers_is_neither_removed_nor_replaced(copied: Path) -> None:
    cell = copied / "cells" / "ngram" / "0"
    write_probed(cell, Probed("english", "d", ROWS))
    mine = cell / "probes" / "mine.json"
    mine.write_text('{"name": "mine"}')
    with pytest.raises(RunFolderError, match=r"mine\.json is in the way and was not written by"):
        write_probed(cell, Probed("mine", "d", ROWS))
    assert clean(copied, ["ngram"]).left == ["cells/ngram/0/probes/mine.json"]
    assert [path.name for path in mine.parent.iterdir()] == ["mine.json"]
    assert mine.read_text() == '{"name": "mine"}'


def test_phenomena_keep_their_order_with_all_of_them_last() -> None:
    other = Probed("english", "d", (Accuracy("verbs", 2, 0, 1.0, 0.3, 1.0), *ROWS))
    assert phenomena_of([Probed("english", "d", ROWS), other]) == ["order", "verbs", ""]
    assert phenomena_of([Probed("english", "d", ROWS[:1])]) == ["order"]
