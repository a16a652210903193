"""A trained model's figures on valid and test, one row a token, the parts that are shown, and the time of a list."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.errors import PluginError
from lmcompare.measure.word_bits import WordEnds
from lmcompare.model import FloatArray, LanguageModel, check_array, check_stepper, streamed
from lmcompare.runfolder.layout import HELD_OUT, SCORE_COLUMNS, TOP_COLUMNS, Split
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    import pandas as pd

SHOWN_TOKENS = 20_000  # positions of the test text at which the most likely tokens are stored, at most
SHOWN_PROBABILITIES = 2 * 10**9  # positions times types, at most: a large vocabulary has fewer positions
PASSAGE_SENTENCES = 20
MOST_PROBABILITIES = 2 * 10**10  # tokens times types; for more, ranks are measured in a sample of the test text
SAMPLE_PROBABILITIES = 5 * 10**9  # of the sample
SAMPLE_TOKENS = range(5_000, 100_001)  # tokens of the sample, for every vocabulary
EXAMPLE_LENGTHS = range(8, 31)  # tokens of an example sentence
LONGEST_EXAMPLE = 100  # tokens shown of a longer sentence if none has such a length: text8 is one sentence


@dataclass(frozen=True)
class ExampleSentence:
    """A held-out sentence to show, and its tokens as in the text."""

    document: int
    start: int  # position in the whole test text
    first: int  # position in the document
    tokens: list[str]


@dataclass(frozen=True)
class Part:
    """The part of the test text for measurements that need all probabilities of a token, or a second reading.

    Parameters
    ----------
    at : (n,) int array
        The positions of its tokens in the test text, in rising order.
    text : Encoded
        It, in its documents.
    sentences : Encoded
        It, with every sentence a document of its own.
    """

    at: IntArray
    text: Encoded
    sentences: Encoded


def measured_part(corpus: TokenizedCorpus, whole: bool) -> Part:
    """Return the whole test text, or documents drawn by a hash if it is too long for the size of the vocabulary.

    The last of these documents is cut after a sentence, so that the part is not too long. If already the first
    sentence is too long, the part is its beginning. With ``whole`` it is always the whole text.
    """
    test, begins = corpus.test, corpus.sentence_starts("test")
    types = len(test.vocabulary)
    left = max(SAMPLE_TOKENS[0], min(SAMPLE_TOKENS[-1], SAMPLE_PROBABILITIES // types))
    if whole or len(test) <= left or len(test) * types <= MOST_PROBABILITIES:
        return Part(np.arange(len(test)), test, corpus.sentences("test"))
    ends = np.append(begins[1:], len(test))
    chosen: list[tuple[int, int]] = []
    for document in sorted(range(test.n_documents), key=lambda d: digest_of("part", test.names[d], d)):
        start, end = int(test.starts[document]), int(test.ends[document])
        if end - start > left:
            fitting = ends[(ends > start) & (ends <= start + left)]
            beginning = start if chosen else start + left  # text8 is one sentence
            end = int(fitting[-1]) if len(fitting) else beginning
        chosen.append((start, end))
        left -= end - start
        if end < int(test.ends[document]):
            break
    chosen = sorted((start, end) for start, end in chosen if end > start)
    at = np.concatenate([np.arange(start, end) for start, end in chosen])
    lengths = np.array([end - start for start, end in chosen])
    inside = begins[np.isin(begins, at)]
    ids = test.ids[at]
    return Part(
        at,
        Encoded(ids, np.cumsum(lengths) - lengths, test.vocabulary),
        Encoded(ids, np.searchsorted(at, inside), test.vocabulary),
    )


def fresh_documents(corpus: TokenizedCorpus) -> npt.NDArray[np.bool_]:
    """(D,) which test documents may be shown: those of which less than half occurs in earlier text, unless all do.

    A text that a table of counts has memorised does not show how it predicts.
    """
    documents = corpus.documents_of("test")
    spans = map(json.loads, documents["repeated_spans"])
    repeated = np.array([sum(end - start for start, end in of) for of in spans])
    fresh: npt.NDArray[np.bool_] = repeated < 0.5 * documents["bytes"].to_numpy()
    return fresh if fresh.any() else ~fresh


def shown_positions(corpus: TokenizedCorpus, measured: IntArray) -> IntArray:
    """(M,) the positions of the test text whose most likely tokens are stored, of those that are ``measured``.

    They are passages, drawn by hash: the same for all tokenizers, as far as there is room for them.
    """
    test, fresh = corpus.test, fresh_documents(corpus)
    begins = corpus.sentence_starts("test")
    document = test.document_of(begins)
    first = np.flatnonzero(np.append(True, document[1:] != document[:-1]))
    within = np.arange(len(begins)) - np.repeat(first, np.diff(np.append(first, len(begins))))
    opens = np.flatnonzero(within % PASSAGE_SENTENCES == 0)
    ends = np.append(begins[opens][1:], len(test))
    chosen: list[IntArray] = []
    left = min(SHOWN_TOKENS, SHOWN_PROBABILITIES // len(test.vocabulary))
    for i in sorted(range(len(opens)), key=lambda i: digest_of(test.names[document[opens[i]]], within[opens[i]])):
        start, end = int(begins[opens[i]]), int(ends[i])
        inside = np.searchsorted(measured, end) - np.searchsorted(measured, start) == end - start
        if inside and fresh[document[opens[i]]] and end - start <= left:
            chosen.append(np.arange(start, end))
            left -= end - start
    return np.sort(np.concatenate(chosen)) if chosen else measured[:left]


def example_sentences(corpus: TokenizedCorpus, count: int) -> list[ExampleSentence]:
    """Return ``count`` held-out sentences of readable length, drawn by hash: the same for all models.

    If no sentence has a readable length, the first ``LONGEST_EXAMPLE`` tokens of a longer one are its example.
    """
    test = corpus.test
    begins = corpus.sentence_starts("test")
    lengths = np.diff(np.append(begins, len(test)))
    fresh = np.flatnonzero(fresh_documents(corpus)[test.document_of(begins)]).tolist()
    fitting = [i for i in fresh if lengths[i] in EXAMPLE_LENGTHS] or fresh
    fitting.sort(key=lambda i: digest_of("sentence", corpus.fingerprint, i))
    strings = corpus.test_strings
    chosen = []
    for index in sorted(fitting[:count]):
        start, length = int(begins[index]), min(int(lengths[index]), LONGEST_EXAMPLE)
        document = int(test.document_of(np.array([start]))[0])
        first = start - int(test.starts[document])
        chosen.append(ExampleSentence(document, start, first, strings[start : start + length].tolist()))
    return chosen


def digest_of(*parts: object) -> bytes:
    """Return a digest that decides what is drawn: at random, but the same each time."""
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()


BoolArray = npt.NDArray[np.bool_]
# by split, (N,) each: the nats of the tokens, those with every sentence on its own, and their ranks
Scores = dict[Split, tuple[FloatArray, FloatArray, IntArray]]

PLACES = 5  # how many of the most likely tokens are stored at a position
FEW_TOKENS = 100  # tokens that are scored before the timed scoring
GROUPS = 256  # groups of types; the maxima of the groups bound the fifth greatest value
MANY = 20  # if more than this many times the wanted values remain, they are not sorted
PART_TOKENS = 200_000  # a long text is scored in parts of about this length

Seen = Callable[[int], None]  # called with the number of tokens scored since the last call


@dataclass(frozen=True)
class Ranked:
    """Scores and ranks of the N tokens of a text.

    Parameters
    ----------
    log_probs : array of shape (N,)
        Nats of each token, float64.
    target_rank : array of shape (N,)
        Its rank among the V types, 1 for the most likely.
    top_ids, top_log_probs : array of shape (M, 5)
        The most likely tokens at the M shown positions, and their nats.
    end_log_probs : array of shape (N,)
        Nats of the end of the word before the token, where it tells that; 0 elsewhere.
    """

    log_probs: FloatArray
    target_rank: IntArray
    top_ids: IntArray
    top_log_probs: FloatArray
    end_log_probs: FloatArray


def checked_log_probs(model: LanguageModel, text: Encoded, seen: Seen = lambda tokens: None) -> FloatArray:
    """Return (N,) float64 nats.

    A long text is scored in parts of several documents, unless the model learns from earlier documents: what a model
    needs beside the text then does not grow with it. Raises ``PluginError`` for a wrong shape, NaN, +inf or a text
    that was changed.
    """
    scores = np.empty(len(text), np.float64)
    at = 0
    for part in [text] if model.traits.adaptive else text.parts(PART_TOKENS):
        scores[at : at + len(part)] = _checked_part(model, part)
        at += len(part)
        seen(len(part))
    return scores


def _checked_part(model: LanguageModel, text: Encoded) -> FloatArray:
    with _unchanged(model, text):
        given = model.log_probs(text)
    where = f"{type(model).__name__}.log_probs"
    check_array(given, (len(text),), where)
    scores = given.astype(np.float64, copy=False)
    check_figures(scores, where)
    return scores


@contextmanager
def _unchanged(model: LanguageModel, text: Encoded) -> Iterator[IntArray]:
    """Give a private copy of the ids, and check that the model does not change the text that it scores.

    Not every library respects that an array is read-only.
    """
    ids = text.ids.copy()
    yield ids
    if not np.array_equal(ids, text.ids):
        raise PluginError(f"{type(model).__name__} changes text.ids, so it scores another text: copy text.ids first")


def check_figures(scores: FloatArray, where: str) -> None:
    """Raise ``PluginError`` for scores, (N,) nats, that are not log-probabilities: NaN or +inf."""
    for what, bad in (("+inf", scores == np.inf), ("NaN", np.isnan(scores))):
        if bad.any():
            raise PluginError(
                f"{where} gave {what} at {int(bad.sum())} of {len(scores)} tokens: return log-probabilities instead"
            )


def timed_log_probs(
    model: LanguageModel, text: Encoded, seen: Seen = lambda tokens: None
) -> tuple[FloatArray, float]:
    """Return the scores and the wall-clock seconds that they took.

    A few tokens are scored first, untimed: the first call may load code and build tables.
    """
    model.log_probs(Encoded(text.ids[:FEW_TOKENS], text.starts[:1], text.vocabulary))
    started = time.perf_counter()
    scores = checked_log_probs(model, text, seen)
    return scores, time.perf_counter() - started


def score_and_rank(
    model: LanguageModel, text: Encoded, shown: IntArray, ends: WordEnds, seen: Seen = lambda tokens: None
) -> Ranked:
    """Read the full distributions once: scores and ranks of all tokens, the most likely at ``shown``, word ends.

    Equal probabilities are ranked by id, so that the ranks do not depend on the order of reading. Raises
    ``PluginError`` for blocks of a wrong shape, positions left out, NaN or +inf.
    """
    log_probs = np.zeros(len(text), np.float64)
    target_rank = np.zeros(len(text), np.int32)
    row_of = np.full(len(text), -1)
    row_of[shown] = np.arange(len(shown))
    types = np.arange(len(text.vocabulary))
    places = min(PLACES, len(text.vocabulary))
    top_ids = np.zeros((len(shown), places), np.int32)
    top_log_probs = np.zeros((len(shown), places), np.float64)
    end_log_probs = np.zeros(len(text), np.float64)
    with _unchanged(model, text) as ids:
        for at, block in streamed(model, text):  # (B,), (B, V)
            targets = ids[at]
            own = block[np.arange(len(at)), targets][:, None]  # (B, 1)
            above, same = _true_in_rows(block > own), block == own
            if len(tied := np.flatnonzero(_true_in_rows(same) > 1)):
                above[tied] += _true_in_rows(same[tied] & (types < targets[tied, None]))
            target_rank[at] = 1 + above
            log_probs[at] = own[:, 0]
            if len(ending := np.flatnonzero(ends.at[at])):
                end_log_probs[at[ending]] = ends.log_probs(block[ending])
            rows = np.flatnonzero(row_of[at] >= 0)
            if len(rows):
                top, nats = most_likely(block[rows], places)
                top_ids[row_of[at[rows]]], top_log_probs[row_of[at[rows]]] = top, nats
            seen(len(at))
    check_figures(log_probs, f"{type(model).__name__}.stream")
    return Ranked(log_probs, target_rank, top_ids, top_log_probs, end_log_probs)


def _true_in_rows(mask: BoolArray) -> IntArray:
    """Return (B,) the number of true values in each row of (B, V), in a third of the time of numpy's own count."""
    return np.fromiter(map(np.count_nonzero, mask), np.int64, len(mask))


