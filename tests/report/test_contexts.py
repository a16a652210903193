"""One word in several contexts: what is said of it and what is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.render.charts.contexts import numbered, ranges
from lmcompare.render.definitions import also_known, parsed
from lmcompare.render.prose import written
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.page import section_of
from lmcompare.studies.contexts import Contexts
from lmcompare.studies.contexts import section as contexts
from lmcompare.studies.contexts.section import Context, Placed, Word
from lmcompare.study import brought
from tests.measured import change_measured
from tests.report.part import part_of
from tests.report.tree import Node, parse, plain
from tests.run_folder import reseal

KIND = ("unigram", "word2vec-bow", "rnn-attention", "transformer")
STILL = [[0.0] * 3] * 3
MOVED = [[0.0, 0.2, 1.0], [0.2, 0.0, 0.6], [1.0, 0.6, 0.0]]
CONTEXTS = [
    Context("the river", " bank", "", "prompt"),
    Context("a", " bank", " x", "d"),
    Context("", "bank", "", "d"),
]


def said_of(words: Sequence[Word], models: Sequence[Model]) -> str:
    """What the section says of words in these models."""
    unmoved, moving = contexts.means(words, models)
    values: dict[str, Any] = {
        "senses": None,
        "left_out": {},
        "missing": [],
        "unranked": (),
        "unmoved": unmoved,
        "moving": moving,
    }
    with also_known(parsed(brought(Contexts(), "terms"))):
        html, *_ = written("contexts", "lmcompare.studies.contexts", words=words, models=models, **values)
    return plain(parse(f"<div>{html}</div>").text)


def test_the_distances_of_a_map_are_given(models: dict[str, Model]) -> None:
    one = Placed(models["transformer"], MOVED)
    assert one.mean == pytest.approx(0.6)
    for places, distances, facts in (
        (CONTEXTS, STILL, ["The same vector in every context."]),
        (CONTEXTS, MOVED, ["1 and 2 (0.20)", "1 and 3 (1.00)", "The map keeps 100 % of the variance"]),
        (CONTEXTS[:2], [[0.0, 0.5], [0.5, 0.0]], ["Distance 0.50."]),
        (CONTEXTS[:2], [[0.0, 0.004], [0.004, 0.0]], ["below 0.01"]),
    ):
        model = models["transformer"]
        said = said_of([Word("bank", places, [Placed(model, distances)])], [model])
        for fact in facts:
            assert fact in said


def test_points_lie_as_far_apart_as_the_vectors_on_the_sphere(models: dict[str, Model]) -> None:
    points, kept = Placed(models["transformer"], MOVED).points
    assert kept == pytest.approx(1.0)
    for i in range(3):
        for j in range(3):
            apart = (points[i][0] - points[j][0]) ** 2 + (points[i][1] - points[j][1]) ** 2
            assert apart == pytest.approx(2 * MOVED[i][j], abs=1e-9)  # |u - v|² = 2 (1 - cos)


def test_the_mean_distances_of_the_models_are_compared(models: dict[str, Model]) -> None:
    bag, rnn, transformer = (models[name] for name in ("word2vec-bow", "rnn-attention", "transformer"))
    half = [[d / 2 for d in row] for row in MOVED]
    words = [Word("bank", CONTEXTS, [Placed(bag, STILL), Placed(rnn, half), Placed(transformer, MOVED)])]
    found = contexts.means(words, [bag, rnn, transformer])
    assert found[0] == ["word2vec-bow"]
    assert dict(found[1]) == pytest.approx({"transformer": 0.6, "rnn-attention": 0.3})
    # a word that one model does not have does not count
    more = [*words, Word("light", CONTEXTS, [Placed(transformer, half)])]
    assert contexts.means(more, [bag, rnn, transformer]) == found


def answer(distances: list[list[float]] | None, *keys: object) -> contexts.Answer:
    return contexts.Answer([Context(f"before {key}", "bank", "", "d", key) for key in keys], distances)


def test_models_are_compared_on_the_places_that_they_share(models: dict[str, Model]) -> None:
    rnn, transformer, bag = (models[name] for name in ("rnn-attention", "transformer", "word2vec-bow"))
    four = [[abs(i - j) / 10 for j in range(4)] for i in range(4)]
    answers = {
        rnn.name: {"bank": answer(MOVED, "a", "b", "c")},
        transformer.name: {"bank": answer(four, "x", "c", "y", "a")},
        bag.name: {"bank": answer(STILL, "p", "q", "a")},  # shares one place alone
        "unigram": {"bank": answer(None, "a", "b", "c")},
        "ngram": None,
    }
    together, alone = contexts.joined(answers, [rnn, transformer, bag, models["unigram"], models["ngram"]])
    assert [c.key for c in together.contexts] == ["a", "c"]
    assert [(one.model.name, one.distances) for one in together.placed] == [
        ("rnn-attention", [[0.0, 1.0], [1.0, 0.0]]),
        ("transformer", [[0.0, four[3][1]], [four[3][1], 0.0]]),
    ]
    assert [one.model.name for one in alone.placed] == ["word2vec-bow"]
    apart = [Word("a", CONTEXTS, [Placed(rnn, MOVED)]), Word("b", CONTEXTS, [Placed(transformer, MOVED)])]
    assert "not compared" in said_of(apart, [rnn, transformer])


def test_why_models_are_left_out(models: dict[str, Model]) -> None:
    answers = {
        "unigram": {"bank": answer(None, "a", "b")},
        "ngram": None,
        "leaky": {"bank": answer(None)},
        "transformer": {"bank": answer(None, "a", "b")},
    }
    assert contexts._left_out([models[name] for name in answers], answers) == {
        "no word vectors": ["unigram", "transformer"],
        "no answer": ["ngram"],
        "none of the words is a token": ["leaky"],
    }


def changed(folder: Path, change: Callable[[str, dict[str, Any]], object]) -> Section | None:
    """Change the stored examples of each model, given its name, and return the section on them."""
    for cell in folder.glob("cells/*/*"):

        def now(table: dict[str, Any], name: str = cell.parent.name) -> dict[str, Any]:
            change(name, table)
            return table

        change_measured(cell, "contexts", now)
    return section_of(Contexts(), ReportData(load_run(reseal(folder))))


@pytest.mark.slow
def test_words_that_stand_nowhere_are_named_and_an_older_run_has_none(tmp_path: Path) -> None:
    path = part_of(tmp_path, KIND)
    nowhere: dict[str, Any] = {"word": "ze<b>ra", "contexts": [], "distances": None}
    section = changed(path, lambda _, table: table.update(words=[nowhere]))
    assert section is not None
    assert "ze&lt;b&gt;ra" in section.html
    assert "Not here" not in section.html
    assert "ze\\<b\\>ra" in section.markdown
    assert changed(path, lambda _, table: [table.pop(key) for key in ("words", "senses")]) is None


def test_points_that_are_one_have_their_numbers_together() -> None:
    drawn = numbered([(0.0, 0.0)] * 4 + [(0.5, 0.0)], list("abcde"), 1.0, 0.7, 2, "a word")
    assert re.findall(r"<text[^>]*>([^<]*)</text>", drawn) == ["1–4", "5"]
    assert drawn.count("<title>") == 2
    assert "1: a; 2: b; 3: c; 4: d" in drawn


def test_a_long_sentence_is_cut_between_words() -> None:
    stored = {"before": "word " * 40 + "the", "word": " bank", "after": " lent" * 30, "document": 7, "position": 3}
    found = contexts._context(stored, ["only one"])
    assert found.before == "… " + "word " * 17 + "the"
    assert found.after == " lent" * 9 + " …"
    assert found.source == "document 7"
    unbroken = contexts._context({**stored, "before": "x" * 200, "after": "y" * 200, "document": 0}, ["only one"])
    assert (len(unbroken.before), len(unbroken.after), unbroken.source) == (92, 52, "only one")


def test_ranges() -> None:
    assert [ranges(n) for n in ([1], [1, 2], [1, 2, 3], [1, 3, 4, 5, 8])] == ["1", "1, 2", "1–3", "1, 3–5, 8"]


@pytest.mark.slow
def test_the_section(tree: Node, markdown: str) -> None:
    section = tree.one("section", id_="meaning")
    said = section.text
    assert "word2vec-bow has one vector for a word" in said
    assert "unigram, ngram and leaky (no word vectors), char-transformer (none of the words is a token)" in said
    assert "fewer than twice in prompts and test text: zebra." in said
    assert len(section.all("figure")) == 1 + 2 * 3  # a table, and two words under three models
    assert len(section.all("li")) == 8 + 8
    assert "5 of our 12 words with two senses, and 0 can be read" in plain(said)
    assert "| word | contexts | word2vec-bow | rnn-attention | transformer |" in markdown


def sense_set(word: str, distances: list[list[float]], average: list[list[float]] | None = None) -> dict[str, Any]:
    texts = [{"text": f"{name} {k} of the {word}", "sense": s} for s, name in enumerate("ab") for k in range(3)]
    token = {"token": "then", "probability": 0.25, "other": 0.125}
    return {
        "word": word,
        "names": ["fi<rst", "second"],
        "sentences": texts,
        "next": [[token], []],
        "distances": distances,
        "average": average,
        "counts": SAME,
    }


SAME = [[0.0] * 6] * 6
APART = [[0.0 if (i < 3) == (j < 3) else 1.0 for j in range(6)] for i in range(6)]


def with_senses(path: Path, found: dict[str, list[dict[str, Any]]]) -> tuple[Section, str]:
    """Return the section of models that have these sets, and what it says."""
    left_out = {"cell": "not one token"}
    section = changed(
        path, lambda name, t: t.update(senses={"sets": found[name], "left_out": left_out} if name in found else None)
    )
    assert section is not None
    return section, plain(section.markdown)


@pytest.mark.slow
def test_who_tells_the_senses_apart_is_said_first(tmp_path: Path) -> None:
    path = part_of(tmp_path, KIND)
    still = [sense_set(word, SAME, APART) for word in "vwxyz"]
    section, said = with_senses(path, {"word2vec-bow": still, "rnn-attention": still, "transformer": still[:2]})
    assert section.title == "Do vectors tell the senses of a word apart?"
    assert "by chance (40 %; word2vec-bow 40 % and rnn-attention 40 %)" in said  # 2 of 5
    assert "not tested for transformer: the test needs 5 of our 3 words with two senses, and 2 can be read" in said
    assert said.index("No: in no model") < said.index("One word in several sentences")
    assert "fi&lt;rst" in section.html
    assert "no model is measurably better" in said
    assert "−60 (−60 to −60)" in said
    apart = [{**sense_set(word, APART), "layers": [SAME, APART]} for word in "vwxyz"]
    section, said = with_senses(path, {"word2vec-bow": still, "transformer": apart})
    assert "the nearest sentence has the same sense more often than by chance (40 %)" in said
    assert "not found in the word2vec-bow." in said
    assert ">6 of 6<" in section.html  # folded
    assert "| after layer | none | 1 |" in said
    assert "| same sense | 40 % | 100 % |" in said
    assert "then 25 % (12 %)" in plain(section.html)
    assert "Left out: cell (not one token)." in said
    # with 5 sets p is 2/32 at best; with 6 it is 2/64
    _, said = with_senses(path, {"transformer": [sense_set(word, APART, SAME) for word in "uvwxyz"]})
    assert "transformer is measurably better than the plain average" in said
    assert "+60 (60 to 60)" in said
    assert said.index("Yes, in the transformer (") < said.index("measurably better")
    # as good as the average, and one word that is not told apart
    alike = [sense_set("u", SAME, SAME), *(sense_set(word, APART, APART) for word in "vwxyz")]
    _, said = with_senses(path, {"transformer": alike})
    assert "Yes, in the transformer (" in said
    assert "For “u”, the transformer is no better than chance." in said
