"""The grammar and the bigram that it is mixed with; its trees are those of training sentences only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lmcompare.checks.probe import MarkovTexts
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Heatmap, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.mixture.plugin import ClassNGram
from lmcompare.models.pcfg.plugin import Pcfg, mixture_weight
from lmcompare.tokens import Encoded
from tests.models.agreement import comes_back
from tests.models.mixture.cases import sums_and_agrees
from tests.models.pcfg.treebanks import brackets, trees_of_the_kit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def texts() -> MarkovTexts:
    return MarkovTexts(0)


@pytest.fixture(scope="module")
def model(texts: MarkovTexts) -> Pcfg:
    return Pcfg(trees_of_the_kit(), classes=4).fit(texts.train, texts.valid, Setting(texts.vocabulary))


def test_it_agrees_with_itself_and_comes_back(texts: MarkovTexts, model: Pcfg) -> None:
    first, second = texts.test.ids[:30], texts.test.ids[30:45]
    text = Encoded.from_documents([first, [], second, np.zeros(3, np.int64)], texts.vocabulary)
    sums_and_agrees(model, text)
    comes_back(model, Pcfg(model.trees, 1, 1), text)
    assert any(f"{100 * model._weight:.0f} %" in note for note in model.notes)
    unfitted = Pcfg(model.trees, classes=4, horizontal=1)
    unfitted.fit(texts.train, Encoded.from_documents([], texts.vocabulary), Setting(texts.vocabulary))
    assert unfitted._weight == 0.5
    assert "no validation text" in unfitted.notes[1]


@pytest.mark.parametrize("name", ["trees", "horizontal", "vertical", "classes", "longest"])
def test_invalid_hyperparameters_are_refused(name: str) -> None:
    for value in (-1, True):
        with pytest.raises(PluginError, match=name):
            Pcfg(**{name: value})  # type: ignore[arg-type]


def test_trees_of_held_out_sentences_change_nothing(texts: MarkovTexts, model: Pcfg, tmp_path: Path) -> None:
    known = {tuple(ids) for ids in texts.train.split_sentences().documents()}
    held_out = [
        ids
        for text in (texts.valid, texts.test)
        for ids in text.split_sentences().documents()
        if tuple(ids) not in known
    ]
    assert len(held_out) > 50
    path = tmp_path / "all.mrg"
    others = brackets(Encoded.from_documents(held_out, texts.vocabulary))
    path.write_text(f"{others}\n{Path(trees_of_the_kit()).read_text(encoding='utf-8')}\n{others}", encoding="utf-8")
    more = Pcfg(str(path), classes=4).fit(texts.train, texts.valid, Setting(texts.vocabulary))
    assert more.notes[0].partition(" of ")[0] == model.notes[0].partition(" of ")[0]
    np.testing.assert_array_equal(more.log_probs(texts.test), model.log_probs(texts.test))
    path.write_text(others, encoding="utf-8")
    with pytest.raises(LmcompareError, match="belongs to a sentence of the training text"):
        Pcfg(str(path)).fit(texts.train, texts.valid, Setting(texts.vocabulary))


def test_it_is_the_mixture_of_its_parts(texts: MarkovTexts, model: Pcfg) -> None:
    bigram = ClassNGram(4, 2).fit(texts.train, texts.valid, Setting(texts.vocabulary))
    by_grammar, by_bigram, weight = model.parts(texts.test)
    np.testing.assert_allclose(by_bigram, np.exp(bigram.log_probs(texts.test)), rtol=1e-6)
    np.testing.assert_allclose(
        np.exp(model.log_probs(texts.test)), weight * by_grammar + (1 - weight) * by_bigram, rtol=1e-12
    )
    assert 0.5 < weight.max() < 1


def test_beyond_the_longest_sentence_the_bigram_predicts_alone(texts: MarkovTexts) -> None:
    short = Pcfg(trees_of_the_kit(), classes=4, longest=3)
    short.fit(texts.train, texts.valid, Setting(texts.vocabulary))
    sentence = texts.train.ids[:8]
    assert texts.vocabulary.end not in sentence
    weight = short.parts(Encoded.from_documents([sentence], texts.vocabulary))[2]
    assert (weight > 0).tolist() == [True] * 4 + [False] * 4
    assert any("3 words" in note for note in short.notes)


def test_a_text_without_trees_is_refused(texts: MarkovTexts, tmp_path: Path) -> None:
    path = tmp_path / "other.mrg"
    path.write_text("(S (D the) (N cat))", encoding="utf-8")
    with pytest.raises(LmcompareError, match="none of the 1 trees"):
        Pcfg(str(path)).check_text(texts.train)


def test_the_weight_is_that_of_the_greatest_likelihood() -> None:
    random = np.random.default_rng(0)
    first, second = random.random(500), random.random(500)
    weights = np.linspace(0.001, 0.999, 999)
    best = weights[np.argmax([np.log(w * first + (1 - w) * second).sum() for w in weights])]
    assert mixture_weight(first, second) == pytest.approx(best, abs=2e-3)
    assert mixture_weight(np.zeros(0), np.zeros(0)) == 0.5


def test_its_exhibits(texts: MarkovTexts, model: Pcfg) -> None:
    sentences = [ids for ids in texts.test.split_sentences().documents() if 5 <= len(ids) <= 9][:1]
    text = Encoded.from_documents(sentences, texts.vocabulary)
    equation, tree, expected = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    (_, weight), (_, grammar), (_, bigram), (_, whole) = equation.lines
    assert whole == pytest.approx(weight * grammar + (1 - weight) * bigram)
    assert isinstance(tree, Heatmap)
    n = len(text) - 1
    assert list(tree.values[0][0]) == [n] * n  # the whole sentence, then one word less in each row
    assert sum(value is not None for value in tree.values[0][1]) == n - 1
    assert isinstance(expected, Heatmap)
    assert expected.columns == (*(texts.vocabulary[int(i)] for i in text.ids[:-1]), "(end)")
    assert replace(expected).find_problem() == ""
