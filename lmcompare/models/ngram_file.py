"""N-gram models that another run or another tool estimated, read from their files by this project or by KenLM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lmcompare.counts import arpa
from lmcompare.counts.arpa import START
from lmcompare.counts.building import SHARED, Contexts, Mapped, check_unknown, mapped
from lmcompare.counts.table import NATS, NOTHING, BackoffTable
from lmcompare.errors import LmcompareError, PluginError, expanded, one_line
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, LanguageModel, Progress, Setting, Size, State, Traits, fitted, same_vocabulary
from lmcompare.models.ngram.exhibits import longest_found
from lmcompare.models.ngram.plugin import TableModel
from lmcompare.state import whole
from lmcompare.tokens import END_TOKEN, UNKNOWN_ID, Encoded, IntArray, Vocabulary

EXACT = 1e-6  # the greatest deviation of a sum from one that is accepted as it is
FEW_DIGITS = 1e-3  # the greatest deviation that the rounding of a file with four digits explains
NO_UNKNOWN = 1e-90  # a file without <unk> gives it less than this

MAGIC = b"mmap lm http://kheafield.com/code"  # a binary file of KenLM begins with it
_ORDER_AT, _KIND_AT, _COUNTS_AT = 88, 96, 108  # bytes of a binary file of version 5; the counts are uint64
_QUANTISED = (b"\3", b"\5")  # kinds of binary files
_PLACE = re.compile(r"^Cannot read model '.*?' \(|\S+\.(cc|hh):\d+ in .*? threw \w+( because `.*?')?\. ")
UNKNOWN = "<unk>"
NOT_PREDICTED = ("<s>", "<unk>", "<UNK>")  # words that KenLM has, but a text does not
KENLM_DIGITS = 1e-4  # by how much the sum of the probabilities of known words may exceed one, because of rounding
ROUNDING = 2e-6  # a rest of this size, which known words leave, is a rounding error
TRIED = 50  # contexts of the training text after which the sums are computed
REMEMBERED = 2**28  # bytes of distributions that are kept: contexts of a text recur


def _check_path(path: object, what: str) -> None:
    if not isinstance(path, str) or "\0" in path:
        raise PluginError(f"path must be the path of {what}, not {path!r}")


@dataclass(eq=False)
class NGramFile(TableModel):
    """Predicts the next word by an n-gram model from a file in ARPA format.

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
    files: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    renormalise: bool = False

    def __post_init__(self) -> None:
        _check_path(self.path, "an ARPA file")
        if not isinstance(self.renormalise, bool):
            raise PluginError(f"renormalise must be true or false, not {self.renormalise!r}")
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
        table, words = arpa.read(expanded(self.path))
        contexts, repaired = self._distributions(table, words)
        found = mapped(contexts, words, setting.vocabulary)
        self._table, self._lacking = found.table, found.lacking
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


