"""A run's own truth checks: honest models pass, rogues are caught by the right check, and the work is bounded."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.checks.texts import MarkovTexts
from lmcompare.harness.truth import NAMES, truth_checks
from lmcompare.harness.truth_positions import CUT_TOKENS, READ_TOKENS, sample
from lmcompare.model import FloatArray, LanguageModel, Setting, Traits
from lmcompare.tokens import Encoded, IntArray
from tests.checks import rogues, sloppy
from tests.checks.gallery import GALLERY
from tests.checks.honest import Honest, normalised

TEXTS = MarkovTexts(0)
LONG = TEXTS.text("truth long", tokens=700).ids
TEST = TEXTS.encoded(*TEXTS.text("truth", documents=9, tokens=120).documents(), LONG, [], TEXTS.valid.ids[:90])
TRUTH_GALLERY = sorted({(rogue, truth) for rogue, _, truth in GALLERY if truth}, key=lambda row: row[0].__name__)


def checked(model: LanguageModel, text: Encoded = TEST, **options: Any) -> dict[str, Any]:
    model.fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))
    scores = np.asarray(model.log_probs(text), np.float64)
    return truth_checks(model, text, scores, unigram_log_probs=TEXTS.floor(text), **options)


def failing(report: dict[str, Any]) -> set[str]:
    return {c["name"] for c in report["checks"] if not c["passed"]}


def test_honest_model_passes_and_the_report_is_stored_as_json() -> None:
    report = checked(Honest())
    assert report["passed"] is True
    assert [c["name"] for c in report["checks"]] == list(NAMES)
    for check in report["checks"]:
        assert set(check) == {"name", "passed", "figure", "tolerance", "detail"}
        assert 0 <= check["figure"] <= check["tolerance"]
        assert len(check["detail"]) > 20
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_model_of_scores_is_held_to_all_but_the_sum() -> None:
    class Doubled(Honest):
        """Every probability twice as large."""

        def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
            return super().next_log_probs(text, at) + np.log(2)

    assert failing(checked(Doubled())) >= {"sums to one"}
    declared = Doubled()
    declared.traits = Traits(normalised=False)
    report = checked(declared)
    assert report["passed"]
    assert [c["name"] for c in report["checks"]] == [name for name in NAMES if name != "sums to one"]
    for rogue, truth in (
        (rogues.PeeksInScores, NAMES[1]),
        (rogues.StreamPeeks, NAMES[2]),
        (rogues.PeeksAhead, NAMES[3]),
    ):
        model = rogue()
        model.traits = Traits(normalised=False)
        assert truth in failing(checked(model))


@pytest.mark.parametrize(("rogue", "truth"), TRUTH_GALLERY, ids=lambda v: getattr(v, "__name__", v))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rogue_is_caught_by_the_right_check(
    rogue: type[LanguageModel], truth: str, seed: int, tmp_path: Path
) -> None:
    model = rogue(str(tmp_path / "memory.txt")) if rogue is rogues.Remembers else rogue()
    report = checked(model, seed=seed)
    assert report["passed"] is False
    assert truth in failing(report)
    json.dumps(report, allow_nan=False)


def test_only_what_is_wrong_is_accused() -> None:
    assert failing(checked(rogues.SentenceStart())) == {"sums to one", "stream agrees with log_probs"}
    assert failing(checked(rogues.StreamPeeks())) == {"stream agrees with log_probs"}
    assert failing(checked(rogues.ScoresKinder())) == {
        "the scores agree with next_log_probs",
        "stream agrees with log_probs",
    }


def test_detail_tells_the_figure_and_the_place() -> None:
    report = checked(rogues.SentenceStart())
    sums = report["checks"][0]
    assert sums["figure"] == pytest.approx(0.05)
    assert "sum to 1.05 " in sums["detail"]
    assert "at the beginning of document" in sums["detail"] or "</s>' (document" in sums["detail"]
    future = checked(rogues.PeeksAhead())["checks"][3]
    assert f"changes by {future['figure']:.4g} nats" in future["detail"]


def test_same_seed_looks_at_the_same_places() -> None:
    assert checked(Honest(), seed=5) == checked(Honest(), seed=5)


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


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_figures_that_hang_on_a_length_are_caught(seed: int) -> None:
    assert "the future leaves the past alone" in failing(checked(KnowsTheEnd(), seed=seed))
    assert "stream agrees with log_probs" in failing(checked(CountsTheText(), seed=seed))


class Stumbles(Honest):
    """Can score, but not say what comes next."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        if len(at) < 300:
            raise MemoryError("too many types")
        return super().next_log_probs(text, at)


def test_what_a_model_raises_is_told() -> None:
    report = checked(Stumbles())
    assert failing(report) >= {"sums to one", "the scores agree with next_log_probs"}
    assert report["checks"][0]["detail"] == "the model raised MemoryError: too many types"
    assert report["checks"][0]["figure"] == 1e6


def test_no_number_is_no_probability() -> None:
    class NotANumber(Honest):
        def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
            rows = super().next_log_probs(text, at).copy()
            rows[:, 3] = np.nan
            return rows

        def log_probs(self, text: Encoded) -> FloatArray:
            return np.full(len(text), -3.0)

    report = checked(NotANumber())
    assert "sums to one" in failing(report)
    json.dumps(report, allow_nan=False)


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
    assert checked(Cache())["passed"]
    undeclared = Cache()
    undeclared.traits = Traits()
    assert "scoring again gives the same" in failing(checked(undeclared))


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
    assert checked(Honest(), text)["passed"]


def test_text_without_tokens_has_nothing_to_check() -> None:
    assert checked(Honest(), TEXTS.encoded([], [])) == {"passed": True, "checks": []}


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
    """A recurrent model reads a document up to the position: beside the longest, so many tokens and no more."""
    generator = np.random.default_rng(0)
    text = TEXTS.encoded(*(generator.integers(1, 20, n) for n in (9000, 8000, 7000, 30_000, 5000, 400)))
    found = sampled(text)
    documents = text.document_of(found.positions)
    depth = {d: int(found.positions[documents == d].max() - text.starts[d]) for d in set(documents.tolist())}
    del depth[3]
    assert sum(depth.values()) <= READ_TOKENS + 6 * 600
    assert np.sum(found.cuts - text.context_starts(found.cuts)) <= CUT_TOKENS + 3 * 600
    assert len(found.cuts) >= 2


def test_the_gallery_is_not_empty() -> None:
    assert len(TRUTH_GALLERY) >= 12
    assert all(truth in NAMES for _, truth in TRUTH_GALLERY)
    assert sloppy.NotCausal.traits.causal is False