def most_likely(log_probs: FloatArray, places: int) -> tuple[IntArray, FloatArray]:
    """Return the ids and nats, both (B, places), of the most likely tokens of (B, V), in descending order."""
    number, types = log_probs.shape
    places, groups = min(places, types), min(GROUPS, types)
    # A row's fifth greatest is at least the fifth greatest of its groups' maxima: few tokens are left to be sorted
    maxima = log_probs[:, : types // groups * groups].reshape(number, types // groups, groups).max(axis=1)
    least = np.partition(maxima, groups - places, axis=1)[:, groups - places]
    if np.isnan(maxima).any():
        return most_likely(np.where(np.isnan(log_probs), -np.inf, log_probs), places)
    found = log_probs >= least[:, None]
    for row in np.flatnonzero(_true_in_rows(found) > MANY * places):  # many values are equal: keep the smallest ids
        tied = np.flatnonzero(log_probs[row] == least[row])[:places]
        found[row] = log_probs[row] > least[row]
        found[row, tied] = True
    rows, ids = np.divmod(np.flatnonzero(found), types)
    values = log_probs[rows, ids].astype(np.float64)
    order = np.lexsort((ids, -values, rows))  # ties by id
    chosen = order[np.searchsorted(rows, np.arange(number))[:, None] + np.arange(places)]
    return ids[chosen].astype(np.int32), values[chosen]


def scores_tables(name: str, seed: int, corpus: TokenizedCorpus, found: Scores) -> Iterator[pd.DataFrame]:
    """Yield the table of ``scores.parquet`` in parts, as ``TokenizedCorpus.surface`` reads the tokens."""
    for split in HELD_OUT:
        begin = 0
        for surface in corpus.surface(split):
            nats, reset, ranks = (column[begin : begin + len(surface)] for column in found[split])
            table = surface.assign(
                model=name, seed=seed, log_prob=nats, log_prob_reset=reset, target_rank=ranks.astype(np.int32)
            )
            yield table[list(SCORE_COLUMNS)]
            begin += len(surface)


def top_table(corpus: TokenizedCorpus, shown: IntArray, ranked: Ranked) -> pd.DataFrame:
    """Return the table of ``top.parquet``: the most likely tokens at the (M,) ``shown`` positions of test."""
    import pandas as pd

    count, places = ranked.top_ids.shape
    document = corpus.test.document_of(shown)
    strings = np.array(corpus.vocabulary.tokens, object)
    table = pd.DataFrame(
        {
            "document": np.repeat(document, places),
            "position": np.repeat(shown - corpus.test.starts[document], places),
            "place": np.tile(np.arange(1, places + 1), count),
            "token": strings[ranked.top_ids.ravel()],
            "log_prob": ranked.top_log_probs.ravel(),
        }
    )
    return table[list(TOP_COLUMNS)]


def unigram_log_probs(train: Encoded) -> FloatArray:
    """Return the (V,) nats of the unigram model with add-one smoothing, the floor that models are compared with."""
    counts = np.ones(len(train.vocabulary))
    for first in range(0, len(train), PART_TOKENS):  # in parts, since NumPy copies the ids as 64-bit numbers
        counts += np.bincount(train.ids[first : first + PART_TOKENS], minlength=len(counts))
    log_probs: FloatArray = np.log(counts / counts.sum())
    return log_probs


CONTEXT = 64  # tokens that are read before the clock starts
LISTS = 32  # lists that are timed; the median counts
SUGGESTED = 5  # words in a list
PATIENCE = 5.0  # seconds that making them may take


def microseconds_per_list(model: LanguageModel, corpus: TokenizedCorpus, patience: float = PATIENCE) -> float | None:
    """Return the median time in which a model reads one more token and lists the most likely next ones.

    After ``patience`` seconds no further list is made.

    The text is the beginning of the longest validation document, read alone. None for an adaptive model, which would
    learn from it, and for a validation text of one token.
    """
    text = corpus.valid
    ids = max(text.documents(), key=len, default=text.ids)[: CONTEXT + LISTS]
    if model.traits.adaptive or len(ids) < 2:
        return None
    start = min(CONTEXT, len(ids) - 1)
    stepper = model.stepper(ids[:start], corpus.vocabulary)
    check_stepper(stepper, type(model).__name__)
    stepper.top_k(SUGGESTED)
    seconds: list[float] = []
    for token in ids[start:].tolist():
        began = time.perf_counter()
        stepper.push(token)
        stepper.top_k(SUGGESTED)
        seconds.append(time.perf_counter() - began)
        if sum(seconds) > patience:
            break
    return 1e6 * float(np.median(seconds))
