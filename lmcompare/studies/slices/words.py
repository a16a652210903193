"""The words of the test text, divided by kind: where models of different tokens are good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lmcompare.analysis.blocks import PLACE, Columns, word_blocks
from lmcompare.analysis.units import placed, units_of
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import Run, kept
from lmcompare.studies.slices.tables import Crossed, Part, Slice, shared_slices, tables_of

FREQUENT = 100  # the most frequent words of any language are mostly function words

CLASSES = ("frequent word", "other word", "capitalised word", "number", "mark", "end of a sentence", "unknown word")
_FREQUENT, _OTHER, _CAPITALISED, _NUMBER, _MARK, _END, _UNKNOWN = range(len(CLASSES))
_SPECIAL = {"<unk>": _UNKNOWN, "</s>": _END}
WORDLIKE = 0.5  # tokens are words if at least this share of the types has two letters or more


def word_classes(tokens: Sequence[str], counts: Sequence[int]) -> Array:
    """Return the kind of each type of a vocabulary.

    A number contains a digit, a mark neither letter nor digit. The ``FREQUENT`` most frequent words are frequent
    words, even with a capital.

    Parameters
    ----------
    tokens : sequence of V str
        In the order of ids.
    counts : sequence of V int
        Occurrences in the training text.

    Returns
    -------
    array of shape (V,)
        Indices into ``CLASSES``; -1 for all if the tokens are not words but letters or bytes.
    """
    found = np.array([_SPECIAL[token] if token in _SPECIAL else _class(token) for token in tokens], np.int64)
    words_at_all = sum(sum(map(str.isalpha, token)) >= 2 for token in tokens if token not in _SPECIAL)
    if words_at_all < WORDLIKE * max(len(tokens) - 2, 1):
        return np.full(len(tokens), -1)
    words = np.flatnonzero((found == _OTHER) | (found == _CAPITALISED))
    frequent = words[np.argsort(-np.asarray(counts)[words], kind="stable")[:FREQUENT]]
    found[frequent] = _FREQUENT
    return found


WORD_KINDS = ("frequent word", "other word", "capitalised word", "number", "mark", "unseen word")


def word_kinds(words: Sequence[str], train_rank: Array) -> Array:
    """Return the kind of each word of a text, which may have marks before and after it.

    Parameters
    ----------
    words : sequence of N str
    train_rank : array of shape (N,)
        The rank of each word in the training text, 1 for the most frequent; 0 if it is not there.

    Returns
    -------
    array of shape (N,)
        Indices into ``WORD_KINDS``.
    """
    kinds = {word: _class(word) for word in set(words)}
    found = np.array([kinds[word] for word in words], np.int64)
    wordlike = (found == _OTHER) | (found == _CAPITALISED)
    found[wordlike & (train_rank > 0) & (train_rank <= FREQUENT)] = _FREQUENT
    found[train_rank == 0] = WORD_KINDS.index("unseen word")
    return found


def _class(token: str) -> int:
    letters = [c for c in token if c.isalnum()]
    if not letters:
        return _MARK
    if any(map(str.isdigit, letters)):
        return _NUMBER
    return _CAPITALISED if letters[0].isupper() else _OTHER


WORD_SLICES: tuple[Slice, ...] = (
    Slice("word_kind", "by kind of word", WORD_KINDS, lambda f: f["kind"]),
    *shared_slices("word", prefix="word_"),
)
SPENT = ("seen", "unseen", "spelling", "gaps", "total")
FEATURES = (
    *("document", "word", "byte_start", "train_count", "train_rank"),
    *("position_in_sentence", "position", "repeated"),
)


def spent(run: Run) -> pd.DataFrame:
    """Return what the bits per byte of each finished model are spent on.

    Returns
    -------
    DataFrame
        One row a model: model; seen, words that are in the training text; unseen, the other words; spelling, the part
        of both that spells unknown tokens; gaps, white space and the ends of sentences and documents; total, which is
        seen + unseen + gaps. All are bits per byte of the test text.
    """
    if not run.scored:
        return pd.DataFrame(columns=["model", *SPENT])
    n_bytes = float(run.tokens[run.scored[0].tokens_fingerprint].documents_of("test")["bytes"].sum())
    sums = np.zeros((len(run.scored), len(SPENT)))
    for block in word_blocks(run, run.scored, "test", ["train_count"]):
        seen = block.features["train_count"] > 0
        of_models = zip(block.bits, block.spelling, block.gaps, strict=True)
        sums += [
            (bits[seen].sum(), bits[~seen].sum(), spelling.sum(), gaps.sum(), bits.sum() + gaps.sum())
            for bits, spelling, gaps in of_models
        ]
    found = pd.DataFrame(sums / n_bytes, columns=list(SPENT))
    found.insert(0, "model", [model.name for model in run.scored])
    return found


@kept
def word_slices(run: Run) -> Mapping[str, pd.DataFrame]:
    """Return the tables of ``WORD_SLICES`` by name, with every finished model, whatever its tokens are.

    Returns
    -------
    mapping of str to DataFrame
        The columns model, tokens_fingerprint, place (0, 1, …), value (its label), words, share (of the test words),
        surprisal (mean bits per word, the spelling of unknown words included and gaps not) with low and high (95 %
        interval; NaN if fewer than ten units have such words), perplexity (2 to the surprisal).
    """
    return tables_of(word_parts(run), "surprisal")


@kept
def word_parts(run: Run) -> list[Part]:
    """Return the rows of every finished model in each of ``WORD_SLICES``, in the order of the experiment."""
    if not run.scored:
        return []
    units = units_of(run)
    crossed = Crossed(WORD_SLICES, run.scored, units)
    for block in word_blocks(run, run.scored, "test", FEATURES):
        is_word = block.features["word"] != ""
        features = _features(block.features, is_word)
        unit = units.of(features["document"], features["byte_start"])
        crossed.add(features, unit, [bits[:, is_word] for bits in block.of_trainings])
    return crossed.parts("words")


def word_places(run: Run, keys: Array) -> dict[str, Array]:
    """Return by slice (N,) in which group each of N test words is, −1 for none, given (N, 2) document and position.

    The words are in the order of the text.
    """
    wanted = placed(keys[:, 0], keys[:, 1])
    found: dict[str, list[Array]] = {s.name: [np.zeros(0, np.int64)] for s in WORD_SLICES}
    for words in run.tokens[run.scored[0].tokens_fingerprint].word_blocks("test", FEATURES):
        here = np.isin(placed(*(words[name] for name in PLACE)), wanted) & (words["word"] != "")
        features = _features(words, here)
        for s in WORD_SLICES:
            found[s.name].append(np.asarray(s.place(features)))
    return {name: np.concatenate(places) for name, places in found.items()}


def _features(words: Columns, chosen: Array) -> Columns:
    features = {name: values[chosen] for name, values in words.items()}
    return features | {"kind": word_kinds(features["word"].tolist(), features["train_rank"])}
