"""Whether a model's vectors of a word tell its senses apart, in labelled sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.measure.word_contexts import Context, centred_layers, centred_vectors, cosine_distances, text_sample
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

# word: {sense: the sentences without their common end, "of the <word>"}
BEGINNINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "bank": {
        "money": (
            "The loan had to meet the terms",
            "The business sold its shares",
            "The gold lay in the rooms",
            "The account was held in the name",
        ),
        "river": (
            "The boat came to rest on the mud",
            "The stream ran along the edge",
            "The fish lived below the grass",
            "The flood had washed away most",
        ),
    },
    "capital": {
        "city": (
            "The king built a palace in the north",
            "The soldiers marched along the main road",
            "The airport is ten miles south",
            "The army fought for control",
        ),
        "money": (
            "The company borrowed part",
            "The investors lost half",
            "The new shares were sold for more",
            "The tax was one percent",
        ),
    },
    "party": {
        "politics": (
            "The voters chose the leader",
            "He won the election as a member",
            "The government had the support",
            "The minister spoke against the policy",
        ),
        "celebration": (
            "The children ate dinner at the start",
            "Her friends had brought birthday gifts by the end",
            "The guests had wine for the rest",
            "The music and the dance were the best part",
        ),
    },
    "court": {
        "law": (
            "The judge read the decision",
            "The lawyer accepted the ruling",
            "He was found guilty by order",
            "The trial took place in the building",
        ),
        "sport": (
            "The tennis player ran to the back",
            "The ball landed on the left side",
            "She scored from the middle",
            "The basketball team played at the end",
        ),
    },
    "field": {
        "study": (
            "The scientist wrote the first history",
            "Her research changed the theory",
            "The professor taught the students the methods",
            "The book explains the basic ideas",
        ),
        "land": (
            "The farmer walked to the edge",
            "The cattle ate the grass",
            "The rain washed away the soil",
            "A small tree stood in the corner",
        ),
    },
    "match": {
        "sport": (
            "The team scored the only goal",
            "The player was injured at the start",
            "The crowd saw only the last part",
            "England won in the second half",
        ),
        "fire": (
            "The fire began from the flame",
            "He burned his hand with the end",
            "She could smell the smoke",
            "The dark room was bright with the light",
        ),
    },
    "plant": {
        "nature": (
            "The flowers grow at the top",
            "The insects eat the leaves",
            "The seeds are found inside the fruit",
            "The water enters through the roots",
        ),
        "factory": (
            "The workers came to the gate",
            "The company closed the oldest part",
            "The manager ordered the machines",
            "The steel was made in the main building",
        ),
    },
    "letter": {
        "mail": (
            "The post office lost the second page",
            "Her friend read only the end",
            "His mother received a copy",
            "The king sent him the first part",
        ),
        "alphabet": (
            "The Greek script has an older form",
            "The vowel stands for the sound",
            "The spelling changed by the loss",
            "The Latin alphabet has kept the shape",
        ),
    },
    "star": {
        "film": (
            "The film showed the early life",
            "The audience loved the voice",
            "The director wrote the role",
            "The actor played the father",
        ),
        "sky": (
            "The telescope caught the light",
            "The astronomers measured the size",
            "The planet lies within ten million miles",
            "The sun has half the mass",
        ),
    },
    "cell": {
        "life": (
            "The virus enters by the wall",
            "The gene controls the growth",
            "The proteins are made in the inner part",
            "The oxygen gives energy to the body",
        ),
        "prison": (
            "The murder took place on the floor",
            "The police closed the door",
            "The bed in the prison was on the left side",
            "The criminal escaped through the window",
        ),
    },
    "charge": {
        "law": (
            "The jury found the man guilty",
            "The lawyer asked the judge for the details",
            "The police arrested him and told him",
            "The witness proved the truth",
        ),
        "battle": (
            "The horses fell in the middle",
            "The soldiers followed the general at the start",
            "The enemy guns broke the force",
            "The army lost the hill at the moment",
        ),
    },
    "board": {
        "people": (
            "The company named him chairman",
            "The school elected three new members",
            "The investors accepted the decisions",
            "The president was the oldest director",
        ),
        "wood": (
            "The ship builder cut the end",
            "He fixed the picture to the surface",
            "The water had made a hole in the side",
            "She painted the front",
        ),
    },
}
END = "of the"


def sentences(word: str) -> list[tuple[int, str]]:
    """Return the (sense, sentence) of a word; the sense is 0 or 1."""
    return [(s, f"{text} {END} {word}") for s, texts in enumerate(BEGINNINGS[word].values()) for text in texts]


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
    """Return the ``senses``, or None for a model without vectors.

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
