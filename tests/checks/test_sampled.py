"""The checks of a run: honest models pass, what is wrong is told with its place, and the work is bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from lmcompare.checks.kit import Result
from lmcompare.checks.sampled import CHECKS, CUT_TOKENS, READ_TOKENS, Scored, run_sampled_checks, sample
from lmcompare.model import FloatArray, LanguageModel, Setting, Traits
from lmcompare.tokens import Encoded, IntArray
from tests.checks import rogues
from tests.checks.honest import Honest, normalised
from tests.checks.sampling import LONG, TEST, TEXTS, checked, failing

SUMS, AGREE, STREAM, FUTURE, AGAIN, SENTENCES, STORED, RANDOM = CHECKS
ALWAYS = [SUMS, AGREE, STREAM, FUTURE, AGAIN, RANDOM]  # what can be asked with the test text alone


def test_honest_model_passes() -> None:
    results = checked(Honest())
    assert list(results) == ALWAYS
    for result in results.values():
        assert result.passed
        assert result.figure is not None
        assert result.tolerance is not None
        assert 0 <= result.figure <= result.tolerance
        assert len(result.reason) > 20


def test_what_a_run_stores_is_checked_as_well() -> None:
    model = Honest()
    model.fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))
    scores, valid = model.log_probs(TEST), model.log_probs(TEXTS.valid)
    split = TEST.split_sentences()
    sentences = model.log_probs(split)

    def results(restored: LanguageModel, sentence_scores: FloatArray, valid_scores: FloatArray) -> dict[str, Result]:
        stored = Scored(
            TEST, scores, TEXTS.floor(TEST), split, sentence_scores, TEXTS.valid, valid_scores, lambda: restored
        )
        return {result.name: result for result in run_sampled_checks(model, stored)}

    sound = results(Honest().restore(model.state()), sentences, valid)
    assert list(sound) == list(CHECKS)
    assert failing(sound) == set()
    other = Honest(alpha=7.0)
    other.fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))
    assert failing(results(other, sentences, valid)) == {STORED}
    assert failing(results(model, sentences, valid + 0.1)) == {STORED}
    assert failing(results(model, sentences - 0.1, valid)) == {SENTENCES}


def test_a_model_of_scores_is_held_to_all_but_the_sum() -> None:
    class Doubled(Honest):
        """Every probability twice as large."""

        def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
            found: FloatArray = super().next_log_probs(text, at) + np.log(2)
            return found

    assert failing(checked(Doubled())) >= {SUMS}
    declared = Doubled()
    declared.traits = Traits(normalised=False)
    results = checked(declared)
    assert failing(results) == set()
    assert list(results) == [name for name in ALWAYS if name not in (SUMS, RANDOM)]
    for rogue, truth in ((rogues.PeeksInScores, AGREE), (rogues.StreamPeeks, STREAM), (rogues.PeeksAhead, FUTURE)):
        model = rogue()
        model.traits = Traits(normalised=False)
        assert truth in failing(checked(model))


def test_only_what_is_wrong_is_accused() -> None:
    assert failing(checked(rogues.SentenceStart())) == {SUMS, STREAM}
    assert failing(checked(rogues.StreamPeeks())) == {STREAM}
    assert failing(checked(rogues.ScoresKinder())) == {AGREE, STREAM}


def test_detail_tells_the_figure_and_the_place() -> None:
    sums = checked(rogues.SentenceStart())[SUMS]
    assert sums.figure == pytest.approx(0.05)
    assert "sum to 1.05 " in sums.reason
    assert "at the beginning of document" in sums.reason or "</s>' (document" in sums.reason
    future = checked(rogues.PeeksAhead())[FUTURE]
    assert f"changes by {future.figure:.4g} nats" in future.reason


def test_same_seed_looks_at_the_same_places() -> None:
    one, other = checked(Honest(), seed=5), checked(Honest(), seed=5)
    assert [(r.reason, r.figure) for r in one.values()] == [(r.reason, r.figure) for r in other.values()]


class RemembersInItsProcess(Honest):
    """Looks at each token the first time that it is scored, and predicts it from then on."""

    memory: ClassVar[dict[bytes, int]] = {}

    def log_probs(self, text: Encoded) -> FloatArray:
        self._look_at(text)
        scores: FloatArray = self.next_log_probs(text, np.arange(len(text)))[np.arange(len(text)), text.ids]
        return scores

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        self._look_at(text)
        yield from super().stream(text)

    def _look_at(self, text: Encoded) -> None:
        for at in range(len(text)):
            self.memory.setdefault(_context(text, at), int(text.ids[at]))

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = np.exp(super().next_log_probs(text, at)) * 0.1
        for row, position in enumerate(at):
            known = self.memory.get(_context(text, int(position)))
            rows[row] /= 0.1 if known is None else 1.0
            if known is not None:
                rows[row, known] += 0.9
        return np.log(rows)


def _context(text: Encoded, at: int) -> bytes:
    return text.ids[text.context_starts(np.array([at]))[0] : at].tobytes()


def test_a_model_that_remembers_what_it_has_scored_is_caught_by_random_tokens() -> None:
    results = checked(RemembersInItsProcess())
    assert failing(results) == {RANDOM}
    figure = results[RANDOM].figure
    assert figure is not None
    assert figure > 290 * np.log(0.9 * len(TEST.vocabulary))  # all but what it remembers otherwise


class KnowsTheEnd(Honest):
    """Gives the last word of a document away by where the document ends."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        at = np.asarray(at)
        inside = at < len(text)
        last = np.zeros(len(at), bool)
        last[inside] = at[inside] == text.ends[text.document_of(at[inside])] - 1
        rows[last, text.vocabulary.end] += 3
        return normalised(rows)


