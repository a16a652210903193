"""One word in several contexts: where it occurs, the distances between a model's vectors of it, and its senses.

In labelled sentences it is asked whether the vectors of a word tell its senses apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from lmcompare.errors import PluginError, kind_of
from lmcompare.measure.scoring import PART_TOKENS, digest_of, fresh_documents
from lmcompare.model import FloatArray, LanguageModel, next_distributions
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


FEWEST_SENTENCES = 3  # sentences of each sense whose words are all known; a set with fewer is left out
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
        if min(counts[0], counts[1]) < FEWEST_SENTENCES:
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
