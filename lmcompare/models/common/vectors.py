"""Exhibits of word vectors: the nearest words, and a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lmcompare.exhibits import Map2D, Neighbours
from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.training.language_model import TorchLanguageModel

KNOWN = 5  # the vector of a word with a lower count is close to its random initial value
MAPPED = 100  # words on a map
COMMON = 0.0015  # words above this share of the text are mostly function words


def content_words(vocabulary: Vocabulary, most: int) -> IntArray:
    """Return the ids of at most ``most`` frequent content words, by descending count.

    Content words are lower-case words of five letters or more whose share of the text is below ``COMMON``. In a
    vocabulary without such words (characters, bytes, other scripts) they are the most frequent tokens.
    """
    counts = vocabulary.counts
    order = np.argsort(-counts, kind="stable")
    order = order[~np.isin(order, vocabulary.special) & (counts[order] > 0)]
    total = max(int(counts.sum()), 1)
    words = [i for i in order if counts[i] < COMMON * total and counts[i] >= KNOWN and _is_word(vocabulary[i])]
    return np.array((words if len(words) >= 10 else list(order))[:most], np.int64)


def nearest_known(
    vectors: FloatArray, vocabulary: Vocabulary, words: Sequence[int] | IntArray, most: int = 8
) -> tuple[list[list[int]], list[list[float]]]:
    """Return for each word the ids of its nearest well-known words, and their cosines in descending order.

    Words that occur fewer than ``KNOWN`` times in the training text are left out, unless almost all words are that
    rare.

    Parameters
    ----------
    vectors : FloatArray of shape (V, d)
        The word vectors.
    vocabulary : Vocabulary
        The vocabulary.
    words : sequence of int
        The ids of the words.
    most : int, default 8
        The number of neighbours of each word.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    known = vocabulary.counts >= KNOWN
    if known.sum() < 2 * most:
        known[:] = True
    known[vocabulary.special] = False
    candidates = np.flatnonzero(known)
    ids: list[list[int]] = []
    cosines: list[list[float]] = []
    for word in words:
        cosine = unit[candidates] @ unit[word]
        order = [k for k in np.argsort(-cosine, kind="stable") if candidates[k] != word][:most]
        ids.append([int(candidates[k]) for k in order])
        cosines.append([float(np.clip(cosine[k], -1.0, 1.0)) for k in order])
    return ids, cosines


def tied_neighbours(model: TorchLanguageModel, text: Encoded) -> Neighbours:
    """Return the neighbours by the tied vectors of a network."""
    return neighbours_exhibit(
        model.word_vectors(),
        text,
        "By the cosine of their vectors, which are the same for words that are read and words that are predicted.",
    )


def neighbours_exhibit(vectors: FloatArray, text: Encoded, note: str) -> Neighbours:
    """Return the neighbours of some frequent words and of words in the example sentences."""
    vocabulary = text.vocabulary
    frequent = content_words(vocabulary, 40)[::4][:8]
    shown = [
        i
        for i in dict.fromkeys(int(i) for i in text.ids)
        if _is_word(vocabulary[i]) and vocabulary.counts[i] >= KNOWN
    ]
    shown.sort(key=lambda i: int(vocabulary.counts[i]))
    words = list(dict.fromkeys([*(int(i) for i in frequent), *shown[:6]]))
    ids, cosines = nearest_known(vectors, vocabulary, words)
    return Neighbours(
        title="Nearest words",
        note=note,
        words=tuple(vocabulary[i] for i in words),
        neighbours=tuple(tuple(vocabulary[i] for i in near) for near in ids),
        similarities=tuple(tuple(c) for c in cosines),
    )


def map_exhibit(vectors: FloatArray, vocabulary: Vocabulary) -> Iterator[Map2D]:
    """Yield a map of frequent words by t-SNE of their vectors (van der Maaten and Hinton 2008), with a fixed seed.

    A vocabulary of fewer than 10 words has none.
    """
    from sklearn.manifold import TSNE

    words = content_words(vocabulary, MAPPED)
    chosen = vectors[words]
    norms = np.linalg.norm(chosen, axis=1)
    words, chosen = words[norms > 0], chosen[norms > 0]
    if len(words) < 10:
        return
    unit = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    plane = TSNE(2, perplexity=min(12.0, (len(words) - 1) / 3), init="pca", method="exact", random_state=0)
    points = plane.fit_transform(unit.astype(np.float64))
    yield Map2D(
        title="A map of its words",
        note=f"The vectors of {len(words)} frequent words, projected by t-SNE, which keeps similar words close; the"
        " axes have no meaning.",
        labels=tuple(vocabulary[int(i)] for i in words),
        x=tuple(float(p) for p in points[:, 0]),
        y=tuple(float(p) for p in points[:, 1]),
    )


def _is_word(token: str) -> bool:
    return len(token) >= 5 and token.isalpha() and token.islower()
