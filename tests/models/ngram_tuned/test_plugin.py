"""The tuned n-gram model: tuning never makes the validation text less likely."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lmcompare.counts import ngrams as counting
from lmcompare.counts.ngrams import nodes_of, with_starts
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Curve, WorkedEquation, from_json, to_json
from lmcompare.model import Setting
from lmcompare.models.ngram import kneser_ney
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.ngram_tuned.plugin import LEAST, NGramTuned
from lmcompare.models.ngram_tuned.tuning import Classes, HeldOut, closed_form, likelihood, tune, with_repeats
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back, steps_agree
from tests.models.ngram.cases import is_a_distribution

pytestmark = pytest.mark.slow

SIZE = 60
WORDS = Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, SIZE))])


def text(seed: int, sentences: int = 120, unknown: float = 0.0) -> Encoded:
    """Sentences in which every other word leans on the one before; ``unknown``: how likely any word is ``<unk>``."""
    rng, ids = np.random.default_rng(seed), []
    weights = 1 / np.arange(2, SIZE - 3)
    for _ in range(sentences):
        word = 2
        for _ in range(rng.integers(1, 15)):
            drawn = int(rng.choice(np.arange(2, SIZE - 3), p=weights / weights.sum()))
            word = 2 + (word * 7) % 40 if rng.random() < 0.4 else drawn
            ids.append(0 if rng.random() < unknown else word)
        ids.append(1)
    return Encoded.from_documents([ids], WORDS)


TRAIN, VALID, OTHER = text(1, 400), text(2, unknown=0.05), text(3, unknown=0.05)


@pytest.fixture(scope="module")
def tuned() -> NGramTuned:
    return NGramTuned(order=4).fit(TRAIN, VALID, Setting(WORDS))


def test_the_page_has_no_copy_with_other_discounts(tuned: NGramTuned) -> None:
    with pytest.raises(LmcompareError, match="not with tuned ones"):
        tuned.in_page(VALID)
    untuned = NGramTuned(order=2).fit(TRAIN, text(2, 2), Setting(WORDS))
    assert untuned.in_page(VALID).table == NGram(order=2).fit(TRAIN, VALID, Setting(WORDS)).in_page(VALID).table


def test_texts_are_more_likely_than_under_the_ngram_model(tuned: NGramTuned) -> None:
    plain = NGram(order=4).fit(TRAIN, VALID, Setting(WORDS))
    assert tuned.log_probs(VALID).mean() > plain.log_probs(VALID).mean()
    assert tuned.log_probs(OTHER).mean() > plain.log_probs(OTHER).mean()  # from the same source, but not read
    assert tuned.notes[0].startswith("Discounts, strengths")


@pytest.mark.parametrize(("valid", "repeats"), [(VALID, 2), (text(5, 3), 1), (TRAIN, 1)])
def test_tuning_never_makes_valid_less_likely(valid: Encoded, repeats: int) -> None:
    counts = with_repeats(list(counting.count(with_starts(TRAIN), 3, SIZE, 1)), repeats)
    nodes = nodes_of(counts, with_starts(valid))
    classes = Classes.of(counts, nodes, 5, 4)
    held_out = HeldOut.gather(nodes, counts, classes)
    start = closed_form([kneser_ney.discounts(c.statistics) for c in counts], classes, SIZE)
    found = tune(held_out, classes, start, SIZE, 0)
    assert likelihood(held_out, found, SIZE, 0)[0] > likelihood(held_out, start, SIZE, 0)[0]
    counts_of = np.repeat(np.arange(1, 6), found.discounts.shape[1] // 5)
    assert (found.discounts > 0).all()
    assert (found.discounts < counts_of).all()
    assert (found.strengths >= 0).all()


def test_tuning_finds_the_probability_of_the_unknown_word(tuned: NGramTuned) -> None:
    # 1 in 20 validation tokens is <unk>, but no training token: it is predicted about as often, unseen types rarely.
    rows = np.exp(tuned.next_log_probs(OTHER, np.arange(len(OTHER))))
    assert rows[:, 0].mean() == pytest.approx((VALID.ids == 0).mean(), rel=0.25)
    assert (rows[:, -1] > 0).all()
    assert rows[:, -1].mean() < rows[:, 0].mean() / 10


@pytest.mark.parametrize(
    ("order", "options"),
    [(1, {}), (2, {"levels": 30, "groups": 99}), (5, {"levels": 1, "groups": 1, "repeats": 1})],
)
def test_sums_to_one_after_every_kind_of_context(order: int, options: dict[str, int]) -> None:
    odd: list[Any] = [[], [0, 0, 0, 0], [1, 1, 1], [SIZE - 1, 0, SIZE - 2, 1, 5], *OTHER.documents()]
    model = NGramTuned(order=order, **options).fit(TRAIN, VALID, Setting(WORDS))
    is_a_distribution(model, Encoded.from_documents(odd, WORDS))
    for ids in ([1], [2, 1], [0, 0, 1]):
        tiny = Encoded.from_documents([ids], WORDS)
        model = NGramTuned(order=order, **options).fit(tiny, VALID, Setting(WORDS))
        is_a_distribution(model, Encoded.from_documents([OTHER.ids[:50]], WORDS))
        assert len(list(model.exhibits(OTHER)))


def test_the_same_bits_twice(tuned: NGramTuned) -> None:
    again = NGramTuned(order=4).fit(TRAIN, VALID, Setting(WORDS))
    for name, array in tuned.state().arrays.items():
        np.testing.assert_array_equal(again.state().arrays[name], array)
    assert again.state().values == tuned.state().values


@pytest.mark.parametrize("tokens", [0, LEAST - 1])
def test_a_short_validation_text_leaves_the_ngram_model(tokens: int) -> None:
    valid = Encoded.from_documents([VALID.ids[:tokens]], WORDS)
    model, plain = (cls(order=3).fit(TRAIN, valid, Setting(WORDS)) for cls in (NGramTuned, NGram))
    np.testing.assert_array_equal(model.log_probs(OTHER), plain.log_probs(OTHER))
    assert "Not tuned" in model.notes[0]
    assert f"{tokens} tokens" in model.notes[0]
    assert model.notes[1:] == plain.notes
    assert [e.kind for e in model.exhibits(OTHER)] == [e.kind for e in plain.exhibits(OTHER)]


def test_what_is_refused() -> None:
    with pytest.raises(LmcompareError, match="no tokens"):
        NGramTuned().fit(Encoded.from_documents([], WORDS), VALID, Setting(WORDS))
    for name in ("levels", "groups", "repeats", "order"):
        for value in (0, 1.5, True):
            with pytest.raises(PluginError, match=f"{name} must be a whole number"):
                NGramTuned(**{name: value})  # type: ignore[arg-type]


def test_restoring_the_state_gives_the_same_model(tuned: NGramTuned) -> None:
    comes_back(tuned, NGramTuned(levels=2), OTHER)
    steps_agree(tuned, Encoded.from_documents([OTHER.ids[:12]], WORDS))


@pytest.mark.parametrize("order", [1, 4])
def test_exhibits_show_what_the_model_computes(order: int) -> None:
    model = NGramTuned(order=order).fit(TRAIN, VALID, Setting(WORDS))
    shown = list(model.exhibits(OTHER))
    assert [from_json(json.loads(json.dumps(to_json(e)))) for e in shown] == shown
    worked = shown[0]
    curves = [e for e in shown if isinstance(e, Curve)]
    assert len(curves) == (2 if order > 1 else 1)
    curve = curves[0]
    assert isinstance(worked, WorkedEquation)
    count, discount, whole, strength, own, weight, lower, probability = (value for _, value in worked.lines[:8])
    assert own == pytest.approx((count - discount) / (whole + strength))
    assert probability == pytest.approx(own + weight * lower)
    assert 0 < discount < count
    first = model.log_probs(OTHER)[: OTHER.sentence_starts()[1]]
    assert min(abs(np.exp(first) - worked.lines[-1][1])) < 1e-6
    assert len(curve.names) == 2 * order
    for x, y in zip(curve.x, curve.y, strict=True):
        assert all(0 <= d <= j for j, d in zip(x, y, strict=True) if j < model.levels)
    for strengths in curves[1:]:
        assert len(strengths.names) == order - 1
        assert all(len(x) == len(y) and list(x) == sorted(x) for x, y in zip(strengths.x, strengths.y, strict=True))