class CountsTheText(Honest):
    """Another model for texts of more than a thousand tokens."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        rows[:, 3] += len(text) > 1000
        return normalised(rows)


def test_figures_that_hang_on_a_length_are_caught() -> None:
    assert FUTURE in failing(checked(KnowsTheEnd()))
    assert STREAM in failing(checked(CountsTheText()))


class Stumbles(Honest):
    """Can score, but not say what comes next."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        if len(at) < 300:
            raise MemoryError("too many types")
        return super().next_log_probs(text, at)


def test_what_a_model_raises_is_told() -> None:
    results = checked(Stumbles())
    assert failing(results) >= {SUMS, AGREE}
    assert "MemoryError" in results[SUMS].reason
    assert results[SUMS].figure == 1e6


def test_no_number_is_no_probability() -> None:
    class NotANumber(Honest):
        def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
            rows = super().next_log_probs(text, at).copy()
            rows[:, 3] = np.nan
            return rows

        def log_probs(self, text: Encoded) -> FloatArray:
            return np.full(len(text), -3.0)

    assert SUMS in failing(checked(NotANumber()))


def test_a_model_may_give_a_token_the_probability_zero() -> None:
    class NeverTheLast(Honest):
        def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
            rows = super().next_log_probs(text, at).copy()
            rows[:, -1] = -np.inf
            return normalised(rows)

    assert failing(checked(NeverTheLast())) == set()


class Cache(Honest):
    """Honest and adaptive: raises the words of the documents before."""

    traits = Traits(adaptive=True)

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        starts = text.context_starts(np.asarray(at))
        for row, start in enumerate(starts):
            for token, count in Counter(text.ids[:start].tolist()).items():
                rows[row, token] += 0.001 * count
        return normalised(rows)


def test_model_that_learns_from_earlier_documents_passes_if_it_declares_so() -> None:
    assert failing(checked(Cache())) == set()
    undeclared = Cache()
    undeclared.traits = Traits()
    assert AGAIN in failing(checked(undeclared))


@pytest.mark.parametrize(
    "documents",
    [
        [[3]],
        [[], [2, 3, 1], []],
        [[1]] * 40,
        [TEXTS.train.ids],  # one document for all
        [[int(i)] for i in LONG],
    ],
    ids=["one token", "empty ones", "blank lines", "one document", "documents of a word"],
)
def test_texts_of_every_shape(documents: list[Any]) -> None:
    text = TEXTS.encoded(*documents)
    assert failing(checked(Honest(), text)) == set()


def test_text_without_tokens_has_nothing_to_check() -> None:
    assert checked(Honest(), TEXTS.encoded([], [])) == {}


# Where it looks


def sampled(text: Encoded, count: int = 48, gain: FloatArray | None = None) -> Any:
    gain = np.zeros(len(text)) if gain is None else gain
    return sample(text, gain, np.zeros(len(text)), count, np.random.default_rng(0))


def test_sample_holds_the_ends_of_the_longest_document_and_the_greatest_gains() -> None:
    gain = np.zeros(len(TEST))
    gain[[77, 401, 833]] = 9.0
    found = sampled(TEST, gain=gain)
    longest = 9
    assert {TEST.starts[longest], TEST.ends[longest] - 1, 77, 401, 833} <= set(found.positions)
    assert found.kinds == {"uniform": 16, "rarest contexts": 16, "greatest gains": 16, "sentence starts": 4}
    assert len(found.positions) >= 48
    assert np.all(np.diff(found.positions) > 0)


def test_sample_looks_behind_the_rarest_tokens() -> None:
    """The type that train does not hold is the rarest; what follows it is looked at."""
    never = len(TEXTS.vocabulary) - 1
    text = TEXTS.encoded(*TEST.documents(), [4, never, 5, 1])
    assert len(TEST) + 2 in sampled(text).positions


def test_cuts_stand_among_the_positions_with_those_before_them() -> None:
    found = sampled(TEST)
    assert 3 <= len(found.cuts) <= 6
    for cut in found.cuts:
        assert cut in found.positions
        if cut - 1 >= TEST.context_starts(np.array([cut]))[0]:
            assert cut - 1 in found.positions


def test_reading_is_bounded_in_a_long_text() -> None:
    """A recurrent model reads a document up to the position: beside the longest document, READ_TOKENS at most."""
    generator = np.random.default_rng(0)
    text = TEXTS.encoded(*(generator.integers(1, 20, n) for n in (9000, 8000, 7000, 30_000, 5000, 400)))
    found = sampled(text)
    documents = text.document_of(found.positions)
    depth = {d: int(found.positions[documents == d].max() - text.starts[d]) for d in set(documents.tolist())}
    del depth[3]
    assert sum(depth.values()) <= READ_TOKENS + 6 * 600
    assert np.sum(found.cuts - text.context_starts(found.cuts)) <= CUT_TOKENS + 3 * 600
    assert len(found.cuts) >= 2
