"""Which words of a sentence a model's guess of its last word depends on.

Each earlier word is replaced by others, and the last ones get another order; the change of the guessed word's
surprisal shows how much the model depends on them. J. Li, W. Monroe and D. Jurafsky (2016), *Understanding Neural
Networks through Representation Erasure*, arXiv:1612.08220, section 3, erase words in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from lmcompare import exhibits
from lmcompare.errors import what_went_wrong
from lmcompare.exhibits.attention import at_last_word
from lmcompare.measure.sampling import tokens_after
from lmcompare.measure.scoring import ExampleSentence, check_figures, digest_of, fresh_documents
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.study import Finished
from lmcompare.tokens import Encoded, IntArray, Vocabulary

SENTENCES = 64  # sentences; a report shows one of them
LENGTHS = range(8, 15)  # tokens of a sentence
FEWEST = 4  # tokens before the word that is guessed
DRAWN = 3  # words that replace a word, one after the other
STATES = 32  # numbers of a state
DIGITS = 5  # decimals of the numbers of a state
SHOWN = 5  # most likely words, and nearest words
SWAPPED = (-1, -2)  # the last two words change places
SHUFFLED = (-1, -3, -2)  # the last three words in another order
KNOWN = 5  # occurrences in the training text: the vector of a rarer word is still near its random start


def measured(finished: Finished) -> list[dict[str, Any]]:
    """Return the ``influences`` of a model, and with them what it looks at if it has attention."""
    tables = influences(finished.model, finished.corpus)
    try:
        _add_attention(tables, finished.model, finished.corpus)
    except (Exception, SystemExit) as error:  # exhibits are a model's own code, and may fail without its guesses
        finished.notes.append(f"The list of what it looks at could not be made: {what_went_wrong(error)}.")
    return tables


def influences(model: LanguageModel, corpus: TokenizedCorpus) -> list[dict[str, Any]]:
    """Return the ``influences``: what a model's guesses of some last words depend on.

    Every sentence is read by itself, and only up to the word that is guessed. ``replaced`` has for each earlier token
    the mean change of the guessed word's surprisal, in bits and without its sign, when words drawn from the
    validation text take its place; ``swapped`` is that change when the two tokens before the guessed word change
    places. ``shuffled`` has the model's answers for the sentence with its last three tokens in another order, the
    same for all models. ``near``, of a model with word vectors, has the words nearest to the rarest of the three.
    ``states``, of a model that carries a state, has the first numbers of its context vector after each earlier token.
    A model that learns while it reads is not asked, since one reading would change the next.
    """
    if model.traits.adaptive:
        return []
    tables = []
    others, vectors = _drawn(corpus), model.word_vectors()
    for sentence, at in guessed_sentences(corpus) if len(others) else ():
        ids = corpus.test.ids[sentence.start : sentence.start + at + 1]
        mixed = _reordered(ids, SHUFFLED)
        text = Encoded.from_documents(
            [ids, *_replaced(ids, others), _reordered(ids, SWAPPED), mixed], corpus.vocabulary
        )
        last = text.ends - 1
        rows = next_distributions(model, text, last)
        nats = rows[np.arange(len(last)), text.ids[last]].astype(np.float64)
        check_figures(nats, f"{type(model).__name__}.next_log_probs")
        bits = -nats / np.log(2)
        bits = bits.clip(max=999.0)  # the word may have the probability 0
        changes = np.abs(bits[1:-1] - bits[0])
        tables.append(
            {
                "document": sentence.document,
                "first": sentence.first,
                "tokens": sentence.tokens[: at + 1],
                "bits": float(bits[0]),
                "next": tokens_after(model, ids[:-1], corpus.vocabulary, SHOWN),
                "replaced": changes[:-1].reshape(at, DRAWN).mean(1).tolist(),
                "swapped": float(changes[-1]),
                "shuffled": {
                    "tokens": _reordered(np.array(sentence.tokens[: at + 1], object), SHUFFLED).tolist(),
                    "bits": float(bits[-1]),
                    "next": tokens_after(model, mixed[:-1], corpus.vocabulary, SHOWN),
                },
                "near": None if vectors is None else _nearest(vectors, ids, corpus.vocabulary),
                "states": _states(model, text, at),
            }
        )
    return tables


def guessed_sentences(corpus: TokenizedCorpus) -> list[tuple[ExampleSentence, int]]:
    """Return held-out sentences, drawn by hash, and the place in each of its last token with a letter.

    They are short and have no unknown word; the word that is guessed has at least ``FEWEST`` tokens before it.
    """
    test, begins, strings = corpus.test, corpus.sentence_starts("test"), corpus.test_strings
    lengths = np.diff(np.append(begins, len(test)))
    known = ~np.logical_or.reduceat(test.vocabulary.is_unknown(test.ids), begins)
    fresh = fresh_documents(corpus)[test.document_of(begins)]
    fitting = np.flatnonzero(fresh & known & np.isin(lengths, LENGTHS)).tolist()
    fitting.sort(key=lambda i: digest_of("guessed", corpus.fingerprint, i))

    def found() -> Iterator[tuple[ExampleSentence, int]]:
        for i in fitting:
            start, tokens = int(begins[i]), strings[begins[i] : begins[i] + lengths[i]].tolist()
            letters = [at for at, token in enumerate(tokens) if _has_letter(token)]
            ends = test.ids[start : start + len(tokens)] == test.vocabulary.end
            at = max((at for at in letters if not ends[at]), default=0)
            if at >= FEWEST:
                document = int(test.document_of(np.array([start]))[0])
                yield ExampleSentence(document, start, start - int(test.starts[document]), tokens), at

    return list(islice(found(), SENTENCES))


def _drawn(corpus: TokenizedCorpus) -> IntArray:
    """(DRAWN,) ids of tokens of the validation text, neither unknown nor the end of a sentence; (0,) without any."""
    ids = corpus.valid.ids
    ids = ids[~corpus.vocabulary.is_unknown(ids) & (ids != corpus.vocabulary.end)]
    return np.random.default_rng(0).choice(ids, DRAWN) if len(ids) else ids


def _replaced(ids: IntArray, others: IntArray) -> list[IntArray]:
    """Return the text with each earlier token in turn replaced by each of the others."""
    variants = []
    for place in range(len(ids) - 1):
        for other in others:
            variant = ids.copy()
            variant[place] = other
            variants.append(variant)
    return variants


def _reordered(ids: IntArray, order: tuple[int, ...]) -> IntArray:
    """Return the text in which the tokens before the last have another order, given as places from their end."""
    before = ids[:-1]
    return np.concatenate([before[: -len(order)], before[list(order)], ids[-1:]])


def _nearest(vectors: FloatArray, ids: IntArray, vocabulary: Vocabulary) -> dict[str, Any] | None:
    """Return the rarest well-known word of the three before the last, with its nearest such words and their cosines.

    Returns None if none of the three is a well-known word with a letter.
    """
    known = vocabulary.counts >= KNOWN
    words = [i for i in ids[-1 - len(SHUFFLED) : -1].tolist() if known[i] and _has_letter(vocabulary[i])]
    if not words:
        return None
    word = min(words, key=lambda i: int(vocabulary.counts[i]))
    known[[word, *vocabulary.special]] = False
    others = np.flatnonzero(known)
    lengths = np.linalg.norm(vectors[others], axis=1) * np.linalg.norm(vectors[word])
    cosines = vectors[others] @ vectors[word] / np.maximum(lengths, 1e-12)
    best = [k for k in np.argsort(-cosines, kind="stable")[:SHOWN] if np.isfinite(cosines[k])]
    return {
        "word": vocabulary[word],
        "words": [{"token": vocabulary[int(others[k])], "cosine": float(cosines[k])} for k in best],
    }


def _states(model: LanguageModel, text: Encoded, count: int) -> list[list[float]] | None:
    """Return the first numbers of the context vectors of the first ``count`` tokens of a text; None without any."""
    vectors = model.context_vectors(text, np.arange(count)) if model.traits.carries_state else None
    return None if vectors is None or not vectors.shape[1] else _first_numbers(vectors)


def _first_numbers(vectors: FloatArray) -> list[list[float]] | None:
    """Return the first ``STATES`` numbers of each of the vectors (T, d), rounded; None if one is not finite."""
    first = vectors[:, :STATES].astype(np.float64).round(DIGITS)
    return first.tolist() if np.isfinite(first).all() else None


def _has_letter(token: str) -> bool:
    return any(sign.isalpha() for sign in token)


def _add_attention(tables: list[dict[str, Any]], model: LanguageModel, corpus: TokenizedCorpus) -> None:
    """Add what the model looks at before each guess, from its first attention exhibit, if it has one."""
    for table in tables:
        start = int(corpus.test.starts[table["document"]]) + table["first"]
        ids = corpus.test.ids[start : start + len(table["tokens"])]
        shown = islice(model.exhibits(Encoded.from_documents([ids], corpus.vocabulary)), exhibits.MOST)
        first = next((each for each in shown if isinstance(each, exhibits.Attention)), None)
        if first is None or exhibits.problem_with(first) or first.words[1:] != tuple(table["tokens"][:-1]):
            return  # the exhibit shows another text
        table["attention"] = at_last_word(first)
        if first.weigh:  # attention that adds query and key mixes states
            table["states"] = _first_numbers(np.array(first.heads[0].values))
