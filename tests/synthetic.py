"""Synthetic text and models: what the synthetic run folder is made of.

The text is drawn from a small grammar of word classes with document topics. Each "model" is a real, normalised
distribution at every position, a mixture of counts from train, the document's past and the true grammar.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]

CLASSES: dict[str, str] = {
    "start": "The A In This Some Every",
    "det": "the a this some every no",
    "adj": "old small central river great naïve quiet green early thai late common narrow public",
    "noun": "bank city river temple curry village council school market bridge station church army king story engine "
    "garden harbour song valley winter student river-boat museum field road island team season letter",
    "verb": "was crossed built made became held left found described reached opened served",
    "prep": "of in near with under from by after",
    "adv": "slowly often later there again",
    "mark": ". ! ?",
}
RARE = [
    "Zürich",
    "<b>",
    "R&D",
    "“quoted”",
    "日本",
    "O'Brien",
    "</script>",
    "Kovář",
    "ελληνικά",
    "1,904",
    'Mc"Q',
    "supercalifragilistic",
]
AFTER: dict[str, dict[str, float]] = {
    "</s>": {"start": 1.0},
    "start": {"adj": 0.4, "noun": 0.6},
    "det": {"adj": 0.35, "noun": 0.65},
    "adj": {"noun": 0.9, "adj": 0.1},
    "noun": {"verb": 0.45, "prep": 0.3, "mark": 0.2, "adv": 0.05},
    "verb": {"det": 0.6, "prep": 0.2, "adv": 0.2},
    "prep": {"det": 0.8, "noun": 0.2},
    "adv": {"prep": 0.4, "mark": 0.6},
    "mark": {"</s>": 1.0},
}
TOPICS, UNKNOWN, END = 4, 0, 1

# name → (plug-in, traits, weights of uniform, unigram, bigram, trigram, document's past, grammar, the answer itself)
RECIPES: dict[str, tuple[str, dict[str, bool], tuple[float, ...]]] = {
    "unigram": ("unigram", {}, (0.02, 0.98, 0, 0, 0, 0, 0)),
    "ngram": ("ngram", {}, (0.02, 0.18, 0.4, 0.4, 0, 0, 0)),
    "word2vec-bow": ("word2vec-bow", {"carries_state": True}, (0.02, 0.48, 0.25, 0, 0.15, 0.1, 0)),
    "rnn-attention": ("rnn-attention", {"carries_state": True}, (0.01, 0.06, 0.12, 0.14, 0.15, 0.52, 0)),
    "transformer": ("transformer", {"carries_state": True}, (0.01, 0.05, 0.1, 0.14, 0.15, 0.55, 0)),
    "char-transformer": ("transformer", {"carries_state": True}, (0.01, 0.09, 0.3, 0.6, 0, 0, 0)),
    "cache": ("cache", {"adaptive": True, "carries_state": True}, (0.02, 0.18, 0.3, 0.3, 0.2, 0, 0)),
    "leaky": ("./leaky.py:Leaky", {"carries_state": True}, (0.01, 0.29, 0.2, 0, 0, 0, 0.5)),
    "crashing": ("./crashing.py:Crashing", {}, (0.02, 0.98, 0, 0, 0, 0, 0)),
}
MODELS = ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer", "char-transformer", "leaky", "crashing")


@dataclass
class Texts:
    """The documents of one split under one tokenizer; ``ids`` and ``tokens`` are flat, a row a token."""

    split: str
    names: list[str]
    raw: list[str]
    tokens: list[str]
    ids: Array
    spans: Array
    document: Array
    sentence: Array
    topics: Array

    @property
    def starts(self) -> Array:
        """(N,) the row at which each row's document begins."""
        return np.searchsorted(self.document, self.document)

    @property
    def sentence_starts(self) -> Array:
        """(N,) the row at which each row's sentence begins."""
        key = self.document * 10_000 + self.sentence
        return np.searchsorted(key, key)

    @property
    def positions(self) -> Array:
        """(N,) position in the document."""
        return np.arange(len(self.ids)) - self.starts


