"""An n-gram model that KenLM's Python module reads, from a binary or an ARPA file."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from lmcompare.counts import arpa
from lmcompare.counts.building import SHARED, check_unknown
from lmcompare.counts.level import NATS
from lmcompare.errors import LmcompareError, PluginError, expanded, one_line
from lmcompare.model import (
    FloatArray,
    LanguageModel,
    Progress,
    Setting,
    Size,
    State,
    Traits,
    fitted,
    same_vocabulary,
)
from lmcompare.tokens import END_TOKEN, UNKNOWN_ID, Encoded, IntArray

MAGIC = b"mmap lm http://kheafield.com/code"  # a binary file begins with it
_ORDER_AT, _KIND_AT, _COUNTS_AT = 88, 96, 108  # bytes of a binary file of version 5; the counts are uint64
_QUANTISED = (b"\3", b"\5")  # kinds of binary files
_COUNT = re.compile(rb"ngram (\d+)\s*=\s*(\d+)")
_PLACE = re.compile(r"^Cannot read model '.*?' \(|\S+\.(cc|hh):\d+ in .*? threw \w+( because `.*?')?\. ")
HEADER_LINES, LONGEST_LINE = 100, 1000
UNKNOWN = "<unk>"
NOT_PREDICTED = ("<s>", "<unk>", "<UNK>")  # words that KenLM has, but a text does not
FEW_DIGITS = 1e-4  # by how much the sum of the probabilities of known words may exceed one, because of rounding
ROUNDING = 2e-6  # a rest of this size, which known words leave, is a rounding error
TRIED = 50  # contexts of the training text after which the sums are computed
REMEMBERED = 2**28  # bytes of distributions that are kept: contexts of a text recur


def is_kenlm_binary(path: Path) -> bool:
    """Return whether a file begins as KenLM's binary files do; false for a file that can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def check(path: Path) -> None:
    """Raise ``LmcompareError`` for a file that KenLM can't read, as far as a quick check shows."""
    if is_kenlm_binary(path):
        opened(path)
    else:
        _module()
        arpa.check_ends(path)


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
    """Return the number of n-grams of each order in the header of a file; [] if the header has no numbers."""
    with path.open("rb") as file:
        begins = file.read(_COUNTS_AT + 8 * 256)
    if begins.startswith(MAGIC):
        order = begins[_ORDER_AT]
        return [int(n) for n in np.frombuffer(begins, "<u8", order, _COUNTS_AT)]
    with gzip.open(path) if begins.startswith(b"\x1f\x8b") else path.open("rb") as file:
        lines = [file.readline(LONGEST_LINE) for _ in range(HEADER_LINES)]
    return [int(found[2]) for line in lines if (found := _COUNT.match(line.strip()))]


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

    def __init__(self, path: str = "") -> None:
        if not isinstance(path, str) or "\0" in path:
            raise PluginError(f"path must be the path of a file of KenLM or an ARPA file, not {path!r}")
        self.path = path
        self.notes: tuple[str, ...] = ()
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
        digest = super().digest_of(name)
        check(expanded(self.path))
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
            if known > 1 + FEW_DIGITS:
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
        if left > FEW_DIGITS:
            notes.append(
                f"Words of the file that are not in the vocabulary have {left:.2%} of its probability without"
                " context, which goes to <unk>; KenLM does not tell their number."
            )
        if file.unknown(file.nothing) < 1e-90:
            notes.append("The file has no <unk>: a word that is not in the file has the probability 1e-100.")
        return tuple(notes)


class _File:
    """KenLM's model over the V types of a vocabulary.

    Attributes
    ----------
    tokens : list of str
        The V types.
    end : int
        The id of ``</s>``.
    lacking : array of int
        The types that are not in the file.
    order : int
        The longest n-gram of the file.
    start, nothing : kenlm.State
        The states at the beginning of a sentence, and without any context.
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
        return np.array([ask(state, word, after) for word in self._words])

    @cached_property
    def _words(self) -> list[str]:
        return [self.tokens[i] for i in self.known]
