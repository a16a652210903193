"""The words of tags: by their counts in the trees, and by the class of a rare word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csc_array

from lmcompare.tokens import FloatArray, IntArray, Vocabulary

RARE = 5  # words that occur less often in the trees also get tags by their class
LEAST = 10  # times that the rare words of a class occur in the trees, or else they belong to a coarser class
ENDINGS = (
    *("ing", "ed", "s", "ly", "tion", "ion", "er", "est", "or", "al", "ic", "ble", "ive", "ous", "ment", "ity"),
    *("y", "e", "en", "an"),
)  # of English words; where one is the end of another, the longer is first. Other languages have fewer classes


def classes_of(word: str) -> tuple[str, str, str]:
    """Return the classes of a word, the finest first: by digits, capitals, hyphens and endings; by its form; any."""
    if re.search(r"\d", word):
        form = "a number" if re.fullmatch(r"[\d.,:/\\-]+", word) else "with a digit"
        return (form, form, "any")
    if not any(map(str.isalpha, word)):
        return ("a mark", "a mark", "any")
    capital = (
        "in capitals" if word.isupper() and len(word) > 1 else "with a capital" if word[0].isupper() else "small"
    )
    form = f"{capital}, with a hyphen" if "-" in word.strip("-") else capital
    low = word.lower()
    ending = next((f" -{end}" for end in ENDINGS if low.endswith(end) and len(low) > len(end) + 2), "")
    return (form + ending, form, "any")


def emissions(counts: Mapping[tuple[int, int], int], tags: int, vocabulary: Vocabulary, seen: IntArray) -> csc_array:
    """Return (T, V), sparse: the probability of each word given each tag; rows sum to one.

    A word that the trees have ``RARE`` times or more has the tags that it has there. The other words share, for each
    tag t, a part κ / (c(t) + κ) of its probability, with κ the number of rare words that t has in the trees (Witten
    and Bell 1991). This part is divided among the classes by how often t has rare words of each class, and within a
    class by the frequency of the words.

    Parameters
    ----------
    counts : mapping
        How often each tag has each word in the trees.
    tags : int
        T.
    vocabulary : Vocabulary
    seen : (V,) array of int
        How often each word occurs in the training text.
    """
    V = len(vocabulary)
    rows, columns = np.array(list(counts), np.int64).reshape(-1, 2).T
    table = np.zeros((tags, V))
    table[rows, columns] = list(counts.values())
    rare = table.sum(axis=0) < RARE
    rare[vocabulary.end] = False
    classes = _class_numbers(vocabulary, table, rare)
    of_class = np.zeros((classes.max() + 1, V))
    of_class[classes[rare], np.flatnonzero(rare)] = seen[rare] + 1.0
    of_class /= np.maximum(of_class.sum(axis=1, keepdims=True), 1e-300)
    tokens = np.stack([np.bincount(classes[rare], row[rare], len(of_class)) for row in table])  # (T, classes)
    share = tokens / np.maximum(tokens.sum(axis=1, keepdims=True), 1.0)
    kinds = (table[:, rare] > 0).sum(axis=1)[:, None]
    return csc_array((table + kinds * (share @ of_class)) / (table.sum(axis=1, keepdims=True) + kinds))


def _class_numbers(vocabulary: Vocabulary, table: FloatArray, rare: IntArray) -> IntArray:
    """Return (V,) for rare words the finest class that occurs ``LEAST`` times in the trees, or else the coarsest."""
    names: Sequence[tuple[str, ...]] = [classes_of(token) for token in vocabulary.tokens]
    tokens = table.sum(axis=0)
    numbers: dict[str, int] = {"any": 0}
    found = np.zeros(len(names), np.int64)
    for level in (1, 0):
        of_level: dict[str, list[int]] = {}
        for word in np.flatnonzero(rare).tolist():
            of_level.setdefault(names[word][level], []).append(word)
        for name, words in of_level.items():
            if tokens[words].sum() >= LEAST:
                found[words] = numbers.setdefault(name, len(numbers))
    return found
