"""Example sentences, and how a network explains with one of them what it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lmcompare.exhibits import Heatmap, Rows, WorkedEquation
from lmcompare.model import LanguageModel, greatest
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:  # count models use example sentences too, and do not load torch
    from torch import Tensor

ALONE = "the sentence read by itself"  # for models whose context continues across sentences
BEGINNING = "<s>"  # the label of a document's first input
LONGEST = 20  # tokens of a sentence in a map
DIGITS = 6  # digits of a stored number
MOST, LEAST = 5, 3  # how many next words with the greatest and the least logits are named
NAMED = (
    f"the {MOST} next words whose logits grow most, the {LEAST} whose logits fall most, and the word that came next."
    " A logit is in nats, and the mean over all words is subtracted"
)
T = TypeVar("T")
Line = tuple[str, float]  # a quantity of an equation and its value


def readable(text: Encoded, most: int) -> list[IntArray]:
    """Return the first ``most`` documents of at least 4 tokens, cut to ``LONGEST``."""
    return [ids[:LONGEST] for ids in text.documents() if len(ids) >= 4][:most]


def closed(ids: IntArray, end: int) -> IntArray:
    """Return the sentence with its end, which a sentence that was cut lacks."""
    return ids if ids[-1] == end else np.append(ids, end)


def labels(text: Encoded, ids: IntArray) -> tuple[str, ...]:
    """Return the labels of the inputs of a document: ``<s>`` and its words."""
    return (BEGINNING, *(text.vocabulary[int(i)] for i in ids))


@dataclass(frozen=True, eq=False)
class Example:
    """A sentence that a trained model reads by itself, and the word in it whose prediction is worked out.

    Parameters
    ----------
    model : LanguageModel
        The trained model.
    text : Encoded
        The text that has the sentence.
    ids : (n,) array of int
        The sentence.
    at : int
        The number of words before the one whose prediction is worked out.
    """

    model: LanguageModel
    text: Encoded
    ids: IntArray
    at: int

    @property
    def before(self) -> IntArray:
        """The ids of the words before the one whose prediction is worked out, (at,)."""
        return self.ids[: self.at]

    @property
    def read(self) -> tuple[str, ...]:
        """The labels of the inputs from which this word is predicted, (at + 1,)."""
        return labels(self.text, self.before)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The labels of all inputs from which words of the sentence are predicted, (n,)."""
        return labels(self.text, self.ids[:-1])

    @property
    def word(self) -> str:
        """The word whose prediction is worked out."""
        return self.text.vocabulary[int(self.ids[self.at])]

    def worked(
        self,
        equation: str,
        saying: str,
        lines: Sequence[Line],
        *,
        where: str = ALONE,
        after: Sequence[str] | None = None,
    ) -> WorkedEquation:
        """Return the equation with the trained model's numbers, at last the probability of the word that came.

        Parameters
        ----------
        equation, saying, lines
            As in ``WorkedEquation``.
        where : str
            The place of the numbers, such as the layer; the end of a sentence.
        after : sequence of str, optional
            The inputs that the note names; by default ``read``.
        """
        document = Encoded.from_documents([self.before], self.text.vocabulary)
        log_prob = self.model.next_log_probs(document, np.array([self.at]))[0][self.ids[self.at]]
        return WorkedEquation(
            title="Its equation",
            note=f"With the trained model's numbers after '{' '.join(after or self.read)}', {where}.",
            equation=equation,
            saying=saying,
            lines=(*lines, (f"P({self.word}), which came next", float(np.exp(log_prob)))),
        )

    def map(self, title: str, note: str, axis: str, columns: Sequence[str], panels: Mapping[str, Tensor]) -> Heatmap:
        """Return a map of numbers after each input of the sentence.

        Parameters
        ----------
        title, note : str
        axis : str
            The name of the columns.
        columns : sequence of str
            C labels.
        panels : mapping of str to (n, C) Tensor
            The numbers of each panel.
        """
        return Heatmap(
            title=title,
            note=note,
            rows=self.inputs,
            columns=tuple(columns),
            panels=tuple(panels),
            values=tuple(tuple(map(tuple, panel.tolist())) for panel in panels.values()),
            row_axis="after reading",
            column_axis=axis,
        )


def examples(model: LanguageModel, text: Encoded, most: int, words: int) -> Iterator[Example]:
    """Yield at most ``most`` readable sentences; the word is predicted from at most ``words`` words before it."""
    for ids in readable(text, most):
        yield Example(model, text, ids, min(len(ids) - 1, words))


def named_heads(layers: Iterable[Iterable[T]], most: int) -> tuple[list[tuple[str, T]], str]:
    """Return at most ``most`` heads, each with its name and its value, and a note if not all are among them."""
    every = [(f"layer {n}, head {h}", each) for n, layer in enumerate(layers, 1) for h, each in enumerate(layer, 1)]
    shown = every[:: max(1, -(-len(every) // most))]
    return shown, f" {len(shown)} of {len(every)} heads are shown." if len(shown) < len(every) else ""


def rounded(x: Tensor) -> Rows:
    """Return the rows of a matrix with ``DIGITS`` digits each."""
    return tuple(tuple(float(f"{v:.{DIGITS}g}") for v in row) for row in x.tolist())


def next_words(text: Encoded, logits: Tensor, came: IntArray) -> tuple[tuple[Line, ...], ...]:
    """Return, for each of T positions, the words with the greatest and the least logits (T, V), greatest first.

    The word that came next, ``came`` (T,), is among them. Their mean is subtracted from the logits, since a number
    that is added to all of them does not change the softmax.
    """
    rows = (logits - logits.mean(-1, keepdim=True)).numpy(force=True)
    named = []
    for row, word in zip(rows, came.tolist(), strict=True):
        chosen = {*greatest(row, MOST).tolist(), *greatest(-row, LEAST).tolist(), word}
        ordered = sorted(chosen, key=lambda each: (-row[each], each))
        named.append(tuple((text.vocabulary[each], round(float(row[each]), 4)) for each in ordered))
    return tuple(named)
