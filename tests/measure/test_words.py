"""Surprisal per word: what words, gaps and the end have, against brute force and by hand."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import lmcompare
from lmcompare.analysis import load_run
from lmcompare.corpora import documents_of
from lmcompare.measure import word_bits as word_scores
from lmcompare.measure.text_scores import WordScore
from lmcompare.measure.word_bits import HeldOutWords, WordsInTokens
from lmcompare.runfolder import files
from lmcompare.trained import TrainedModel

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

WORDS = ("a", "ab", "ba", "b")
TEXTS = [" ".join(WORDS[(n * 7 + m * m) % 4] for m in range(6)) + "\n" for n in range(60)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lmcompare.Comparison:
    kinds = {"word": "word", "char": "char", "bpe": "bpe:262", "space": "whitespace"}
    models = [{"plugin": "ngram", "name": name, "order": 3, "tokens": {"kind": k}} for name, k in kinds.items()]
    return lmcompare.compare(TEXTS, models, out=tmp_path_factory.mktemp("words"), device="cpu", quiet=True)


def scores(model: TrainedModel, text: str, ends: bool = True) -> list[WordScore]:
    return next(model.word_scores(documents_of([text]), ends=ends))


@pytest.mark.parametrize("name", ["word", "char", "bpe", "space"])
@pytest.mark.parametrize("text", ["ab a  ba\nb ab\n", "xyz a", " ab \n\n a", "ab.a, b!\tba\r\n"])
def test_words_gaps_and_the_end_are_the_bits_of_the_text(run: lmcompare.Comparison, name: str, text: str) -> None:
    model = run.model(name)
    rows = scores(model, text)
    assert sum(row.bits for row in rows) == pytest.approx(model.score(text, ends=True).bits)
    assert [row.word for row in rows if row.words] == text.split()
    assert all(text.encode()[row.start : row.end].decode() == row.word for row in rows)
    assert rows[-1].words == 0
    opened = scores(model, text, ends=False)
    assert [row.word for row in opened] == text.split()
    for row, other in zip(opened, rows, strict=False):
        assert row.surprisal_bits == pytest.approx(other.surprisal_bits)
        assert row.gap_bits == pytest.approx(other.gap_bits)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("name", ["word", "bpe"])
def test_texts_that_are_scored_together_have_the_scores_that_they_have_alone(
    run: lmcompare.Comparison, name: str, ends: bool
) -> None:
    model = run.model(name)
    texts = ["ab a  ba\nb ab\n", "a", "", "xyz a", " \n", "ba ab "]
    together = list(model.word_scores(documents_of(texts), ends=ends))
    alone = [scores(model, text, ends) for text in texts]
    assert [[row.word for row in rows] for rows in together] == [[row.word for row in rows] for rows in alone]
    for rows, others in zip(together, alone, strict=True):
        assert [row.bits for row in rows] == pytest.approx([row.bits for row in others], abs=1e-9)
    whole = list(model.score_documents(documents_of(texts), ends=ends))
    for text, found in zip(texts, whole, strict=True):
        assert found.bits == pytest.approx(model.score(text, ends=ends).bits)
        assert found.tokens == model.score(text, ends=ends).tokens


def test_the_words_of_a_model_of_words_are_its_tokens(run: lmcompare.Comparison) -> None:
    model = run.model("space")
    tokens = model.score("ab a\nba", ends=True)
    rows = scores(model, "ab a\nba")
    assert [row.surprisal_bits for row in rows[:3]] == pytest.approx([tokens.surprisal_bits[n] for n in (0, 1, 3)])
    assert rows[2].gap_bits == pytest.approx(
        tokens.surprisal_bits[2] + tokens.overhead_bits[2] + tokens.overhead_bits[3]
    )
    assert [row.sentence for row in rows[:3]] == [0, 0, 1]


@pytest.mark.parametrize("name", ["char", "bpe"])
def test_the_probabilities_of_all_next_words_sum_to_one(run: lmcompare.Comparison, name: str) -> None:
    # After "ab " a word of a and b follows in all of the training text. Those of up to three letters have nearly all
    # the probability; smoothing gives the rest to other bytes.
    model = run.model(name)
    total = 0.0
    for length in (1, 2, 3):
        for letters in itertools.product("ab", repeat=length):
            row = scores(model, f"ab {''.join(letters)}", ends=False)[1]
            total += 2.0**-row.surprisal_bits
    assert 0.95 < total <= 1 + 1e-9


def test_the_zipf_value_of_a_word_is_its_frequency_on_a_log_scale(run: lmcompare.Comparison) -> None:
    corpus = run.model("space").corpus
    words = [corpus.vocabulary[int(i)] for i in corpus.train.ids if i > 1]
    for name in ("word", "char"):
        for row in scores(run.model(name), "ab zz", ends=False):
            count = words.count(row.word)
            assert (row.frequency, row.length) == (count, 2)
            assert row.zipf == pytest.approx(np.log10((count + 1) / (len(words) + len(set(words))) * 1e9))
    table: Any = run.model("bpe").words("ab a")
    assert list(table["word"]) == ["ab", "a"]
    assert list(table["frequency"]) == [words.count("ab"), words.count("a")]
    assert {"surprisal_bits", "spelling_bits", "gap_bits", "sentence"} <= set(table.columns)


def test_the_end_of_a_word_by_hand(run: lmcompare.Comparison) -> None:
    model = run.model("char")

    def p(context: str, token: str) -> float:
        return dict(model.next_tokens(context, k=None))[token]

    first, second = scores(model, "ab a", ends=False)
    over = p("ab", " ") + p("ab", "</s>")
    assert 2**-first.surprisal_bits == pytest.approx(p("", "a") * p("a", "b") * over)
    assert 2**-second.gap_bits == pytest.approx(p("ab", " ") / over)
    assert 2**-second.surprisal_bits == pytest.approx(p("ab ", "a") * (p("ab a", " ") + p("ab a", "</s>")))


def test_unknown_words_are_marked_and_their_spelling_is_apart(run: lmcompare.Comparison) -> None:
    rows = scores(run.model("word"), "ab qqqq")
    assert [row.unknown for row in rows[:2]] == [False, True]
    assert rows[0].spelling_bits == 0
    assert rows[1].spelling_bits > 4


def test_words_that_one_token_crosses_share_a_figure() -> None:
    # "of the x": one token "of the", then " x"
    words = WordsInTokens.of(np.array([[0, 6], [6, 8], [8, 8]]), np.array([[0, 2], [3, 6], [7, 8]]))
    assert words.owner.tolist() == [0, 1, -1]
    assert words.following.tolist() == [0, 1, 2]
    assert (words.first.tolist(), words.last.tolist()) == ([0, 2], [1, 2])


@pytest.mark.parametrize(("name", "split"), [("word", "valid"), ("word", "test"), ("bpe", "test")])
def test_what_a_run_stores_of_words_is_what_the_scorer_finds(
    run: lmcompare.Comparison, name: str, split: Literal["valid", "test"]
) -> None:
    model = run.model(name)
    stored = load_run(run.folder)
    corpus = stored.tokens[next(m for m in stored.models if m.name == name).tokens_fingerprint]
    (cell,) = next(m for m in stored.models if m.name == name).done
    words, bits = corpus.words(split), cell.words(split)
    assert list(bits["document"]) == list(words["document"])
    total = bits[["surprisal_bits", "spelling_bits", "gap_bits"]].sum(axis=1)
    charged = -cell.scores(split)["log_prob"].sum() / np.log(2) + corpus.features(split)["overhead_bits"].sum()
    assert total.sum() == pytest.approx(charged, rel=1e-5)
    texts = {text.strip(): text for text in TEXTS}
    for _, at in list(words.groupby("document").groups.items())[:4]:
        text = texts[" ".join(words["word"][at][:-1])]
        rows = scores(model, text)
        assert [row.word for row in rows] == list(words["word"][at])
        for column in ("surprisal_bits", "spelling_bits", "gap_bits"):
            np.testing.assert_allclose(bits[column][at], [getattr(row, column) for row in rows], atol=2e-5)
        assert [row.frequency for row in rows] == list(words["train_count"][at])


@pytest.mark.parametrize("name", ["word", "bpe"])
def test_words_do_not_depend_on_the_parts_of_the_text(
    run: lmcompare.Comparison, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = load_run(run.folder)
    corpus = stored.tokens[next(m for m in stored.models if m.name == name).tokens_fingerprint]
    log_probs, ends = -np.random.default_rng(0).exponential(1, (2, len(corpus.test)))
    whole = list(HeldOutWords(corpus, "test").tables(log_probs, ends))
    monkeypatch.setattr(word_scores, "TOGETHER", 20)
    monkeypatch.setattr(files, "BLOCK", 7)
    words = HeldOutWords(corpus, "test")
    parts = list(words.tables(log_probs, ends))
    assert len(parts) > len(whole) == 1
    assert words.ends.at.any() == (name == "bpe")
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole[0])
