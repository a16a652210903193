"""An n-gram model that another run or another tool has estimated, read from its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from lmcompare.counts.files import formats as files
from lmcompare.counts.files.mapping import Mapped, mapped
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.sums import Contexts
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Bars, Exhibit
from lmcompare.model import BLOCK_BYTES, FloatArray, LanguageModel, Progress, Setting, State, Stepper, Traits, fitted
from lmcompare.tokens import Encoded, IntArray, Vocabulary

BLOCK_ROWS = 4096
EXACT = 1e-6  # a sum this near to one is one
FEW_DIGITS = 1e-3  # as far off as the rounding of a file that gives four digits takes a sum
NO_UNKNOWN = 1e-90  # <unk> less likely than this is none


class NGramFile(LanguageModel):
    """Guesses the next word by an n-gram model from a file: ARPA, as other tools write it, or binary.

    The file is brought to the run's V types so that they are a distribution after every context. ``<unk>`` takes the
    probability of the file's words that the vocabulary lacks, since a token outside the vocabulary is ``<unk>``. The
    types that the file lacks share the probability of the file's ``<unk>`` evenly, with one share for what neither
    knows, which is in ``<unk>`` too. As a context all of these are the file's ``<unk>``. Notes of the model say how
    many there are. A file without ``<unk>`` gives it 1e-100, as KenLM does. The context never reaches back across
    ``</s>`` or the document's beginning; both stand for ``<s>``.

    The sums after all contexts of the file are looked at. Where they miss one by no more than a file of few digits
    does, 1e-3, the back-off weights are worked out again, and a note says so; by more, it is an error, unless
    ``renormalise`` is set.

    Parameters: ``path``, the file; in an experiment relative to its file. ``renormalise``, whether the back-off
    weights of a file whose sums are far from one are worked out again. Train and valid are not read, and
    ``setting.budget`` changes nothing.
    """

    traits = Traits(pretrained=True)
    files: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(self, path: str = "", renormalise: bool = False) -> None:
        if not isinstance(path, str) or "\0" in path:
            raise PluginError(f"path is the path of an ARPA file or a binary n-gram file, not {path!r}")
        if not isinstance(renormalise, bool):
            raise PluginError(f"renormalise is true or false, not {renormalise!r}")
        self.path = path
        self.renormalise = renormalise
        self.notes: tuple[str, ...] = ()
        self._mapped: Mapped | None = None

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Read the file and bring it to the vocabulary.

        Raises ``LmcompareError`` for no path, a file that can't be read, or one that is no probability model.
        """
        if not self.path:
            raise LmcompareError("ngram-file has no file to read: set path to an ARPA file or a binary n-gram file")
        path = Path(self.path).expanduser()
        table, words = files.read(path)
        contexts, repaired = self._distributions(table, words)
        self._mapped = mapped(contexts, words, setting.vocabulary)
        self.notes = (*self._what_to_know(contexts, words, len(setting.vocabulary)), *repaired)
        setting.progress(Progress(step=1, steps=1, tokens=0))
        return self

    def title(self) -> str:
        """Return its name for people: the file."""
        return f"n-gram model of {Path(self.path).name}" if self.path else "n-gram model of a file"

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        table, lacking = self._for(text.vocabulary)
        contexts = table.contexts_at(_as_context(text, lacking), at)
        return _spread(table.distributions(contexts), lacking)

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        table, lacking = self._for(text.vocabulary)
        rows = min(max(1, BLOCK_BYTES // (4 * table.start)), BLOCK_ROWS)
        before = _as_context(text, lacking)
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, _spread(table.distributions(table.contexts_at(before, at), np.float32), lacking)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one or two look-ups a token and order."""
        table, lacking = self._for(text.vocabulary)
        before, words = _as_context(text, lacking), _as_guessed(text, lacking).ids
        scores = table.score(before)
        at = np.flatnonzero(before.ids != words)  # the types that the file lacked
        scores[at] = table.score_after(table.contexts_at(before, at), words[at])
        return scores

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the contexts it stands after: a push is one look-up an order."""
        return _Stepper(*self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield how many tokens of ``text`` were predicted from an n-gram of each order."""
        table, lacking = self._for(text.vocabulary)
        if len(text):
            yield _bars(table, _as_context(text, lacking), _as_guessed(text, lacking).ids.astype(np.int64), lacking)

    def state(self) -> State:
        """Return the levels of the table over the vocabulary and the types that the file lacked."""
        mapped = fitted(self._mapped, self)
        values = {"order": mapped.table.order, "left_over": mapped.left_over, "notes": list(self.notes)}
        return State({**mapped.table.arrays(), "lacking": mapped.lacking}, values)

    def restore(self, state: State) -> Self:
        """Become the model of this state; the file is not read again."""
        self.notes = tuple(state.values["notes"])
        table = BackoffTable.from_arrays(state.arrays, int(state.values["order"]))
        self._mapped = Mapped(table, state.arrays["lacking"], int(state.values["left_over"]))
        return self

    def _for(self, vocabulary: Vocabulary) -> tuple[BackoffTable, IntArray]:
        """Return the table and the types that the file lacked."""
        mapped = fitted(self._mapped, self)
        if len(vocabulary) != mapped.table.start:
            raise PluginError(
                f"this n-gram model was brought to a vocabulary of {mapped.table.start:,} types, not of"
                f" {len(vocabulary):,}: encode the text with the vocabulary it was given"
            )
        return mapped.table, mapped.lacking

    def _distributions(self, table: BackoffTable, words: Vocabulary) -> tuple[Contexts, tuple[str, ...]]:
        """Return the contexts of a table whose sums are one, and a note where its weights had to be changed for it.

        Raises ``LmcompareError`` for a table that is no distribution.
        """
        contexts = Contexts(table)
        worst, total = _worst(contexts)
        if abs(total - 1) <= EXACT:
            return contexts, ()
        name = Path(self.path).name
        after = " ".join((*words.tokens, "<s>")[word] for word in contexts.named(worst)) or "nothing"
        said = f"the probabilities after '{after}' in {name} sum to {total:.6g}"
        if not (abs(total - 1) <= FEW_DIGITS or self.renormalise):
            raise LmcompareError(
                f"{said}, so it is no probability model: estimate it again, or set renormalise = true to have its"
                " back-off weights worked out again"
            )
        with np.errstate(all="ignore"):
            contexts.normalise()
            contexts = Contexts(contexts.normalised())
        if not abs(_worst(contexts)[1] - 1) <= EXACT:
            raise LmcompareError(f"{said}, and no back-off weights make it a distribution: estimate it again")
        return contexts, (
            f"Not quite a distribution: {said}. The back-off weights were worked out again: now all sums are one.",
        )

    def _what_to_know(self, contexts: Contexts, words: Vocabulary, size: int) -> tuple[str, ...]:
        mapped = fitted(self._mapped, self)
        table, lacking = contexts.table, len(mapped.lacking)
        grams = sum(len(level) for level in table.levels)
        notes = [f"Read from {Path(self.path).name}: order {table.order}, {grams:,} n-grams, {len(words):,} words."]
        if lacking:
            notes.append(
                f"The file lacks {lacking:,} of the {size:,} types: they share the probability of its <unk> evenly."
            )
        if mapped.left_over:
            notes.append(
                f"The vocabulary lacks {mapped.left_over:,} of the file's {len(words):,} words: their probability"
                " goes to <unk>."
            )
        if contexts.probs[0][0] < NO_UNKNOWN:
            notes.append(
                "The file has no <unk>: a word that it lacks is next to impossible, with 1e-100"
                + (" and what the words give that the vocabulary lacks." if mapped.left_over else ".")
            )
        return tuple(notes)


def _worst(contexts: Contexts) -> tuple[int, float]:
    """Return the context after which the sum is farthest from one, and that sum; infinity for what is no number."""
    with np.errstate(all="ignore"):
        sums = np.nan_to_num(contexts.sums(), nan=np.inf, posinf=np.inf)
    worst = int(np.abs(sums - 1).argmax())
    return worst, float(sums[worst])


def _as_context(text: Encoded, lacking: IntArray) -> Encoded:
    """Return the text with ``<unk>`` for the types that the file lacked, as they stand in its contexts."""
    return _replaced(text, lacking, text.vocabulary.unknown) if len(lacking) else text


def _as_guessed(text: Encoded, lacking: IntArray) -> Encoded:
    """Return the text with the first of the types that the file lacked for all of them, as they end its n-grams."""
    return _replaced(text, lacking, int(lacking[0])) if len(lacking) else text


def _replaced(text: Encoded, types: IntArray, by: int) -> Encoded:
    replacement = np.arange(len(text.vocabulary))
    replacement[types] = by
    return Encoded(replacement[text.ids], text.starts, text.vocabulary)


def _spread(rows: FloatArray, lacking: IntArray) -> FloatArray:
    """Give what the first of the types that the file lacked has to all of them, in place."""
    if len(lacking) > 1:
        rows[:, lacking[1:]] = rows[:, lacking[:1]]
    return rows


def _bars(table: BackoffTable, before: Encoded, words: IntArray, lacking: IntArray) -> Bars:
    matched = (~np.isin(words, lacking)).astype(np.int64)
    for k, context in enumerate(table.contexts_at(before, np.arange(len(before))), 2):
        matched[table.levels[k - 1].find(context, words) != NOTHING] = k
    found = np.bincount(matched, minlength=table.order + 1)
    return Bars(
        title="The longest n-gram found",
        note="How many tokens of the example sentences were predicted from an n-gram of each order in the file.",
        labels=("not in the file", *("the word alone" if k == 1 else f"{k}-gram" for k in range(1, table.order + 1))),
        values=tuple(float(n) for n in found),
        unit="tokens",
    )


class _Stepper(Stepper):
    def __init__(self, table: BackoffTable, lacking: IntArray, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._table, self._lacking, self._end, self._vocabulary = table, lacking, vocabulary.end, vocabulary
        self._before = np.append(np.arange(len(vocabulary)), table.start)  # the word of the context for each token
        self._before[lacking] = vocabulary.unknown
        self._before[self._end] = table.start
        text = Encoded.from_documents([prefix], vocabulary)
        self._contexts = table.contexts_at(_as_context(text, lacking), np.array([len(text)]))

    def log_probs(self) -> FloatArray:
        row: FloatArray = _spread(self._table.distributions(self._contexts), self._lacking)[0]
        return row

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._contexts = self._table.advance(self._contexts, self._before[[token]])