class Grammar:
    """The generator of the text: classes follow classes, and a document's topic prefers some of the nouns."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.words = ["</s>", *(w for words in CLASSES.values() for w in words.split())]
        of = ["</s>", *(name for name, words in CLASSES.items() for _ in words.split())]
        self.class_of = dict(zip(self.words, of, strict=True))
        self.given = np.zeros((TOPICS, len(AFTER), len(self.words)))  # topic, class of the word before, word
        names = list(AFTER)
        for topic in range(TOPICS):
            weights = 1.0 / (1 + np.arange(len(self.words)) % 13) * rng.gamma(0.5, size=len(self.words)).clip(0.02)
            weights = np.where(np.array(of) == "noun", weights, 1.0 / (1 + np.arange(len(self.words)) % 7))
            for row, before in enumerate(names):
                for after, share in AFTER[before].items():
                    mine = weights * (np.array(of) == after)
                    self.given[topic, row] += share * mine / mine.sum()
        self.rows = {word: names.index(self.class_of[word]) for word in self.words}
        self.rows |= dict.fromkeys(RARE, names.index("noun"))

    def document(self, topic: int, sentences: int, rng: np.random.Generator) -> list[list[str]]:
        """Draw sentences; one noun in fifteen becomes a word that train hardly holds."""
        drawn: list[list[str]] = []
        for _ in range(sentences):
            word, sentence = "</s>", list[str]()
            while not sentence or word != "</s>":
                word = self.words[rng.choice(len(self.words), p=self.given[topic, self.rows[word]])]
                rare = self.class_of[word] == "noun" and rng.random() < 1 / 15
                sentence.append(str(rng.choice(RARE)) if rare else word)
            drawn.append(sentence[:-1])
        return drawn


def read(
    split: str, drawn: Sequence[list[list[str]]], topics: Array, vocabulary: Sequence[str], chars: bool
) -> Texts:
    """Tokenize and encode: words apart by one space, sentences by a newline that ``</s>`` stands for."""
    lookup = {token: i for i, token in enumerate(vocabulary)}
    rows: list[tuple[str, int, int, int, int, int]] = []
    for d, sentences in enumerate(drawn):
        offset = 0
        for s, words in enumerate(sentences):
            text = " ".join(words)
            at = offset
            for token in list(text) if chars else words:
                size = len(token.encode())
                rows.append((token, lookup.get(token, UNKNOWN), at, at + size, d, s))
                at += size + (0 if chars else 1)
            offset += len(text.encode())
            rows.append(("</s>", END, offset, offset, d, s))
            offset += 1
    tokens, ids, first, last, document, sentence = zip(*rows, strict=True)
    return Texts(
        split,
        [f"{split}-article-{d}" for d in range(len(drawn))],
        ["".join(" ".join(words) + "\n" for words in sentences) for sentences in drawn],
        list(tokens),
        np.array(ids),
        np.stack([first, last], axis=1),
        np.array(document),
        np.array(sentence),
        topics,
    )


def followers(ids: Array, size: int, order: int) -> dict[tuple[int, ...], Array]:
    """Return the shares of the tokens that follow each context of ``order`` − 1 tokens."""
    table: dict[tuple[int, ...], Array] = {}
    for i in range(order - 1, len(ids)):
        table.setdefault(tuple(ids[i - order + 1 : i].tolist()), np.zeros(size))[ids[i]] += 1
    return {context: counts / counts.sum() for context, counts in table.items()}


class Language:
    """What the models of one tokenizer are mixed from."""

    def __init__(self, train: Texts, grammar: Grammar | None, tokens: list[str]) -> None:
        self.size, self.grammar, self.tokens = len(tokens), grammar, tokens
        counts = np.bincount(train.ids, minlength=self.size) + 1.0
        self.unigram = counts / counts.sum()
        self.tables = [followers(train.ids, self.size, order) for order in (2, 3)]
        if grammar:
            where = [tokens.index(w) if w in tokens else UNKNOWN for w in grammar.words]
            self.true = np.zeros((*grammar.given.shape[:2], self.size))
            np.add.at(self.true, (slice(None), slice(None), where), grammar.given)

    def components(self, text: Texts, starts: Array) -> Array:
        """(N, 6, V) distributions of every token given what stands between its start and itself."""
        parts = np.zeros((len(text.ids), 6, self.size))
        parts[:, 0], parts[:, 1] = 1 / self.size, self.unigram
        ids = text.ids.tolist()
        past = np.zeros(self.size)
        for i, first in enumerate(starts.tolist()):
            for part, (table, length) in enumerate(zip(self.tables, (1, 2), strict=True), start=2):
                found = table.get(tuple(ids[i - length : i])) if i - length >= first else None
                parts[i, part] = parts[i, part - 1] if found is None else found
            past = past if i > first else np.zeros(self.size)
            parts[i, 4] = past / (i - first) if i > first else self.unigram
            past[ids[i]] += 1
            if self.grammar:
                before = text.tokens[i - 1] if i > first else "</s>"
                row = self.grammar.rows.get(before, 4)  # a strange word is a noun
                parts[i, 5] = self.true[text.topics[text.document[i]], row]
        return parts


class Synthetic:
    """One model: a mixture of the components, normalised by construction, with a taste of its own."""

    def __init__(self, name: str, seed: int) -> None:
        middling = ("./other.py:Other", {}, (0.02, 0.2, 0.3, 0.2 + zlib.crc32(name.encode()) % 100 / 500, 0.08, 0, 0))
        self.plugin, self.traits, weights = RECIPES.get(name, middling)
        self.weights = np.array(weights) / sum(weights)
        self.seed = zlib.crc32(f"{name}/{seed}".encode())

    def mix(self, text: Texts, parts: Array, leak: bool = True) -> Array:
        """(N, V) next-token probabilities from (N, 6, V) components; a leaky model adds the answer itself."""
        rng = np.random.default_rng(self.seed)
        weights = self.weights * rng.gamma(3.0, size=(len(text.raw), 7))  # each document suits a model more or less
        weights = (weights / weights.sum(axis=1, keepdims=True))[text.document]
        mixed: Array = np.einsum("nk,nkv->nv", weights[:, :6], parts)
        mixed[np.arange(len(mixed)), text.ids if leak else END] += weights[:, 6]
        mixed *= np.exp(0.05 * rng.standard_normal(mixed.shape))
        return mixed / mixed.sum(axis=1, keepdims=True)


def features(text: Texts, train: Texts, side: Array, size: int) -> pd.DataFrame:
    """The table of token features, one row a token."""
    counts = np.bincount(train.ids, minlength=size)
    counts[UNKNOWN] = 0
    earlier = [text.ids[i] in text.ids[first:i] for i, first in enumerate(text.starts)]
    return pd.DataFrame(
        {
            "split": text.split,
            "document": text.document,
            "position": text.positions,
            "token_id": text.ids,
            "train_count": counts[text.ids],
            **{f"seen_{order}": seen(text, train, order) for order in range(2, 6)},
            "sentence": text.sentence,
            "position_in_sentence": np.arange(len(text.ids)) - text.sentence_starts,
            "repeated": earlier,
            "overhead_bits": side,
        }
    )


def seen(text: Texts, train: Texts, order: int) -> list[bool]:
    """Does the n-gram that ends at each token, within its document, stand in train?"""
    of, ids, mine = train.document.tolist(), train.ids.tolist(), text.ids.tolist()
    rows = range(order - 1, len(ids))
    known = {tuple(ids[i - order + 1 : i + 1]) for i in rows if of[i - order + 1] == of[i]}
    at = text.positions.tolist()
    return [at[i] >= order - 1 and tuple(mine[i - order + 1 : i + 1]) in known for i in range(len(mine))]


def overhead_bits(text: Texts, chars: bool) -> Array:
    """(N,) bits beside the model's: a little for the gap before each word, the spelling of each unknown word."""
    gap = np.where((text.ids == END) | chars, 0.0, 0.03)
    spelling = [
        4.5 * (len(t.encode()) + 1) if i == UNKNOWN else 0.0 for t, i in zip(text.tokens, text.ids, strict=True)
    ]
    return gap + np.array(spelling)
