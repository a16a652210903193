"""Describes words by features that a person can read: WordNet's classes, and classes of the words that it lacks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.model import FloatArray
from lmcompare.models.wordnet_bow import closed
from lmcompare.models.wordnet_bow.wordnet import SUPERSENSES, reader, sense_counts, whole
from lmcompare.tokens import IntArray, Vocabulary

Bits = npt.NDArray[np.uint8]

UNKNOWN, END, NAME, LACKING = "unknown word", "end of a sentence", "name", "not in WordNet"
CLASSES = (*SUPERSENSES, *closed.CLASSES, NAME, LACKING, UNKNOWN, END)  # classes of the words that are predicted
CAPITAL = "capital letter"
ENDINGS = ("ing", "ed", "est", "er", "s")  # endings of inflected forms, which morphy removes
RARE = 0.05  # a sense with a smaller share of the uses of a word is left out
_SYNSET = re.compile(r"\.[nvasr]\.[0-9]+$")
LETTERS = (2, 3)  # the lengths of the endings of words that WordNet lacks


@dataclass(frozen=True)
class Described:
    """A word as a person may read it.

    Parameters
    ----------
    features : tuple of str
        Supersenses such as "noun.food", hypernyms such as "dish.n.02", and classes of our own.
    kind : str
        The one of ``CLASSES`` that the word belongs to when it is predicted.
    lemma : str
        The base form of the word; "" for a word that WordNet lacks, and for a word of a closed class.
    """

    features: tuple[str, ...]
    kind: str
    lemma: str = ""


class Describer:
    """Describes words by WordNet.

    Parameters
    ----------
    folder : str
        WordNet's folder; "" to search for it.
    """

    def __init__(self, folder: str = "") -> None:
        with whole():
            self._wordnet, self._counts = reader(folder), sense_counts(folder)
        self._above: dict[Any, tuple[str, ...]] = {}

    def word(self, word: str, lower_is_known: bool = False) -> Described:
        """Return the description of a word.

        Parameters
        ----------
        word : str
        lower_is_known : bool
            Whether the text also has the word in lower case: with a capital letter it then begins a sentence, as a
            rule, and is not a name.
        """
        lower, capital = word.lower(), word[:1].isupper()
        features = [CAPITAL] if capital else []
        if kind := closed.closed_class(word):
            return Described((kind, f"“{lower}”", *features), kind)
        synsets = list(dict.fromkeys(self._wordnet.synsets(word)))
        names = [synset for synset in synsets if word in synset.lemma_names()]
        is_name = capital and not lower_is_known and bool(names or not synsets)
        if is_name:
            synsets = names
            features.append(NAME)
        if not synsets:
            kind = NAME if is_name else LACKING
            endings = [f"ends in -{lower[-n:]}" for n in LETTERS if len(lower) >= n]
            return Described((*features, *([] if is_name else [kind]), *endings), kind)
        shares = self._shares(synsets, lower)
        for synset, share in zip(synsets, shares, strict=True):
            if share >= RARE:
                features += [synset.lexname(), *self._hypernyms(synset)]
        best = synsets[int(np.argmax(shares))]
        lemma = self._wordnet.morphy(lower, best.pos()) or lower
        if lemma != lower:
            ending = next((ending for ending in ENDINGS if lower.endswith(ending)), "")
            features.append(f"form in -{ending}" if ending else "irregular form")
        by_supersense = Counter[str]()
        for synset, share in zip(synsets, shares, strict=True):
            by_supersense[synset.lexname()] += share
        kind = max(by_supersense, key=lambda name: (by_supersense[name], -SUPERSENSES.index(name)))
        return Described(tuple(dict.fromkeys(features)), kind, lemma)

    def vocabulary(self, vocabulary: Vocabulary) -> list[Described]:
        """Describe each word of a vocabulary. Raises ``LmcompareError`` if WordNet's files are damaged."""
        tokens = set(vocabulary.tokens)
        with whole():
            found = [self.word(word, word.lower() in tokens) for word in vocabulary.tokens]
        found[vocabulary.end] = Described((END,), END)
        if vocabulary.unknown is not None:
            found[vocabulary.unknown] = Described((UNKNOWN,), UNKNOWN)
        return found

    def _shares(self, synsets: Sequence[Any], word: str) -> FloatArray:
        """Return the share of each sense in the uses of a word: the counts of WordNet's authors, add-one smoothed."""
        bases = {word, *(self._wordnet.morphy(word, kind) for kind in "nvar")}
        counts = []
        for synset in synsets:
            lemmas = [lemma for lemma in synset.lemmas() if lemma.name().lower() in bases] or synset.lemmas()
            counts.append(1.0 + max(self._counts.get(lemma.key(), 0) for lemma in lemmas))
        return np.array(counts) / sum(counts)

    def _hypernyms(self, synset: Any) -> tuple[str, ...]:
        """Return the names of a synset and of all above it; above an adjective are those that it is similar to."""
        name = synset.name()
        if name not in self._above:
            self._above[name] = (name,)  # WordNet has a few circles
            above = [*synset.hypernyms(), *synset.instance_hypernyms()]
            if synset.pos() == "s":
                above += synset.similar_tos()
            names = (each for parent in sorted(above) for each in self._hypernyms(parent))
            self._above[name] = tuple(dict.fromkeys((name, *names)))
        return self._above[name]


def chosen(described: Sequence[Described], counts: IntArray, most: int) -> tuple[str, ...]:
    """Return the features that the most tokens of a training text have.

    A synset is a class only if two words of the text, forms of one base form counted once, are in it or below it. Of
    features that the same words of the text have, the first in WordNet's order is taken.

    Parameters
    ----------
    described : sequence of Described
        The V words.
    counts : array of int, shape (V,)
        How often each word occurs in the training text.
    most : int
        The greatest number of features.
    """
    words: dict[str, list[int]] = {}
    for i in np.flatnonzero(counts).tolist():
        for feature in described[i].features:
            words.setdefault(feature, []).append(i)
    different: dict[tuple[int, ...], str] = {}
    for feature, which in words.items():
        if not _SYNSET.search(feature) or len({described[i].lemma for i in which}) > 1:
            different.setdefault(tuple(which), feature)
    tokens = {feature: int(counts[list(which)].sum()) for which, feature in different.items()}
    return tuple(sorted(tokens, key=lambda feature: (-tokens[feature], feature))[:most])


def table(described: Sequence[Described], features: Sequence[str]) -> Bits:
    """Return (V, F): 1 if a word has a feature."""
    place = {feature: column for column, feature in enumerate(features)}
    found = np.zeros((len(described), len(features)), np.uint8)
    for row, word in enumerate(described):
        found[row, [place[feature] for feature in word.features if feature in place]] = 1
    return found
