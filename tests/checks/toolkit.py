"""A model of another toolkit as its documentation shows it, with the flaw that it has."""

from __future__ import annotations

from typing import Self

import numpy as np

from lmcompare.model import FloatArray, LanguageModel, Setting, State, fitted
from lmcompare.tokens import Encoded, IntArray

ORDER = 3
BEGIN, CLOSE = "<s>", "</s>"


class NltkPadding(LanguageModel):
    """NLTK's Witten-Bell trigrams, its sentences padded as its documentation shows.

    The beginning of a sentence is padded with two marks, and so the second is counted as what follows the first: the
    model expects a mark that never comes, most at a sentence's beginning, and what can come sums to less than one.
    """

    def __init__(self) -> None:
        self.text: IntArray | None = None
        self.types = 0
        self._rows: dict[tuple[str, ...], FloatArray] = {}

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        return self._of(train.ids, len(setting.vocabulary))

    def _of(self, ids: IntArray, types: int) -> Self:
        from nltk.lm import WittenBellInterpolated
        from nltk.lm.preprocessing import padded_everygram_pipeline

        self.text, self.types, self._rows = ids.copy(), types, {}
        sentences: list[list[str]] = [[]]
        for token in ids:
            if token == 1:
                sentences.append([])
            else:
                sentences[-1].append(str(token))
        grams, words = padded_everygram_pipeline(ORDER, sentences[:-1])
        self._model = WittenBellInterpolated(ORDER)
        self._model.fit(grams, words)
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        fitted(self.text, self)
        rows = [self._row(self._context(text, int(position), int(start)))
                for position, start in zip(at, text.context_starts(np.asarray(at)), strict=True)]  # fmt: skip
        return np.array(rows).reshape(len(rows), len(text.vocabulary))

    def _context(self, text: Encoded, position: int, start: int) -> tuple[str, ...]:
        before: list[str] = []
        for token in text.ids[max(start, position - ORDER + 1) : position]:
            before = [] if token == 1 else [*before, str(token)]
        return tuple([BEGIN] * (ORDER - 1 - len(before)) + before)

    def _row(self, context: tuple[str, ...]) -> FloatArray:
        if context not in self._rows:
            words = [CLOSE if token == 1 else str(token) for token in range(self.types)]
            known = self._model.vocab.lookup(context)
            figures = [self._model.score(word, known) for word in words]
            self._rows[context] = np.log(np.maximum(figures, 1e-12))
        return self._rows[context]

    def state(self) -> State:
        return State({"text": fitted(self.text, self)}, {"types": self.types})

    def restore(self, state: State) -> Self:
        return self._of(np.array(state.arrays["text"]), int(state.values["types"]))
