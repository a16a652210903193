"""One word in several contexts: what is said of it and what is drawn."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.report.charts.contexts import numbered, ranges
from lmcompare.report.material import Material, Model
from lmcompare.report.sections import meaning
from lmcompare.report.sections.meaning import Context, Placed, Word
from tests.report.tree import Node
from tests.run_folder import write_run_folder

STILL = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
MOVED = [[0.0, 0.2, 1.0], [0.2, 0.0, 0.6], [1.0, 0.6, 0.0]]
CONTEXTS = [
    Context("the river", " bank", "", "prompt"),
    Context("a", " bank", " x", "d"),
    Context("", "bank", "", "d"),
]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def models(run: Run) -> dict[str, Model]:
    return Material(run).by_name


def test_a_map_is_read(models: dict[str, Model]) -> None:
    assert Placed(models["word2vec-bow"], STILL).reading == "One vector, wherever the word stands."
    one = Placed(models["transformer"], MOVED)
    assert one.mean == pytest.approx(0.6)
    assert plain(one.reading) == (
        "0.60 apart on average; nearest 1 and 2 (0.20), farthest 1 and 3 (1.00). The map keeps 100 % of the spread."
    )
    pair = Placed(models["transformer"], [[0.0, 0.5], [0.5, 0.0]])
    assert plain(pair.reading) == "0.50 apart on average. The map keeps 100 % of the spread."


def test_points_lie_as_far_apart_as_the_vectors_on_the_sphere(models: dict[str, Model]) -> None:
    points, kept = Placed(models["transformer"], MOVED).points
    assert kept == pytest.approx(1.0)
    for i in range(3):
        for j in range(3):
            apart = (points[i][0] - points[j][0]) ** 2 + (points[i][1] - points[j][1]) ** 2
            assert apart == pytest.approx(2 * MOVED[i][j], abs=1e-9)  # |u - v|² = 2 (1 - cos)


def test_the_models_are_set_against_one_another(models: dict[str, Model]) -> None:
    bag, rnn, transformer = (models[name] for name in ("word2vec-bow", "rnn-attention", "transformer"))
    half = [[d / 2 for d in row] for row in MOVED]
    words = [Word("bank", CONTEXTS, [Placed(bag, STILL), Placed(rnn, half), Placed(transformer, MOVED)])]
    assert meaning.reading(words, [bag, rnn, transformer]) == (
        "To word2vec-bow a word is one point, whatever stands before it. Context moves the words of transformer by"
        " 0.60 on average (rnn-attention 0.30), where 1 is as far as two tokens of the text lie apart on average."
    )
    # a word that one model does not place counts for none
    more = [*words, Word("light", CONTEXTS, [Placed(transformer, half)])]
    assert meaning.reading(more, [bag, rnn, transformer]) == meaning.reading(words, [bag, rnn, transformer])
    assert meaning.reading([Word("bank", CONTEXTS, [Placed(bag, STILL)])], [bag]) == (
        "To word2vec-bow a word is one point, whatever stands before it."
    )


def test_points_that_are_one_have_their_numbers_together() -> None:
    drawn = numbered([(0.0, 0.0)] * 4 + [(0.5, 0.0)], list("abcde"), 1.0, 0.7, 2, "a word")
    assert re.findall(r"<text[^>]*>([^<]*)</text>", drawn) == ["1–4", "5"]
    assert drawn.count("<title>") == 2
    assert "1: a; 2: b; 3: c; 4: d" in drawn


def test_a_long_sentence_is_cut_between_words() -> None:
    stored = {"before": "word " * 40 + "the", "word": " bank", "after": " lent" * 30, "document": 7, "position": 3}
    found = meaning._context(stored, ["only one"])
    assert found.before == "… " + "word " * 17 + "the"
    assert found.after == " lent" * 9 + " …"
    assert found.source == "document 7"
    unbroken = meaning._context({**stored, "before": "x" * 200, "after": "y" * 200, "document": 0}, ["only one"])
    assert (len(unbroken.before), len(unbroken.after), unbroken.source) == (92, 52, "only one")


def test_ranges() -> None:
    assert [ranges(n) for n in ([1], [1, 2], [1, 2, 3], [1, 3, 4, 5, 8])] == ["1", "1, 2", "1–3", "1, 3–5, 8"]


def test_the_section(tree: Node, markdown: str) -> None:
    section = tree.one("section", id_="meaning")
    said = section.text
    assert "To word2vec-bow a word is one point" in said
    assert "unigram, ngram, char-transformer and leaky have no vectors of words" in plain(said)
    assert "in fewer than two places" in said
    assert len(section.all("figure")) == 1 + 2 * 3  # a table, and two words under three models
    assert len(section.all("li")) == 5 + 4
    assert "## Context changes meaning" in markdown
    assert "| mean distance | word2vec-bow | rnn-attention | transformer |" in markdown


def test_runs_of_an_older_version_have_no_words(tmp_path: Path) -> None:
    path = write_run_folder(tmp_path / "run", models=("unigram", "transformer"), failed=(), invalid=())
    for file in path.glob("cells/*/*/examples.json"):
        table = json.loads(file.read_text())
        del table["words"]
        file.write_text(json.dumps(table))
    assert meaning.build(Material(load_run(path))) is None
