"""An n-gram model that another run or another tool estimated, read from its file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from lmcompare.counts import arpa, binary
from lmcompare.counts.arpa import START
from lmcompare.counts.building import SHARED, Mapped, check_unknown, mapped
from lmcompare.counts.level import NOTHING
from lmcompare.counts.sums import Contexts
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError, PluginError, expanded
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, Progress, Setting, State, Traits, fitted
from lmcompare.models.kenlm import is_kenlm_binary
from lmcompare.models.ngram.exhibits import longest_found
from lmcompare.models.ngram.plugin import TableModel
from lmcompare.state import whole
from lmcompare.tokens import UNKNOWN_ID, Encoded, IntArray, Vocabulary

EXACT = 1e-6  # the greatest deviation of a sum from one that is accepted as it is
FEW_DIGITS = 1e-3  # the greatest deviation that the rounding of a file with four digits explains
NO_UNKNOWN = 1e-90  # a file without <unk> gives it less than this


class NGramFile(TableModel):
    """Predicts the next word by an n-gram model from a file, in ARPA format or the binary format of this project.

    The model of the file is converted to the run's V types, so that it is a distribution after every context. A token
    outside the vocabulary is ``<unk>``, so ``<unk>`` has the probability of the file's words that are not in the
    vocabulary. The types that are not in the file share the probability of the file's ``<unk>`` evenly, with one more
    share for words that are in neither, which is added to ``<unk>``. In contexts, the file's ``<unk>`` stands for all
    of these words. Notes report their numbers. If a file has no ``<unk>``, its probability is 1e-100, as in KenLM.
    The context begins with ``<s>`` at the start of each sentence and document, and never reaches further back.

    The sums after all contexts of the file are checked. If they deviate from one by at most 1e-3, which the rounding
    of a file with few digits explains, the unigrams are divided by their sum, the back-off weights are computed
    again, and a note reports it. A greater deviation is an error, unless ``renormalise`` is true. The training and
    validation text are not read, and ``setting.budget`` has no effect.

    Parameters
    ----------
    path : str
        The path of the file, relative to the experiment file.
    renormalise : bool, default False
        Whether a file whose sums are far from one is changed in the same way.
    """

    traits = Traits(pretrained=True)
    table_alone = False
    files: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(self, path: str = "", renormalise: bool = False) -> None:
        if not isinstance(path, str) or "\0" in path:
            raise PluginError(f"path must be the path of an ARPA file or a binary n-gram file, not {path!r}")
        if not isinstance(renormalise, bool):
            raise PluginError(f"renormalise must be true or false, not {renormalise!r}")
        self.path = path
        self.renormalise = renormalise
        self.notes: tuple[str, ...] = ()
        self._lacking: IntArray = np.zeros(0, np.int64)  # the types that are not in the file

    def check_text(self, train: Encoded) -> None:
        """Refuse a vocabulary without ``<unk>``."""
        check_unknown(train.vocabulary)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Read the file and convert it to the vocabulary.

        Raises
        ------
        LmcompareError
            If the vocabulary has no ``<unk>``, the file cannot be read, or its probabilities do not sum to one.
        """
        self.check_text(train)
        path = expanded(self.path)
        table, words = binary.read(path) if binary.is_binary(path) else arpa.read(path)
        contexts, repaired = self._distributions(table, words)
        found = mapped(contexts, words, setting.vocabulary)
        self._table, self._lacking = found.table, found.lacking
        self._table.prepare()
        self.notes = (*self._notes(contexts, words, found), *repaired)
        setting.progress(Progress(step=1, steps=1, tokens=0))
        return self

    def digest_of(self, name: str) -> str:
        """Return the digest of the file. Raises ``LmcompareError`` for a file that is not an n-gram model."""
        digest, path = super().digest_of(name), expanded(self.path)
        if is_kenlm_binary(path):
            raise LmcompareError(
                f"{path} is a binary file of KenLM: run it with the model kenlm, or give its ARPA file"
            )
        if binary.is_binary(path):
            binary.check_kind(path)
        else:
            arpa.check_ends(path)
        return digest

    def title(self) -> str:
        return f"n-gram model of {Path(self.path).name}" if self.path else "n-gram model of a file"

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one or two look-ups per token and order."""
        table = self._for(text.vocabulary)
        before, words = self.as_context(text), self._as_predicted(text)
        scores = table.score(before)
        at = np.flatnonzero(before.ids != words)  # the types that the file lacked
        scores[at] = table.score_after(table.contexts_at(before, at), words[at])
        return scores

    def as_context(self, text: Encoded) -> Encoded:
        """Return the text with ``<unk>`` for the types that are not in the file."""
        self._for(text.vocabulary)
        return Encoded(self._replaced(text, UNKNOWN_ID), text.starts, text.vocabulary)

    def advance(self, contexts: IntArray, token: int, end: int) -> IntArray:
        """Return the contexts after one more token; ``end`` is the id of ``</s>``."""
        return super().advance(contexts, UNKNOWN_ID if token in self._lacking else token, end)

    def rows(self, contexts: IntArray, dtype: npt.DTypeLike) -> FloatArray:
        """(B, V) nats: the distributions after B contexts; all types that are not in the file are equally likely."""
        rows = super().rows(contexts, dtype)
        if len(self._lacking):
            rows[:, self._lacking[1:]] = rows[:, self._lacking[:1]]
        return rows

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the number of tokens of ``text`` that were predicted from an n-gram of each order."""
        table = self._for(text.vocabulary)
        if not len(text):
            return
        words = self._as_predicted(text)
        matched = (~np.isin(words, self._lacking)).astype(np.int64)  # the highest order that was found for each token
        for k, context in enumerate(table.contexts_at(self.as_context(text), np.arange(len(text))), 2):
            matched[table.levels[k - 1].find(context, words) != NOTHING] = k
        yield longest_found(matched, table.order, "not in the file", " in the file")

    def state(self) -> State:
        """Return the converted table and the types that are not in the file."""
        state = super().state()
        return State({**state.arrays, "lacking": self._lacking}, state.values)

    def restore(self, state: State) -> Self:
        """Restore the model; the file is not read again."""
        super().restore(state)
        self._lacking = whole(state.arrays, "lacking", (None,), fitted(self._table, self).start)
        return self

    def _as_predicted(self, text: Encoded) -> IntArray:
        """(N,) the ids to predict: the first type that is not in the file stands for all such types."""
        return self._replaced(text, self._lacking[:1])

    def _replaced(self, text: Encoded, by: int | IntArray) -> IntArray:
        replacement = np.arange(len(text.vocabulary))
        replacement[self._lacking] = by
        return replacement[text.ids]

    def _distributions(self, table: BackoffTable, words: Vocabulary) -> tuple[Contexts, tuple[str, ...]]:
        """Return the contexts of a table whose sums are one, and a note if its weights were changed for that.

        Raises
        ------
        LmcompareError
            If the sums are too far from one.
        """
        contexts = Contexts(table)
        worst, total = _worst(contexts)
        if abs(total - 1) <= EXACT:
            return contexts, ()
        name = Path(self.path).name
        after = " ".join((*words.tokens, START)[word] for word in contexts.named(worst)) or "nothing"
        problem = f"the probabilities after '{after}' in {name} sum to {total:.6g}"
        if not (abs(total - 1) <= FEW_DIGITS or self.renormalise):
            raise LmcompareError(
                f"{problem}, so they are not a distribution: estimate the model again, or set renormalise = true to"
                " make all sums one"
            )
        with np.errstate(all="ignore"):
            contexts = Contexts(contexts.normalised())
        if not abs(_worst(contexts)[1] - 1) <= EXACT:
            raise LmcompareError(
                f"{problem}, and no back-off weights make them a distribution: estimate the model again"
            )
        return contexts, (
            f"Not quite a distribution: {problem}. The unigrams were divided by their sum, and the back-off weights"
            " computed again: now all sums are one.",
        )

    def _notes(self, contexts: Contexts, words: Vocabulary, found: Mapped) -> tuple[str, ...]:
        table, lacking = contexts.table, len(found.lacking)
        grams = sum(len(level) for level in table.levels)
        notes = [f"Read from {Path(self.path).name}: order {table.order}, {grams:,} n-grams, {len(words):,} words."]
        if lacking:
            notes.append(SHARED.format(lacking, found.table.start))
        if found.left_over:
            notes.append(
                f"{found.left_over:,} of the file's {len(words):,} words are not in the vocabulary: their"
                " probability goes to <unk>."
            )
        if contexts.probs[0][0] < NO_UNKNOWN:
            notes.append(
                "The file has no <unk>: a word that is not in the file has the probability 1e-100"
                + (", plus that of the file's words that are not in the vocabulary." if found.left_over else ".")
            )
        return tuple(notes)


def _worst(contexts: Contexts) -> tuple[int, float]:
    """Return the context whose sum is farthest from one, and that sum; a sum that is not a number counts as ∞."""
    with np.errstate(all="ignore"):
        sums = np.nan_to_num(contexts.sums(), nan=np.inf, posinf=np.inf)
    worst = int(np.abs(sums - 1).argmax())
    return worst, float(sums[worst])
