"""Ranks and the most likely tokens, by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle, repeat
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from lmcompare.errors import PluginError
from lmcompare.measure import scoring
from lmcompare.measure.scoring import checked_log_probs, most_likely, score_and_rank, timed_log_probs
from lmcompare.measure.word_bits import WordEnds
from lmcompare.model import Traits, next_distributions
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
