"""One word in several contexts: where it occurs, and the distances between a model's vectors of it there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from lmcompare.errors import PluginError, kind_of
from lmcompare.measure.scoring import PART_TOKENS
from lmcompare.measure.selection import digest_of, fresh_documents
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray, as_text, prompt_pieces, text_after

# English words of several meanings; the first that occur in enough contexts are shown, unless others are asked for
AMBIGUOUS = ("bank", "curry", "plant", "current", "light", "order", "left", "present", "second", "right", "bill")
SHOWN_WORDS = 4
CONTEXTS = 8  # the most contexts of a word
FEWEST = 4  # contexts that a word must have, unless it was asked for
COMMON, RARE = 200, 20  # words from the text are not among the 200 most frequent, and occur at least 20 times
READ_BEFORE = 3  # tokens of the sentence before the word, if such a context exists
SAMPLE, SAMPLE_LENGTH = 1000, 256  # tokens whose vectors give the mean; tokens read of each document


@dataclass(frozen=True, eq=False)
class Context:
    """An occurrence of a word.

    Parameters
    ----------
    ids : array of shape (n,)
        Its document up to and including the word.
    before, word, after : str
        The text of the sentence before the word, the word, and the text after it, which no causal model has read.
    document, position, byte : int, optional
        The document and the position in test, and the word's first byte in the document's text; None for a prompt.
    """

    ids: IntArray
    before: str
    word: str
    after: str
    document: int | None = None
    position: int | None = None
    byte: int | None = None

    @property
    def source(self) -> object:
        """The identity of its document."""
        return self.ids.tobytes() if self.document is None else self.document

    def to_json(self) -> dict[str, Any]:
        """Return the table that is stored."""
        where = {"document": self.document, "position": self.position, "byte": self.byte}
        return {"before": self.before, "word": self.word, "after": self.after, **where}


@dataclass(frozen=True, eq=False)
class Word:
    """A word and the contexts in which it is shown."""

    word: str
    contexts: Sequence[Context]


def chosen_words(corpus: TokenizedCorpus, prompts: Sequence[str], asked: Sequence[str] | None) -> list[Word]:
    """Return the words to show, each in contexts that are the same for every model of these tokens.

    Every word of ``asked`` is returned, even without a context. If ``asked`` is None, the first words of
    ``AMBIGUOUS`` with at least ``FEWEST`` contexts are chosen, and then the rarest words that occur in as many test
    documents. Words that are not one token are not found.
    """
    if asked is not None:
        return [Word(word, _contexts(corpus, prompts, word)) for word in dict.fromkeys(asked)]
    found: list[Word] = []
    for word in chain(AMBIGUOUS, _content_words(corpus)):
        if any(word == one.word for one in found):
            continue
        contexts = _contexts(corpus, prompts, word)
        if len(contexts) >= FEWEST:
            found.append(Word(word, contexts))
        if len(found) == SHOWN_WORDS:
            break
    return found


def word_tables(model: LanguageModel, corpus: TokenizedCorpus, words: Sequence[Word]) -> list[dict[str, Any]]:
    """Return the ``words``: contexts, and the matrix of distances between the vectors.

    A distance is 1 - cos of two vectors after the model's mean vector over a sample of test was subtracted: 0 for one
    direction, 1 for the average distance of two tokens of the text (Mu and Viswanath 2018 subtract the mean because
    all vectors of a model share a direction). The distances are None for a model without vectors.
    """
    contexts = [context for word in words for context in word.contexts]
    vectors = centred_vectors(model, corpus, contexts)
    tables = []
    for word in words:
        table: dict[str, Any] = {"word": word.word, "contexts": [c.to_json() for c in word.contexts]}
        here, vectors = (None, None) if vectors is None else np.split(vectors, [len(word.contexts)])
        table["distances"] = None if here is None else cosine_distances(here).round(4).tolist()
        tables.append(table)
    return tables


def cosine_distances(vectors: FloatArray) -> FloatArray:
    """(n, n) 1 - cos between the rows of (n, d); exactly 0 between equal rows, two zero vectors among them."""
    scale = np.abs(vectors).max(axis=1, keepdims=True)  # scaled first, so that no square is too large or too small
    scaled = vectors / np.where(scale > 0, scale, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit = scaled / np.where(lengths > 0, lengths, 1)
    distances = 1 - (unit @ unit.T).clip(-1, 1)
    equal = (vectors[:, None] == vectors[None]).all(-1)
    found: FloatArray = np.where(equal, 0.0, distances)
    return found


def centred_vectors(model: LanguageModel, corpus: TokenizedCorpus, contexts: Sequence[Context]) -> FloatArray | None:
    """(n, d) the vectors of the words in their contexts, less the mean over a sample; None if there are none."""
    found = _centred(model, "context_vectors", corpus, contexts)
    return found[0] if found else None


def centred_layers(model: LanguageModel, corpus: TokenizedCorpus, contexts: Sequence[Context]) -> list[FloatArray]:
    """The same before the first layer of the model and after each; empty for a model without layers."""
    return _centred(model, "layer_vectors", corpus, contexts)


def _centred(
    model: LanguageModel, method: str, corpus: TokenizedCorpus, contexts: Sequence[Context]
) -> list[FloatArray]:
    if not contexts:
        return []
    longest: dict[object, IntArray] = {}  # every document is read once, up to its last context
    for context in contexts:
        if len(context.ids) > len(longest.get(context.source, ())):
            longest[context.source] = context.ids
    text = Encoded.from_documents(list(longest.values()), corpus.vocabulary)
    starts = dict(zip(longest, text.starts.tolist(), strict=True))
    found = _asked(model, method, text, np.array([starts[c.source] + len(c.ids) - 1 for c in contexts]))
    if not found:
        return []
    sample = _asked(model, method, *text_sample(corpus))
    if [vectors.shape[1] for vectors in sample] != [vectors.shape[1] for vectors in found]:
        raise PluginError(
            f"{type(model).__name__}.{method} returned vectors of another width, or none, for another text: return"
            " the same width for every text"
        )
    return [vectors - each.mean(0) for vectors, each in zip(found, sample, strict=True)]


def _asked(model: LanguageModel, method: str, text: Encoded, at: IntArray) -> list[FloatArray]:
    """Return a model's vectors as float64: one array, or one for each layer.

    Raises ``PluginError`` if they are not (n, d) finite numbers.
    """
    answer = getattr(model, method)(text, at)
    if answer is None:
        return []
    of_layers = method == "layer_vectors"
    name = f"{type(model).__name__}.{method}"
    if of_layers and not isinstance(answer, Sequence):
        raise PluginError(f"{name} returned {kind_of(answer)}: return a list of (n, d) finite floats, or None")
    vectors = answer if of_layers else [answer]
    for found in vectors:
        wrong = ""
        if not isinstance(found, np.ndarray) or not np.issubdtype(found.dtype, np.floating):
            wrong = str(found.dtype if isinstance(found, np.ndarray) else type(found).__name__)
        elif not np.isfinite(found).all():
            wrong = "numbers that are not finite"
        elif found.ndim != 2 or len(found) != len(at) or not found.shape[1]:
            wrong = f"the shape {found.shape} for {len(at)} positions"
        if wrong:
            due = "a list of (n, d) finite floats" if of_layers else "(n, d) finite floats"
            raise PluginError(f"{name} returned {wrong}: return {due}, or None")
    return [np.asarray(found, np.float64) for found in vectors]


def text_sample(corpus: TokenizedCorpus) -> tuple[Encoded, IntArray]:
    """Return the beginnings of the test documents and ``SAMPLE`` positions, evenly spread over them."""
    documents = [ids[:SAMPLE_LENGTH] for ids in corpus.test.documents() if len(ids)]
    text = Encoded.from_documents(documents[:SAMPLE], corpus.vocabulary)
    return text, np.unique(np.linspace(0, len(text) - 1, SAMPLE).astype(np.int64))


def _contexts(corpus: TokenizedCorpus, prompts: Sequence[str], word: str) -> list[Context]:
    """Return the contexts of the token that is the word; of several, as with a blank, the most frequent."""
    special = set(corpus.vocabulary.special)
    tokens = [
        i
        for i, token in enumerate(corpus.vocabulary.tokens)
        if i not in special and word in (token, token.strip() or token)
    ]
    found = [[*_in_prompts(corpus, prompts, i), *_in_test(corpus, i)][:CONTEXTS] for i in tokens]
    return max(found, key=len, default=[])


def _in_prompts(corpus: TokenizedCorpus, prompts: Sequence[str], token: int) -> Iterator[Context]:
    """Yield the first occurrence of the token in each prompt that has it."""
    for prompt in prompts:
        lines = prompt_pieces(prompt, corpus.tokenizer)
        for index, line in enumerate(lines):
            strings = corpus.tokenizer.tokenize(line)[0]
            ids = corpus.prompt_ids("\n".join(lines[: index + 1]))
            here = np.flatnonzero(ids[len(ids) - len(strings) :] == token)
            if len(here):
                first = int(here[0])
                upto = ids[: len(ids) - len(strings) + first + 1]
                yield Context(upto, *_around(corpus, strings, first))
                break


def _in_test(corpus: TokenizedCorpus, token: int) -> Iterator[Context]:
    """Yield occurrences in test: one per document before a second of any, those with a longer past first."""
    test = corpus.test
    at = np.flatnonzero(test.ids == token)
    at = at[fresh_documents(corpus)[test.document_of(at)]]
    begins = corpus.sentence_starts("test")
    ends = np.append(begins[1:], len(test))
    sentence = np.searchsorted(begins, at, side="right") - 1
    poor = at - begins[sentence] < READ_BEFORE
    document = test.document_of(at)
    assert test.spans is not None, "test is made from a text"
    byte = test.spans[at, 0]  # occurrences are drawn by their byte, which does not depend on the tokens
    taken: Counter[int] = Counter()  # occurrences in each document
    turns: list[tuple[int, int]] = []
    for k in sorted(range(len(at)), key=lambda k: (poor[k], digest_of("word", int(document[k]), int(byte[k])))):
        turns.append((taken[document[k]], k))
        taken[document[k]] += 1
    strings = corpus.test_strings
    for _, k in sorted(turns, key=lambda turn: turn[0]):
        first, last = int(begins[sentence[k]]), int(ends[sentence[k]])
        last -= int(test.ids[last - 1] == corpus.vocabulary.end)
        start = int(test.starts[document[k]])
        around = _around(corpus, strings[first:last].tolist(), int(at[k]) - first)
        yield Context(test.ids[start : at[k] + 1], *around, int(document[k]), int(at[k]) - start, int(byte[k]))


def _around(corpus: TokenizedCorpus, strings: Sequence[str], index: int) -> tuple[str, str, str]:
    """Return the text before the token at an index of a sentence, the token, and the text after it."""
    before, token, after = strings[:index], strings[index : index + 1], strings[index + 1 :]
    tokenizer = corpus.tokenizer
    return (
        as_text(tokenizer, before),
        text_after(tokenizer, before, token),
        text_after(tokenizer, strings[: index + 1], after),
    )


def _content_words(corpus: TokenizedCorpus) -> Iterator[str]:
    """Yield some words of ``FEWEST`` documents of test or more that are neither common nor rare, rarest first."""
    test, counts = corpus.test, corpus.vocabulary.counts
    documents = np.zeros(len(counts), np.int64)  # the number of documents with each word
    for part in test.parts(PART_TOKENS):
        pairs = np.unique(part.document_of(np.arange(len(part))) * len(counts) + part.ids)
        documents += np.bincount(pairs % len(counts), minlength=len(counts))
    common = np.argsort(-counts, kind="stable")[:COMMON]
    fitting = (documents >= FEWEST) & (counts >= RARE)
    fitting[common] = False
    ranked = sorted(np.flatnonzero(fitting).tolist(), key=lambda i: (counts[i], i))
    words = (corpus.vocabulary[i].strip() for i in ranked)
    yield from islice((word for word in words if len(word) > 2 and word.isalpha()), 5 * SHOWN_WORDS)