def is_kenlm_binary(path: Path) -> bool:
    """Return whether a file begins as KenLM's binary files do; false for a file that can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def opened(path: Path) -> Any:
    """Return KenLM's model of a file; a file in its binary format is mapped into memory and not read.

    Raises
    ------
    LmcompareError
        If the module is not installed, or KenLM cannot read the file.
    """
    kenlm = _module()
    if not path.is_file():
        raise LmcompareError(f"{path} is not there: set path to a file of KenLM or an ARPA file")
    with path.open("rb") as file:
        begins = file.read(_COUNTS_AT)
    if begins.startswith(MAGIC) and begins[_KIND_AT : _KIND_AT + 1] in _QUANTISED:
        raise LmcompareError(
            f"{path} is quantised, so its probabilities do not sum to one: build it without -q and -b"
        )
    config = kenlm.Config()
    config.show_progress, config.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    except (OSError, RuntimeError, ValueError) as error:
        if not begins.startswith(MAGIC):
            arpa.read(path)  # raises an error that names the wrong line
        said = _PLACE.sub("", one_line(error)).partition(". ")[0].rstrip(")")
        raise LmcompareError(
            f"KenLM can't read {path}: {said}; give a file that its build_binary or lmplz wrote"
        ) from None


def _module() -> Any:
    try:
        import kenlm
    except ImportError:
        raise LmcompareError(
            "the model kenlm needs the module kenlm: install it with \"pip install 'lmcompare[kenlm]'\""
        ) from None
    return kenlm


def ngram_counts(path: Path) -> list[int]:
    """Return the number of n-grams of each order in the header of a file."""
    if not is_kenlm_binary(path):
        return arpa.check_ends(path)
    with path.open("rb") as file:
        begins = file.read(_COUNTS_AT + 8 * 256)
    return [int(n) for n in np.frombuffer(begins, "<u8", begins[_ORDER_AT], _COUNTS_AT)]


@dataclass(eq=False)
class KenLM(LanguageModel):
    """Predicts the next word by an n-gram model of KenLM (Heafield 2011), from its binary file or an ARPA file.

    It gives the probabilities of ``ngram-file``. The types that are not in the file share the probability of the
    file's ``<unk>`` evenly, with one more share for words that are in neither, which is added to ``<unk>``. A word of
    the file that is not in the vocabulary is ``<unk>``. KenLM does not list its words, so it is asked for each word
    of the vocabulary, and ``<unk>`` gets the probability that the known words leave. In contexts, all words that are
    not in the file or not in the vocabulary are the file's ``<unk>``. The context begins with ``<s>`` at the start of
    each sentence and document, and never reaches further back.

    KenLM's module answers for one word at a time. The score of a token takes one call; the score of ``<unk>`` and a
    whole distribution take as many calls as the vocabulary has words.

    The training text is read only to check some sums, the validation text is not read, and ``setting.budget`` has no
    effect. The trained model is the file: it must stay where it is.

    Parameters
    ----------
    path : str
        The path of the file, relative to the experiment file.
    """

    traits = Traits(pretrained=True)
    files: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""

    def __post_init__(self) -> None:
        _check_path(self.path, "a file of KenLM or an ARPA file")
        self._file: _File | None = None

    def check_text(self, train: Encoded) -> None:
        """Refuse a vocabulary without ``<unk>``."""
        check_unknown(train.vocabulary)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Open the file and ask for the words of the vocabulary.

        Raises
        ------
        LmcompareError
            If the vocabulary has no ``<unk>``, KenLM can't read the file, or the probabilities of known words sum to
            more than one.
        """
        self.check_text(train)
        path = expanded(self.path)
        file = _File(opened(path), setting.vocabulary.tokens)
        self._check_sums(file, train)
        self._file, self._digest = file, super().digest_of("path")
        self.notes = self._notes(file, path)
        setting.progress(Progress(step=1, steps=1, tokens=0))
        return self

    def digest_of(self, name: str) -> str:
        """Return the digest of the file. Raises ``LmcompareError`` for a file that is not an n-gram model."""
        digest, path = super().digest_of(name), expanded(self.path)
        if is_kenlm_binary(path):
            opened(path)
        else:
            _module()
            arpa.check_ends(path)
        return digest

    def title(self) -> str:
        return f"KenLM model of {Path(self.path).name}" if self.path else "KenLM model of a file"

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one call for each token; ``<unk>`` takes a whole distribution."""
        file = self._for(text)
        starts = set(text.starts.tolist())
        scores = np.zeros(len(text), np.float64)
        state, after = file.start, file.start
        for i, token in enumerate(text.ids.tolist()):
            if i in starts:
                state = file.start
            log10, after = file.score(state, token)
            scores[i] = file.distribution(state)[token] if token == UNKNOWN_ID else NATS * log10
            state = file.start if token == file.end else after
        return np.minimum(scores, 0)

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float32 nats."""
        text.check_positions(at)
        file, first = self._for(text), text.context_starts(at)
        rows = np.empty((len(at), len(text.vocabulary)), np.float32)
        for row, (i, start) in enumerate(zip(np.asarray(at).tolist(), first.tolist(), strict=True)):
            rows[row] = file.distribution(file.after(text.ids[max(start, i - file.order + 1) : i], i - start))
        return rows

    def size(self) -> Size:
        """Return the number of probabilities and back-off weights of the file, and its bytes."""
        path = expanded(self.path)
        counts = ngram_counts(path)
        return Size(parameters=sum(counts) + sum(counts[:-1]), bytes=path.stat().st_size)

    def state(self) -> State:
        """Return the words of the vocabulary and the checksum of the file."""
        file = fitted(self._file, self)
        return State({}, {"tokens": file.tokens, "digest": self._digest, "notes": list(self.notes)})

    def restore(self, state: State) -> Self:
        """Open the file again.

        Raises
        ------
        LmcompareError
            If the file is not where it was, or has changed.
        """
        path = expanded(self.path)
        model = opened(path)
        if super().digest_of("path") != state.values["digest"]:
            raise LmcompareError(f"{path} has changed since the model was run: put it back, or run the model again")
        self._file, self._digest = _File(model, state.values["tokens"]), state.values["digest"]
        self.notes = tuple(state.values["notes"])
        return self

    def _for(self, text: Encoded) -> _File:
        file = fitted(self._file, self)
        same_vocabulary("this KenLM", len(file.tokens), text.vocabulary)
        return file

    def _check_sums(self, file: _File, train: Encoded) -> None:
        """Raise ``LmcompareError`` if known words sum to more than one after some contexts of the training text."""
        for i in np.linspace(0, len(train), TRIED, dtype=np.int64) if len(train) else ():
            start = int(train.context_starts(np.array([i]))[0])
            known = file.known_sum(file.after(train.ids[max(start, i - file.order + 1) : i], int(i) - start))
            if known > 1 + KENLM_DIGITS:
                raise LmcompareError(
                    f"the probabilities of {Path(self.path).name} sum to {known:.6g} or more after some words, so"
                    " they are not a distribution: estimate the model again"
                )

    def _notes(self, file: _File, path: Path) -> tuple[str, ...]:
        grams = sum(ngram_counts(path))
        notes = [f"Read from {path.name} by KenLM: order {file.order}, {grams:,} n-grams."]
        if len(file.lacking):
            notes.append(SHARED.format(len(file.lacking), len(file.tokens)))
        left = 1 - file.known_sum(file.nothing)
        if left > KENLM_DIGITS:
            notes.append(
                f"Words of the file that are not in the vocabulary have {left:.2%} of its probability without"
                " context, which goes to <unk>; KenLM does not tell their number."
            )
        if file.unknown(file.nothing) < NO_UNKNOWN:
            notes.append("The file has no <unk>: a word that is not in the file has the probability 1e-100.")
        return tuple(notes)


