"""What a run's truth checks look at: documents of the test text, and what the model said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.harness.truth_positions import Sample
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.tokens import Encoded, IntArray


@dataclass(frozen=True)
class Found:
    figure: float
    tolerance: float
    where: str  # of the largest deviation
    covered: str


class View:
    """The documents that hold the sampled positions, as a text of their own, and the distributions there.

    The longest document stands last, so that the position behind its end can be asked for. A model that learns from
    the documents before is asked in the whole text instead.
    """

    def __init__(
        self,
        model: LanguageModel,
        text: Encoded,
        log_probs: FloatArray,
        chosen: Sample,
        generator: np.random.Generator,
    ) -> None:
        self.model, self.whole, self.generator = model, text, generator
        self.adaptive = model.traits.adaptive
        self.chosen = chosen
        documents = np.unique(text.document_of(chosen.positions))
        if self.adaptive:
            documents = np.arange(text.n_documents)
        else:
            lengths = (text.ends - text.starts)[documents]
            documents = documents[np.argsort(lengths, kind="stable")]
        self.documents: IntArray = documents
        self.text = text.select(documents)
        self.scores = np.concatenate([log_probs[text.starts[d] : text.ends[d]] for d in documents])
        self.all_scores = log_probs
        self.at = np.append(self.here(chosen.positions), [] if self.adaptive else [len(self.text)]).astype(np.int64)
        self.at.sort()
        self._rows: FloatArray | None = None

    @property
    def rows(self) -> FloatArray:
        """(B, V) nats at ``at``, asked for once."""
        if self._rows is None:
            self._rows = np.asarray(self.model.next_log_probs(self.text, self.at.copy()))
        return self._rows

    def here(self, positions: IntArray) -> IntArray:
        """The positions of the whole text as positions of this one."""
        documents = self.whole.document_of(positions)
        order = np.argsort(self.documents, kind="stable")
        index = order[np.searchsorted(self.documents, documents, sorter=order)]
        return self.text.starts[index] + positions - self.whole.starts[documents]

    def row_of(self, position: int) -> int:
        """Which row stands for a position of this text."""
        return int(np.searchsorted(self.at, position))


def some(view: View, whole: Encoded, all_scores: FloatArray, tokens: int) -> tuple[Encoded, FloatArray, str]:
    """Whole documents of at most so many tokens, or the beginning of one, with the scores they had.

    For a model that learns from the documents before: the beginning of the text.
    """
    lengths = whole.ends - whole.starts
    order = np.arange(whole.n_documents) if view.adaptive else view.generator.permutation(whole.n_documents)
    order = order[lengths[order] > 0]
    if not view.adaptive and len(order) > 1:  # without the longest, on which a padded batch would depend
        order = order[order != np.argmax(lengths)]
    taken: list[int] = []
    left = tokens
    for d in order.tolist():
        if lengths[d] <= left:
            taken.append(d)
            left -= int(lengths[d])
        elif view.adaptive:
            break
    if taken:
        part = whole.select(taken)
        scores = np.concatenate([all_scores[whole.starts[d] : whole.ends[d]] for d in taken])
        return part, scores, f"{len(part):,} tokens of {len(taken)} whole document{'s' * (len(taken) > 1)}"
    d = int(order[0]) if view.adaptive else int(order[np.argmin(lengths[order])])
    start = int(whole.starts[d])
    part = Encoded.from_documents([whole.ids[start : start + tokens]], whole.vocabulary)
    return part, all_scores[start : start + tokens], f"the first {len(part):,} tokens of a document"
