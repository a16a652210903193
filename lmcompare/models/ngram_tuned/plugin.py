"""The n-gram model whose discounts and strengths are tuned on the held-out split."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Self

import numpy as np

from lmcompare import memory
from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating.discount_classes import Classes, with_repeats
from lmcompare.counts.estimating.held_out import HeldOut, look_up
from lmcompare.counts.estimating.kneser_ney import Discounts
from lmcompare.counts.estimating.pitman_yor import estimate
from lmcompare.counts.estimating.tuning import closed_form, tune
from lmcompare.exhibits import Exhibit
from lmcompare.model import Progress, Setting, State, fitted
from lmcompare.models.common.parameters import check_whole
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.ngram.smoothing.kneser_ney import KneserNey
from lmcompare.models.ngram_tuned import exhibits as tuned_exhibits
from lmcompare.models.ngram_tuned.tuned import Tuned
from lmcompare.tokens import Encoded, Vocabulary

LEAST = 200  # tokens of valid; fewer say too little


class NGramTuned(NGram):
    """The n-gram model with what it takes off its counts fitted to valid instead of worked out from train.

    Interpolated Kneser-Ney with the strength of a hierarchical Pitman-Yor process (Teh 2006): an n-gram's discount
    depends on its order, on its count, on how much more often it stands without its first word, and on its context's
    mean count (Chen and Goodman 1999, section 2.4, part contexts by it), the strength on order and context. Below the
    unigrams ``<unk>`` has a share of its own. All of these are chosen by the likelihood of valid.

    Parameters: ``order``, the n in n-gram, 1 or more; ``levels``, how many counts, 1, 2 … and the last or more, have
    discounts of their own; ``groups``, into how many the contexts of an order are parted; ``repeats``, how often one
    and the same word before an n-gram counts at the lower orders, 1 in Kneser-Ney. ``setting.budget`` changes
    nothing: the fit takes seconds. Where valid has fewer than 200 tokens, or is less likely tuned than not, the model
    is that of ``ngram`` and says so in a note.
    """

    def __init__(self, order: int = 5, levels: int = 10, groups: int = 16, repeats: int = 2) -> None:
        super().__init__(order=order)
        for name, value in (("levels", levels), ("groups", groups), ("repeats", repeats)):
            check_whole(name, value, 1)
        self.levels, self.groups, self.repeats = levels, groups, repeats
        self._tuned: Tuned | None = None

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count train, and tune on valid. Raises ``LmcompareError`` if train has no tokens."""
        counts = list(self._count(train, setting))
        self._tuned = None
        self._estimate(counts, valid, setting.vocabulary)
        if len(valid) < LEAST:
            why = f"valid has {len(valid):,} tokens, and {LEAST:,} are needed"
            self.notes = (f"Not tuned: {why}; the discounts are those of ngram.", *self.notes)
        else:
            self._tune(counts, valid, setting.vocabulary)
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def title(self) -> str:
        """Return its name for people."""
        return f"{self.order}-gram, tuned Kneser-Ney"

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the tuned numbers, the orders that matched and a trace of each sentence."""
        if self._tuned is None:
            yield from super().exhibits(text)
        else:
            yield from tuned_exhibits.exhibits(self._for(text.vocabulary), self._tuned, self._discounts(), text)

    def state(self) -> State:
        """Return what ``ngram`` does, and what was tuned."""
        state = super().state()
        values = {name: getattr(self, name) for name in ("levels", "groups", "repeats")}
        tuned = self._tuned and self._tuned.to_json()
        return State(state.arrays, {**state.values, **values, "tuned": tuned})

    def restore(self, state: State) -> Self:
        """Become the model of this state; its hyper-parameters go before those given to ``__init__``."""
        super().restore(state)
        self.levels, self.groups, self.repeats = (int(state.values[n]) for n in ("levels", "groups", "repeats"))
        tuned = state.values["tuned"]
        self._tuned = tuned and Tuned.from_json(tuned)
        return self

    def _discounts(self) -> tuple[Discounts, ...]:
        """Return what train gives."""
        assert isinstance(self._method, KneserNey)
        return self._method.discounts

    def _tune(self, counts: list[Counts], valid: Encoded, vocabulary: Vocabulary) -> None:
        """Put the tuned table in the place of the one there is, unless that makes valid less likely."""
        plain = float(fitted(self._table, self).score(valid).mean())
        counts = with_repeats(counts, self.repeats)
        nodes = look_up(valid, counts)
        classes = Classes.of(counts, nodes, self.levels, self.groups)
        start = closed_form(self._discounts(), classes, len(vocabulary))
        text = HeldOut.gather(nodes, counts, classes)
        found = tune(text, classes, start, len(vocabulary), vocabulary.unknown)
        table = estimate(counts, classes, found, len(vocabulary), vocabulary.unknown)
        mean = float(table.score(valid).mean())
        if not mean >= plain:
            note = "Not tuned: valid is likelier under the discounts of the counts of counts, which were kept."
            self.notes = (note, *self.notes)
            return
        self._table = table
        self._tuned = Tuned.of(found, counts, classes)
        before = f"{math.exp(-plain):,.2f}" if np.isfinite(plain) else "∞"
        self.notes = (
            f"Discounts, strengths and the share of <unk> were tuned on the {len(valid):,} tokens of valid: its"
            f" perplexity fell from {before} to {math.exp(-mean):,.2f}, so its figures flatter this model.",
            f"Below the unigrams <unk> has {found.unknown:.3g} of the probability; the other types share the rest"
            " evenly.",
        )
