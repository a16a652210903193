"""The neighbours of the same words in several models, beside each other."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from lmcompare.analysis import load_run
from lmcompare.exhibits import Neighbours, to_json
from lmcompare.report.data import ReportData
from lmcompare.studies.similar_words import section as similar_words
from tests.measured import change_measured
from tests.report.part import part_of
from tests.report.tree import parse
from tests.run_folder import reseal

pytestmark = pytest.mark.slow

ONE = Neighbours(
    title="Vectors",
    words=("bank", "river"),
    neighbours=(("shore", "money", "a", "b", "c", "d"), ("sea",)),
    similarities=((0.9, 0.8, 0.7, 0.6, 0.5, 0.4), (0.5,)),
)
OTHER = Neighbours(title="Vectors", words=("bank",), neighbours=(("money", "x"),), similarities=((0.4, 0.2),))


def test_words_of_several_models_stand_beside_each_other(tmp_path: Path) -> None:
    folder = part_of(tmp_path, ("ngram", "word2vec-bow", "transformer"))
    for name, exhibit in (("word2vec-bow", ONE), ("transformer", OTHER)):
        assert similar_words.build(ReportData(load_run(folder))) is None  # of one model or none
        stored = [5, {"kind": "neighbours"}, {"kind": "bars"}, to_json(exhibit)]  # damage is reported elsewhere
        change_measured(folder / "cells" / name / "0", "exhibits", partial(lambda new, _: new, stored))
        reseal(folder)
    section = similar_words.build(ReportData(load_run(folder)))
    assert section is not None
    shown = parse(str(section.html))
    heads = [head.text for head in shown.one("thead").all("th")]
    assert heads == ["Word", "word2vec-bow", "transformer"]
    (row,) = shown.one("tbody").all("tr")
    lists = [[item.text for item in cell.all("li")] for cell in row.all("td")]
    assert lists == [
        ["shore 0.90", "money 0.80", "a 0.70", "b 0.60", "c 0.50"],  # of "bank", the only word of both
        ["money 0.40", "x 0.20"],
    ]
    assert {bold.text for bold in row.all("b")} == {"money"}
    assert [item.attributes["style"] for item in row.all("td")[1].all("li")] == ["--w:1.00", "--w:0.50"]
