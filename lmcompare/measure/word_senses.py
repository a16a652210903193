"""Whether a model's vectors of a word tell its senses apart, in labelled sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.measure.sense_sets import BEGINNINGS, sentences
from lmcompare.measure.word_contexts import Context, centred_layers, centred_vectors, cosine_distances, text_sample
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

FEWEST = 3  # sentences of each sense whose words are all known; a set with fewer is left out
EXPECTED = 3  # next tokens that are stored of each sense
LIKELY, MORE = 1e-3, 1.05  # their least probability, and its least ratio to their probability after the other sense


@dataclass(frozen=True)
class SenseSet:
    """Sentences that end with a word: their ids up to and including it, and their senses, 0 or 1."""

    word: str
    texts: Sequence[str]
    ids: Sequence[IntArray]
    senses: Sequence[int]


def sense_sets(corpus: TokenizedCorpus) -> tuple[list[SenseSet], dict[str, str]]:
    """Return the sets that can be read with these tokens, and why the other words are left out."""
    sets: list[SenseSet] = []
    left_out: dict[str, str] = {}
    for word in BEGINNINGS:
        read = [(text, corpus.prompt_ids(text), sense) for sense, text in sentences(word)]
        if any(corpus.vocabulary[int(ids[-1])].strip() != word for _, ids, _ in read):
            left_out[word] = "not a token of the vocabulary"
            continue
        known = [one for one in read if not corpus.vocabulary.is_unknown(one[1]).any()]
        counts = Counter(sense for _, _, sense in known)
        if min(counts[0], counts[1]) < FEWEST:
            left_out[word] = "too many unknown words before it"
            continue
        texts, ids, senses = zip(*known, strict=True)
        sets.append(SenseSet(word, texts, ids, senses))
    return sets, left_out


def sense_table(model: LanguageModel, corpus: TokenizedCorpus) -> dict[str, Any] | None:
    """Return the ``senses`` of ``examples.json``, or None for a model without vectors.

    Of each set: the context distances between the model's vectors of the word in the sentences; the same before its
    first layer and after each, if it has layers; for comparison, those between the averages of its vectors of the
    words before, each without context (None if it has none), and between the counts of these words; and the tokens
    that the model expects next more after one sense than after the other.
    """
    sets, left_out = sense_sets(corpus)
    contexts = [Context(ids, "", one.word, "") for one in sets for ids in one.ids]
    vectors = centred_vectors(model, corpus, contexts)
    if vectors is None and (sets or model.context_vectors(*text_sample(corpus)) is None):
        return None
    table = model.word_vectors() if sets else None
    mean = None
    if table is not None:
        text, at = text_sample(corpus)
        mean = np.asarray(table[text.ids[at]], np.float64).mean(0)
    layers = centred_layers(model, corpus, contexts)
    tables = []
    first = 0
    for one in sets:
        assert vectors is not None
        here = slice(first, first := first + len(one.ids))
        counts = np.stack([np.bincount(ids[:-1], minlength=len(corpus.vocabulary)) for ids in one.ids])
        counts = counts[:, counts.any(0)]
        average = None
        if table is not None:
            average = np.stack([np.asarray(table[ids[:-1]], np.float64).mean(0) for ids in one.ids]) - mean
        tables.append(
            {
                "word": one.word,
                "names": list(BEGINNINGS[one.word]),
                "sentences": [{"text": t, "sense": s} for t, s in zip(one.texts, one.senses, strict=True)],
                "distances": _stored(vectors[here]),
                "layers": [_stored(layer[here]) for layer in layers],
                "average": None if average is None else _stored(average),
                "counts": _stored(counts.astype(np.float64)),
                "next": _expected(model, corpus, one),
            }
        )
    return {"sets": tables, "left_out": left_out}


def _stored(vectors: FloatArray) -> list[list[float]]:
    """Return the distances with six decimals, so that equal ones are equal."""
    found: list[list[float]] = cosine_distances(vectors).round(6).tolist()
    return found


def _expected(model: LanguageModel, corpus: TokenizedCorpus, one: SenseSet) -> list[list[dict[str, Any]]]:
    """Return, for each sense, the likely next tokens whose mean probability is the most times the other sense's."""
    vocabulary = corpus.vocabulary
    text = Encoded.from_documents([np.append(ids, vocabulary.end) for ids in one.ids], vocabulary)
    chances = np.exp(next_distributions(model, text, text.ends - 1).astype(np.float64))  # (n, V)
    senses = np.array(one.senses)
    means = [chances[senses == sense].mean(0) for sense in (0, 1)]
    found = []
    for own, other in (means, means[::-1]):
        ratio = np.where(own >= LIKELY, own / np.maximum(other, np.finfo(np.float64).tiny), 0.0)
        ratio[vocabulary.special] = 0.0
        best = [int(i) for i in np.argsort(-ratio, kind="stable")[:EXPECTED] if ratio[i] > MORE]
        found.append([{"token": vocabulary[i], "probability": float(own[i]), "other": float(other[i])} for i in best])
    return found
