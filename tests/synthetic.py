"""Synthetic text and models, which the real harness runs: see ``tests/run_folder.py``.

The text is drawn from a small grammar of word classes with document topics. Each model is a real, normalised
distribution at every position: a mixture of counts of the training text, the document's past and the true grammar.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any, Self

import numpy as np

from lmcompare.corpora import Corpus, Document, documents_of
from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, LanguageModel, Progress, Setting, Size, State, Traits
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.synthetic_exhibits import exhibits_of

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
TOPICS = 4
GENRES = ("news", "fiction", "travel", "food")
SUMMARIES = {
    "unigram": "The floor: every word by how often it occurs in the training text.",
    "ngram": "Interpolated modified Kneser-Ney.",
    "transformer": "Causal multi-head self-attention.",
}

# name → (plug-in, traits, weights of uniform, unigram, bigram, trigram, document's past, grammar, the answer itself)
RECIPES: dict[str, tuple[str, dict[str, bool], tuple[float, ...]]] = {
    "unigram": ("unigram", {}, (0.02, 0.98, 0, 0, 0, 0, 0)),
    "ngram": ("ngram", {}, (0.02, 0.18, 0.4, 0.4, 0, 0, 0)),
    "word2vec-bow": ("word2vec-bow", {"carries_state": True}, (0.02, 0.48, 0.25, 0, 0.15, 0.1, 0)),
    "rnn-attention": ("rnn-attention", {"carries_state": True}, (0.01, 0.06, 0.12, 0.14, 0.15, 0.52, 0)),
    "transformer": ("transformer", {"carries_state": True}, (0.01, 0.04, 0.08, 0.12, 0.15, 0.60, 0)),
    "char-transformer": ("transformer", {"carries_state": True}, (0.01, 0.09, 0.3, 0.6, 0, 0, 0)),
    "cache": ("cache", {"adaptive": True, "carries_state": True}, (0.02, 0.18, 0.3, 0.3, 0.2, 0, 0)),
    "leaky": ("./leaky.py:Leaky", {"carries_state": True}, (0.01, 0.29, 0.2, 0, 0, 0, 0.5)),
    "crashing": ("./crashing.py:Crashing", {}, (0.02, 0.98, 0, 0, 0, 0, 0)),
}
MODELS = ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer", "char-transformer", "leaky", "crashing")


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

    def document(self, topic: int, sentences: int, rare: list[str], rng: np.random.Generator) -> list[list[str]]:
        """Draw sentences; one noun in fifteen becomes a rare word."""
        drawn: list[list[str]] = []
        for _ in range(sentences):
            word, sentence = "</s>", list[str]()
            while not sentence or word != "</s>":
                word = self.words[rng.choice(len(self.words), p=self.given[topic, self.rows[word]])]
                odd = self.class_of[word] == "noun" and rng.random() < 1 / 15
                sentence.append(str(rng.choice(rare)) if odd else word)
            drawn.append(sentence[:-1])
        return drawn


@cache
def corpus_of(seed: int, documents: int, sentences: int) -> Corpus:
    """Return a corpus of ``documents`` test documents, half as many in valid, of ``sentences`` sentences on average.

    Most of the rare words do not occur in the training text.
    """
    rng = np.random.default_rng(seed)
    grammar, splits = Grammar(rng), dict[str, Any]()
    for split, size in {"train": 150, "valid": max(1, documents // 2), "test": documents}.items():
        mean, rare = (5, RARE[8:]) if split == "train" else (sentences, RARE)
        splits[split] = tuple(_document(grammar, split, number, mean, rare, rng) for number in range(size))
    return Corpus("synthetic", notes=("1 document occurs in both train and test.",), source="synthetic", **splits)


def _document(
    grammar: Grammar, split: str, number: int, mean: int, rare: list[str], rng: np.random.Generator
) -> Document:
    topic = int(rng.integers(0, TOPICS))
    lines = [" ".join(words) for words in grammar.document(topic, 1 + int(rng.poisson(mean - 1)), rare, rng)]
    about = {"genre": GENRES[topic], "folder": f"part-{number % 3}"}
    (document,) = documents_of(["".join(f"{line}\n" for line in lines)])
    return replace(document, name=f"{split}-article-{number}", metadata=about)


class Synthetic(LanguageModel):
    """A mixture of seven distributions, with a taste of its own for each kind of document."""

    def __init__(self, name: str, order: int = 3, fails: list[int] | None = None, leaks: bool = False) -> None:
        middling: tuple[str, dict[str, bool], tuple[float, ...]]
        middling = ("./other.py:Other", {}, (0.02, 0.2, 0.3, 0.2 + zlib.crc32(name.encode()) % 100 / 500, 0.08, 0, 0))
        self.name, self.order, self.fails, self.leaks = name, order, fails or [], leaks
        self.plugin, traits, weights = RECIPES.get(name, middling)
        self.traits = Traits(**traits)
        self.notes = ("Words seen once are read as <unk> half of the time.",) if "t" in name else ()
        self.weights = np.array(weights)
        self.weights[6] = 0.5 if leaks else 0.0

    def title(self) -> str:
        return self.name

    def summary(self) -> str:
        return SUMMARIES.get(self.plugin, f"The model {self.name}.")

    def size(self) -> Size:
        return Size(parameters=int(4_000 + 150_000 * self._slow), bytes=int(16_000 + 600_000 * self._slow))

    @property
    def _slow(self) -> float:
        known = {"unigram": 0.02, "ngram": 0.3, "word2vec-bow": 3.0}
        return known.get(self.name, 10.0 + zlib.crc32(self.name.encode()) % 7)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        if setting.seed in self.fails:
            raise PluginError(f"{self.name} stopped in fit: division by zero")
        rng = np.random.default_rng(setting.seed)
        if self.name not in ("unigram", "ngram", "cache"):
            for step in range(0, 201, 20):
                loss = 3.2 + 3 * np.exp(-step / 40) + 0.02 * rng.standard_normal()
                on_valid = loss + 0.1 if step % 40 == 0 else None  # measured at every other point
                setting.progress(Progress(step, train_loss=loss, valid_loss=on_valid, tokens=step * 640))
        state = State(
            {"ids": train.ids, "starts": train.starts}, {"seed": setting.seed, "tokens": train.vocabulary.tokens}
        )
        return self.restore(state)

    def state(self) -> State:
        return self._state

    def restore(self, state: State) -> Self:
        self._state = state
        tokens, ids = list(state.values["tokens"]), state.arrays["ids"].astype(np.int64)
        self._size = size = len(tokens)
        train = Encoded(ids, state.arrays["starts"], Vocabulary(tokens))
        counts = np.bincount(ids, minlength=size) + 1.0
        self._unigram = counts / counts.sum()
        at = np.arange(len(ids))
        self._tables = [_followers(train, at, length) for length in (1, 2)]
        self._grammar = _grammar_over(tokens)
        rng = np.random.default_rng(zlib.crc32(f"{self.name}/{state.values['seed']}".encode()))
        self._taste = self.weights * rng.gamma(12.0, size=(8, 7)) / 12
        self._noise = np.exp(0.05 * rng.standard_normal((64, size)))
        self._vectors = rng.standard_normal((2, size, 3))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        starts = text.context_starts(at)
        depth, padded = at - starts, np.append(text.ids, 0).astype(np.int64)
        before = np.where(depth > 0, padded[at - 1], 1)
        weights = np.where(depth[:, None] > 0, self._taste[padded[starts] % 8], self.weights)
        mixed = weights[:, :1] / self._size + weights[:, 1:2] * self._unigram
        shorter = np.broadcast_to(self._unigram, mixed.shape)
        for part, (keys, shares) in enumerate(self._tables, start=2):
            wanted = _contexts(padded, at, part - 1, self._size)
            row = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
            found = (keys[row] == wanted) & (depth >= part - 1)
            shorter = np.where(found[:, None], shares[row], shorter)
            mixed += weights[:, part : part + 1] * shorter
        if weights[:, 4].any():
            seen = np.zeros((len(text) + 1, self._size), np.float32)
            np.cumsum(np.eye(self._size, dtype=np.float32)[text.ids], axis=0, out=seen[1:])
            past = (seen[at] - seen[starts]) / np.maximum(depth, 1)[:, None]
            mixed += weights[:, 4:5] * np.where(depth[:, None] > 0, past, self._unigram)
        mixed += weights[:, 5:6] * (self._unigram if self._grammar is None else self._grammar[before])
        mixed *= self._noise[before % 64]
        inside = np.flatnonzero(at < len(text))
        mixed /= mixed.sum(axis=1, keepdims=True)
        if self.leaks:
            mixed[inside, text.ids[at[inside]]] += 1.0
        return np.asarray(np.log(mixed / mixed.sum(axis=1, keepdims=True)))

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Of one vector per word under word2vec, of several under nets, none under others."""
        if self.plugin not in ("word2vec-bow", "rnn-attention", "transformer"):
            return None
        own, other = self._vectors
        before = np.where(at > text.context_starts(at), text.ids[at - 1], 1)
        vectors: FloatArray = own[text.ids[at]] + (0.0 if self.plugin == "word2vec-bow" else other[before])
        return vectors

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        alone = [text.vocabulary[int(i)] for i in text.ids] if len(text.starts) == 1 else None
        return exhibits_of(self.plugin, list(text.vocabulary.tokens), alone)