class _File:
    """KenLM's model over the V types of a vocabulary.

    ``known`` and ``lacking`` are the types that are in the file, and those that are not; ``start`` and ``nothing``
    the states at the beginning of a sentence, and without any context.
    """

    def __init__(self, model: Any, tokens: Sequence[str]) -> None:
        import kenlm

        self._model, self._state = model, kenlm.State
        self.order: int = model.order
        self.start, self.nothing = kenlm.State(), kenlm.State()
        model.BeginSentenceWrite(self.start)
        model.NullContextWrite(self.nothing)
        self.tokens = list(tokens)
        is_known = [token in model and token not in NOT_PREDICTED for token in tokens]
        self.end = self.tokens.index(END_TOKEN)
        is_known[self.end] = True
        self.known = np.flatnonzero(is_known)
        self.lacking = np.setdiff1d(np.flatnonzero(~np.array(is_known)), [UNKNOWN_ID])
        self._asked = [token if known else UNKNOWN for token, known in zip(self.tokens, is_known, strict=True)]
        self._share = np.log10(len(self.lacking) + 1.0)  # log10 of the number of shares of <unk>
        self._is_lacking = ~np.array(is_known)
        self._rows: dict[Any, FloatArray] = {}

    def score(self, state: Any, token: int) -> tuple[float, Any]:
        """Return the log10 probability of a token, which is not ``<unk>``, after a state, and the state after it."""
        after = self._state()
        log10 = self._model.BaseScore(state, self._asked[token], after)
        return log10 - self._share if self._is_lacking[token] else log10, after

    def after(self, ids: IntArray, read: int) -> Any:
        """Return the state after ``ids``, the last of the ``read`` tokens of a document so far."""
        ends = np.flatnonzero(ids == self.end)
        begins = len(ends) > 0 or read == len(ids)
        state = self.start if begins else self.nothing
        for token in ids[ends[-1] + 1 if len(ends) else 0 :].tolist():
            after = self._state()
            self._model.BaseScore(state, self._asked[token], after)
            state = after
        return state

    def unknown(self, state: Any) -> float:
        """Return the probability of the file's ``<unk>``."""
        return float(10.0 ** self._model.BaseScore(state, UNKNOWN, self._state()))

    def known_sum(self, state: Any) -> float:
        """Return the probability of all types of the vocabulary that are in the file, and of the file's ``<unk>``."""
        return float((10.0 ** self._log10(state)).sum()) + self.unknown(state)

    def distribution(self, state: Any) -> FloatArray:
        """Return the (V,) nats of all types, float32."""
        if (row := self._rows.get(state)) is not None:
            return row
        log10 = self._log10(state)
        unknown = self.unknown(state)
        share = unknown / (len(self.lacking) + 1)
        left = 1 - float((10.0**log10).sum()) - unknown
        left = left if left > ROUNDING else 0.0
        row = np.full(len(self.tokens), np.log(share), np.float32)
        row[self.known] = NATS * log10
        row[UNKNOWN_ID] = np.log(left + share)
        row = np.minimum(row, 0)
        if len(self._rows) * row.nbytes < REMEMBERED:
            self._rows[state] = row
        return row

    def _log10(self, state: Any) -> FloatArray:
        after, ask = self._state(), self._model.BaseScore
        return np.array([ask(state, self.tokens[i], after) for i in self.known])
