"""Word vectors that are counted: which words stand beside which, in as many dimensions as a network has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.seeds import derived

WINDOW = 2  # distances on either side
CONTEXTS = 6000  # the most frequent words, which are counted beside the others
SMOOTHED = 0.75  # the power of the counts of contexts
MOST = 20_000_000  # tokens that are counted

Vectors = npt.NDArray[np.float32]


def counted_vectors(text: Encoded, width: int, seed: int) -> Vectors:
    """Return vectors (V, width) of length 1, from the positive pointwise mutual information of words and neighbours.

    The matrix of that information (Bullinaria and Levy 2007) has a column for each frequent word at each of four
    places: one and two words before, and one and two after. Its truncated singular value decomposition gives the
    vectors U √S (Levy, Goldberg and Dagan 2015, section 3.3, from which the power of the contexts' counts is, too).
    They are turned at random, so that no number of a vector has more to say than another. What is seldom seen gets a
    random part.

    Parameters
    ----------
    text : Encoded
        The training text; of a longer one the first ``MOST`` tokens are counted.
    width : int
        The size of the vectors.
    seed : int
        The seed of what is random.
    """
    # Imported here since only those who ask for such vectors need it.
    from sklearn.utils.extmath import randomized_svd

    random = np.random.default_rng(derived(seed, 0))
    types = len(text.vocabulary)
    found = np.zeros((types, width))
    information = sparse.hstack([sparse.csr_matrix((types, 1)), *_information(text)]).tocsr()
    rank = min(width, *information.shape)
    if information.nnz:
        left, singular, _ = randomized_svd(information, rank, n_iter=2, random_state=seed)
        found[:, :rank] = left * np.sqrt(singular)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    usual = np.median(length[length > 0]) if length.any() else 1.0
    found /= np.maximum(length, 0.3 * usual)
    missing = 1 - np.linalg.norm(found, axis=1, keepdims=True).clip(max=1)
    noise = random.normal(size=found.shape) / np.sqrt(width)
    turn, _ = np.linalg.qr(random.normal(size=(width, width)))
    vectors: Vectors = ((found + missing * noise) @ turn).astype(np.float32)
    return vectors


def _information(text: Encoded) -> Iterator[sparse.csr_matrix]:
    """Yield for each place the positive information (V, contexts) about the word that stands there."""
    ids, types = text.ids[:MOST].astype(np.int64), len(text.vocabulary)
    document = text.document_of(np.arange(len(ids)))
    frequent = np.argsort(-np.bincount(ids, minlength=types), kind="stable")[:CONTEXTS]
    column = np.full(types, -1)
    column[frequent] = np.arange(len(frequent))
    for distance in range(1, min(WINDOW, len(ids) - 1) + 1):
        same = document[distance:] == document[:-distance]
        first, second = ids[:-distance][same], ids[distance:][same]
        yield _positive(first, column[second], (types, len(frequent)))
        yield _positive(second, column[first], (types, len(frequent)))


def _positive(words: IntArray, contexts: IntArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return max(log p(word, context) / (p(word) p(context)), 0), for contexts that are not -1."""
    known = contexts >= 0
    pairs = (words[known], contexts[known])
    counts = sparse.coo_matrix((np.ones(int(known.sum()), np.float32), pairs), shape).tocsr().tocoo()
    of_word, of_context = (np.bincount(which, minlength=size) for which, size in zip(pairs, shape, strict=True))
    share = of_context**SMOOTHED / max((of_context**SMOOTHED).sum(), 1)
    value = np.log(counts.data / (of_word[counts.row] * share[counts.col]))
    some = value > 0
    return sparse.coo_matrix((value[some].astype(np.float32), (counts.row[some], counts.col[some])), shape).tocsr()