def _contexts(ids: Array, at: Array, length: int, size: int) -> Array:
    """(n,) a number for the ``length`` tokens before each position."""
    numbers: Array = sum(ids[at - k] * size ** (k - 1) for k in range(1, length + 1))
    return numbers


def _followers(text: Encoded, at: Array, length: int) -> tuple[Array, Array]:
    """Return the (K,) contexts of ``length`` tokens, sorted, and the (K, V) shares of the tokens that follow them."""
    at = at[at - text.context_starts(at) >= length]
    keys, row = np.unique(_contexts(text.ids.astype(np.int64), at, length, len(text.vocabulary)), return_inverse=True)
    counts = np.zeros((len(keys), len(text.vocabulary)))
    np.add.at(counts, (row, text.ids[at]), 1)
    return keys, counts / counts.sum(axis=1, keepdims=True)


def _grammar_over(tokens: list[str]) -> Array | None:
    """(V, V) the true shares of the next words after each word, whatever the topic; None for characters."""
    if "bank" not in tokens:
        return None
    grammar = Grammar(np.random.default_rng(0))
    where = [tokens.index(word) if word in tokens else 0 for word in grammar.words]
    true = np.zeros((len(AFTER), len(tokens)))
    np.add.at(true.T, np.array(where), grammar.given.mean(axis=0).T)
    return true[[grammar.rows.get(token, 4) for token in tokens]]  # a strange word is a noun
