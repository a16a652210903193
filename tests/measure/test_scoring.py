"""Ranks and the most likely tokens, by hand; which parts of the test text are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.errors import PluginError
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text.reading import prepare
from lmcompare.measure import scoring
from lmcompare.measure.scoring import (
    LONGEST_EXAMPLE,
    checked_log_probs,
    example_sentences,
    fresh_documents,
    measured_part,
    most_likely,
    score_and_rank,
    shown_positions,
    timed_log_probs,
)
from lmcompare.measure.word_bits import WordEnds
from lmcompare.model import Traits, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
TABLE = np.log(np.array([[0.1, 0.2, 0.4, 0.2, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2], [0.05, 0.05, 0.1, 0.3, 0.5]]))
TEXT = Encoded.from_documents([[3, 2, 0]], VOCABULARY)
ENDS = WordEnds(np.array([False, True, False]), np.array([False, True, False, True, False]))


class _Fixed:
    """Three positions, three given distributions, streamed last first."""

    traits = Traits()

    def stream(self, text: Encoded) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for at in reversed(range(3)):
            yield np.array([at]), TABLE[[at]]

    def log_probs(self, text: Encoded) -> np.ndarray:
        return np.array([-1.0, np.nan, -2.0])


def test_targets_are_ranked_and_ties_go_by_id() -> None:
    ranked = score_and_rank(_Fixed(), TEXT, np.array([0, 2]), ENDS)  # type: ignore[arg-type]
    # position 0: b (0.2) comes after a (0.4) and </s> (0.2, a smaller id); position 1: all equal, a is the third;
    # position 2: <unk> (0.05) after c, b and a, before </s> (0.05, a greater id)
    assert ranked.target_rank.tolist() == [3, 3, 4]
    np.testing.assert_allclose(np.exp(ranked.log_probs), [0.2, 0.2, 0.05])
    assert ranked.top_ids.tolist() == [[2, 1, 3, 0, 4], [4, 3, 2, 0, 1]]
    np.testing.assert_allclose(np.exp(ranked.top_log_probs[1]), [0.5, 0.3, 0.1, 0.05, 0.05])
    np.testing.assert_allclose(np.exp(ranked.end_log_probs), [1, 0.4, 1])  # </s> and b at position 1: 0.2 + 0.2


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (cycle([([0], TABLE[[0]])]), "position 0 more than once"),
        ([([2, 0, 2], TABLE)], "position 2 more than once"),
        (repeat(([], TABLE[:0])), "1,000 empty blocks"),
        ([([3], TABLE[[0]])], "position 3 of a text of 3"),
        ([([-1], TABLE[[0]])], "position -1"),
        ([([0.5], TABLE[[0]])], "not whole numbers"),
        ([5], "yields an int"),
        (None, "stream returned None"),
        ([([0], TABLE[[0]].astype(str))], "returned <U"),
        ([([0], "abc")], "a str"),
        ([([2], TABLE[[2]]), ([1], TABLE[[1]])], "left out 1"),
    ],
)
def test_streams_that_never_end_or_yield_something_else_are_refused(blocks: Iterable[Any] | None, said: str) -> None:
    pairs = blocks and ((np.array(b[0]), b[1]) if isinstance(b, tuple) else b for b in blocks)
    model = SimpleNamespace(stream=lambda text: pairs)
    with pytest.raises(PluginError, match=said):
        score_and_rank(model, TEXT, np.array([2]), ENDS)  # type: ignore[arg-type]


NO_NUMBERS = [  # in place of an array of float32 or float64, and what is said of it
    ([1.0, 2.0, 3.0], "a list"),
    (None, "None"),
    ((x for x in range(3)), "a generator"),
    (np.ma.masked_less(np.zeros(3), 1), "a MaskedArray"),
    (np.zeros((1, 3)).view(np.matrix), "a matrix"),
    *((np.zeros(3, kind), kind) for kind in ("float16", "complex128", "object", "int64")),
    (np.array(["a", "b", "c"]), "<U1"),
]


@pytest.mark.parametrize(("given", "said"), NO_NUMBERS)
def test_scores_that_are_no_numbers_are_refused(given: object, said: str) -> None:
    model = SimpleNamespace(traits=Traits(), log_probs=lambda text: given)
    with pytest.raises(PluginError, match=rf"SimpleNamespace\.log_probs returned {said}: .*float32 or float64"):
        checked_log_probs(model, TEXT)  # type: ignore[arg-type]
    distributions = SimpleNamespace(next_log_probs=lambda text, at: given)
    with pytest.raises(PluginError, match=rf"SimpleNamespace\.next_log_probs returned ({said}|shape)"):
        next_distributions(distributions, TEXT, np.arange(3))  # type: ignore[arg-type]


def test_scores_of_a_wrong_shape_or_nan_are_refused() -> None:
    with pytest.raises(PluginError, match="NaN at 1 of 3"):
        checked_log_probs(_Fixed(), TEXT)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="shape"):
        checked_log_probs(_Fixed(), TEXT.select([]))  # type: ignore[arg-type]


@pytest.mark.parametrize("types", [1, 4, 5, 255, 256, 257, 1000])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_most_likely_are_those_of_a_full_sort_with_ties_by_id(types: int, kind: type) -> None:
    values: np.ndarray = np.random.default_rng(types).integers(-9, 0, (20, types)).astype(kind)
    values[3] = -np.inf
    values[4, : types // 2] = -np.inf
    ids, nats = most_likely(values, 5)
    expected = np.argsort(-values, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(nats, np.take_along_axis(values, expected, axis=1))
    assert ids.shape == (20, min(types, 5))


@pytest.mark.parametrize("types", [16, 600])
def test_what_is_not_a_number_is_not_likely(types: int) -> None:
    values = np.log(np.random.default_rng(0).dirichlet(np.ones(types), 2))
    values[0, : types - 9] = np.nan
    ids, nats = most_likely(values, 5)
    assert np.isfinite(nats).all()
    assert ids[0].tolist() == (types - 9 + np.argsort(-values[0, types - 9 :])[:5]).tolist()
    assert ids[1].tolist() == np.argsort(-values[1])[:5].tolist()


def test_what_a_first_call_costs_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    class Slow(_Fixed):
        calls: ClassVar[list[int]] = []

        def log_probs(self, text: Encoded) -> np.ndarray:
            clock[0] += 7.0 if not self.calls else 0.25
            self.calls.append(len(text))
            return np.zeros(len(text))

    scores, seconds = timed_log_probs(Slow(), TEXT)  # type: ignore[arg-type]
    assert len(scores) == Slow.calls[-1] == 3
    assert seconds == 0.25


def test_a_long_text_is_scored_in_parts_of_whole_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "PART_TOKENS", 6)
    text = Encoded.from_documents([[0] * n for n in (4, 0, 5, 1, 13, 2)], TEXT.vocabulary)
    read: list[list[int]] = []

    class Counting(_Fixed):
        def log_probs(self, text: Encoded) -> np.ndarray:
            read.append((text.ends - text.starts).tolist())
            return np.arange(len(text)) - 100.0

    told: list[int] = []
    scores = checked_log_probs(Counting(), text, told.append)  # type: ignore[arg-type]
    # documents begin at 0, 4, 4, 9, 10 and 23: within tokens 0 to 5, 6 to 11, and 18 to 23
    assert read == [[4, 0, 5], [1, 13], [2]]
    assert told == [9, 14, 2]
    np.testing.assert_array_equal(scores, [n - 100.0 for size in told for n in range(size)])

    class Adaptive(Counting):
        traits = Traits(adaptive=True)

    read.clear()
    checked_log_probs(Adaptive(), text)  # type: ignore[arg-type]
    assert read == [[4, 0, 5, 1, 13, 2]]


KNOWN = ["the cat that sat on the mat saw a dog run by", "and the dog ran after a bird that sang in the tree"]
FRESH = ["a green boat went down the river to a town", "where men in red coats sold it for a few coins"]


def prepared(tmp_path: Path, test: list[list[str]]) -> TokenizedCorpus:
    """Each split is a file of documents between blank lines."""
    splits = {
        "train": [KNOWN, ["one two three four five six seven eight nine ten"]],
        "valid": [["an old king had three daughters"]],
        "test": test,
    }
    for which, documents in splits.items():
        (tmp_path / f"{which}.txt").write_text("\n\n".join("\n".join(lines) for lines in documents) + "\n")
    corpus = load({which: tmp_path / f"{which}.txt" for which in splits}, CorpusOptions(documents="blank-line"))
    assert [d.repeat is not None for d in corpus.test] == [lines == KNOWN for lines in test]
    return prepare(corpus, TokensTable(kind="whitespace"), tmp_path / "tokens")


def test_a_document_that_stands_in_train_is_no_example(tmp_path: Path) -> None:
    found = prepared(tmp_path, [KNOWN, FRESH])
    assert fresh_documents(found).tolist() == [False, True]
    everywhere = measured_part(found, whole=True).at
    assert set(found.test.document_of(shown_positions(found, everywhere)).tolist()) == {1}
    assert {sentence.document for sentence in example_sentences(found, 4)} == {1}
    again = TokenizedCorpus(found.path)
    np.testing.assert_array_equal(shown_positions(again, everywhere), shown_positions(found, everywhere))


def test_where_all_documents_stand_in_train_they_are_shown(tmp_path: Path) -> None:
    found = prepared(tmp_path, [KNOWN])
    assert fresh_documents(found).tolist() == [True]
    assert len(shown_positions(found, measured_part(found, whole=True).at)) == len(found.test)
    assert len(example_sentences(found, 2)) == 2


def test_of_a_very_long_sentence_the_beginning_is_shown(tmp_path: Path) -> None:
    found = prepared(tmp_path, [[" ".join(f"w{n}" for n in range(5000))]])
    (shown,) = example_sentences(found, 4)
    assert shown.tokens == [f"w{n}" for n in range(LONGEST_EXAMPLE)]
    assert (shown.first, shown.start) == (0, 0)


def test_of_a_long_text_documents_drawn_by_a_hash_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = [[f"a b c {n}", "d e", "f g h i"] for n in range(9)]
    found = prepared(tmp_path, test)
    whole = measured_part(found, whole=False)
    np.testing.assert_array_equal(whole.at, np.arange(len(found.test)))
    assert whole.sentences.n_documents == 27
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 10)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(33, 34))
    part = measured_part(TokenizedCorpus(found.path), whole=False)
    np.testing.assert_array_equal(part.text.ids, found.test.ids[part.at])
    # documents of 13 tokens, the last cut after its first two sentences of 5 and 3 tokens, if not 7 tokens fit
    lengths = np.diff(np.append(part.text.starts, len(part.at)))
    assert sorted(lengths.tolist()) == [5, 13, 13]
    starts = found.test.starts.tolist()
    assert all(int(part.at[start]) in starts for start in part.text.starts)
    assert part.sentences.n_documents == 7
    assert all(part.text.ids[end - 1] == found.vocabulary.end for end in part.sentences.ends)
    shown = shown_positions(found, part.at)
    assert set(shown) <= set(part.at.tolist())
    assert len(measured_part(found, whole=True).at) == len(found.test)


def test_of_a_text_of_one_very_long_sentence_the_beginning_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = prepared(tmp_path, [[" ".join(f"w{n}" for n in range(500))]])
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 10)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(33, 34))
    part = measured_part(found, whole=False)
    np.testing.assert_array_equal(part.at, np.arange(33))
    assert (part.text.n_documents, part.sentences.n_documents) == (1, 1)
    assert len(shown_positions(found, part.at)) == 33


def test_the_sample_is_smaller_for_a_larger_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = prepared(tmp_path, [[f"a b c {n}"] for n in range(40)])  # documents of 5 tokens
    types = len(found.vocabulary)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(20, 101))
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 150 * types)
    for drawn, tokens in ((50 * types, 50), (types, 20), (120 * types, 100)):
        monkeypatch.setattr(scoring, "SAMPLE_PROBABILITIES", drawn)
        assert len(measured_part(found, whole=False).at) == tokens
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 200 * types)
    assert len(measured_part(found, whole=False).at) == 200
    monkeypatch.setattr(scoring, "SHOWN_PROBABILITIES", 32 * types)
    assert len(shown_positions(found, np.arange(200))) == 30  # six documents of one passage
