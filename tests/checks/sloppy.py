"""Models that break another promise of the contract each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Self

import numpy as np

from lmcompare.exhibits import Bars, Exhibit
from lmcompare.model import FloatArray, Setting, Size, State, Stepper, Traits, fitted
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.checks import rogues
from tests.checks.honest import Honest, normalised, previous


class StepperStandsStill(Honest):
    """Generates without looking at what it generated."""

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        class Still(Stepper):
            def log_probs(inner) -> FloatArray:  # noqa: N805
                text = Encoded.from_documents([prefix], vocabulary)
                row: FloatArray = self.next_log_probs(text, np.array([len(prefix)]))[0]
                return row

            def push(inner, token: int) -> None:  # noqa: N805
                vocabulary.check([token])

        return Still()


class ListsByNumber(Honest):
    """Lists the first tokens of the vocabulary as the most likely ones."""

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        class Numbers(Views):
            def top_k(inner, k: int) -> tuple[IntArray, FloatArray]:  # noqa: N805
                ids = np.arange(len(vocabulary))[:k]
                return ids, inner.log_probs()[ids]

        return Numbers(self, prefix, vocabulary)


class ListsInBits(Honest):
    """Lists the right tokens with another unit."""

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        class Bits(Views):
            def top_k(inner, k: int) -> tuple[IntArray, FloatArray]:  # noqa: N805
                ids, nats = super().top_k(k)
                return ids, nats / np.log(2)

        return Bits(self, prefix, vocabulary)


class CarriesInSecret(Honest):
    """Knows at a sentence's beginning whether it is the document's first, and does not declare it."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        rows[np.asarray(at) > text.context_starts(at), 4] += 0.2
        return normalised(rows)


class CarriesNothing(Honest):
    """Declares that it carries what it does not."""

    traits = Traits(carries_state=True)


class CarriesRounding(Honest):
    """Declares that it carries what it only rounds otherwise."""

    traits = Traits(carries_state=True)

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        rows[np.asarray(at) > text.context_starts(at)] *= 1 + 1e-6
        return rows


class NotCausal(Honest):
    """Says so itself."""

    traits = Traits(causal=False)


class ImpossibleWords(Honest):
    """Gives nothing to pairs that it has not seen."""

    def __init__(self, alpha: float = 0.0) -> None:
        super().__init__(alpha)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().fit(train, valid, setting)


class StumblesOverNothing(Honest):
    """Can't score a text without tokens."""

    def log_probs(self, text: Encoded) -> FloatArray:
        found: FloatArray = super().log_probs(text) - 0 * text.ids.max()
        return found


class FirstTokens(Honest):
    """Scores a document of one token as if it were inside a text."""

    def log_probs(self, text: Encoded) -> FloatArray:
        scores = super().log_probs(text)
        alone = text.starts[text.ends - text.starts == 1]
        scores[alone] = fitted(self.table, self)[2, text.ids[alone]]
        return scores


class ShortMemory(Honest):
    """Falls to pieces behind 4,000 tokens."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        rows[np.asarray(at) - text.context_starts(at) > 4000] = -1.0
        return rows


class StumblesOverTheUnseen(Honest):
    """Has no row for what it never read."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        rows[previous(text, at) == len(text.vocabulary) - 1] = np.nan
        return rows


class LearnsNothing(Honest):
    """Trusts its counts a little only: better than the floor, and no more."""

    def __init__(self, alpha: float = 200.0) -> None:
        super().__init__(alpha)


class FitReturnsNone(Honest):
    """Forgets ``return self``."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Any:
        super().fit(train, valid, setting)


class AnswersUntrained(Honest):
    """Guesses evenly before it is trained."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        V = len(text.vocabulary)
        return np.full((len(at), V), -np.log(V)) if self.table is None else super().next_log_probs(text, at)


class WritesIntoPositions(Honest):
    """Counts positions from one, in the caller's array."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        at += 1
        return super().next_log_probs(text, at - 1)


class LendsItsTable(Honest):
    """Gives views of its own table away."""

    def log_probs(self, text: Encoded) -> FloatArray:
        return fitted(self.table, self)[previous(text, np.arange(len(text))), text.ids]

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        return Views(self, prefix, vocabulary)


class Views(Stepper):
    """Hands out rows of the table."""

    def __init__(self, model: Honest, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._table = fitted(model.table, model)
        self._last = int(prefix[-1]) if len(prefix) else vocabulary.end

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._table[self._last]
        return row

    def push(self, token: int) -> None:
        self._last = token


class StoresUnderAnotherName(Honest):
    """Keeps its hyper-parameter where nobody finds it."""

    def __init__(self, weight: float = 0.05) -> None:
        super().__init__(weight)


class RoundsItsParameter(Honest):
    """Stores another value than it was given."""

    def __init__(self, alpha: float = 0.0512) -> None:
        super().__init__(round(alpha * 2, 2))


class TakesAnything(Honest):
    """Swallows misspelt hyper-parameters."""

    def __init__(self, **options: float) -> None:
        super().__init__(**{k: v for k, v in options.items() if k == "alpha"})


class WrongPreset(Honest):
    """Has a preset with a hyper-parameter that it does not have."""

    presets: ClassVar = {"quick": {}, "full": {"beta": 1}}


class ForgetsOnRestore(Honest):
    """Stores half of what it knows."""

    def state(self) -> State:
        return State({"table": fitted(self.table, self).astype(np.float16)})

    def restore(self, state: State) -> Self:
        self.table = normalised(state.arrays["table"].astype(np.float64))
        return self


class ShowsNothingProper(Honest):
    """Has a chart with more labels than bars."""

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        yield Bars(title="Bars", labels=("a", "b"), values=(1.0,))


class OddVectors(Honest):
    """Has a vector too few."""

    def word_vectors(self) -> FloatArray:
        return fitted(self.table, self)[:-1]


class FewVectors(Honest):
    """Has no vector for the last position."""

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray:
        return np.ones((len(at) - 1, 3))


class VectorsOfWhatFollows(Honest):
    """Has a vector that tells the next token."""

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray:
        return np.append(text.ids, 0)[at + 1][:, None].astype(np.float32)


class NegativeSize(Honest):
    """Is smaller than nothing."""

    def size(self) -> Size:
        return Size(-1, 0)


class EndlessExhibits(Honest):
    """Shows itself for ever."""

    def exhibits(self, text: Encoded) -> Iterator[Exhibit]:
        while True:
            yield Bars(title="Again", labels=("a",), values=(1.0,))


class GrowsByAnotherName(Honest):
    """Has a width by a name that it does not take."""

    def sized(self, parameters: int, types: int) -> dict[str, int]:
        return {"width": parameters}


class HalfPrecision(Honest):
    """Answers in float16."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        return super().next_log_probs(text, at).astype(np.float16)


class Excused(rogues.Bits):
    """Answers in bits, and says so; its other excuse is stale."""

    known_failures: ClassVar = {
        "sums-to-one": "answers in bits",
        "word-vectors-fit": "none yet",
        "sum-to-one": "misspelt",
    }


class Breaks(Honest):
    """Can't be trained."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        raise ZeroDivisionError("no luck today")


class TwoLineTitle(Honest):
    """Has a title of two lines."""

    def title(self) -> str:
        return "Honest\nor nearly so"


class RenamedByTraining(Honest):
    """Has another title once it is trained."""

    def title(self) -> str:
        return "Untrained" if self.table is None else "Trained"


class NotesInOneText(Honest):
    """Has one text where a tuple of sentences is due."""

    notes = "The weights were chosen by hand."  # type: ignore[assignment]


class ForgetsItsNotes(Honest):
    """Has a note after training that a restored model lacks."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        self.notes = (f"Trained on {len(train)} tokens.",)
        return super().fit(train, valid, setting)


class AnswersAnything(Honest):
    """Has figures for positions that there are not."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        return super().next_log_probs(text, np.clip(at, 0, len(text)))


class TakesAnyToken(Honest):
    """Goes on after a token that there is not."""

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        table = fitted(self.table, self)

        class Last(Stepper):
            last = int(prefix[-1]) if len(prefix) else vocabulary.end

            def log_probs(inner) -> FloatArray:  # noqa: N805
                row: FloatArray = table[inner.last % len(vocabulary)].copy()
                return row

            def push(inner, token: int) -> None:  # noqa: N805
                inner.last = token

        return Last()
