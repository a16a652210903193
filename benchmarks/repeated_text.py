"""How much test text is found again in the training text into which it was put, and what that costs.

::

    python benchmarks/repeated_text.py wiki-sample lee nltk:brown  # shares of the bytes, found and false
    python benchmarks/repeated_text.py --words 8e6                 # seconds for made-up text
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lmcompare.corpora import Corpus, Document, load
from lmcompare.corpora.repeats import repeats

NEVER = 10**9


class Leak(NamedTuple):
    """Training texts into which these sentences of the test documents, (document, start, end), were put."""

    name: str
    train: Sequence[str]
    sentences: Sequence[tuple[int, int, int]]


def leaks(corpus: Corpus) -> Iterator[Leak]:
    """Yield the training text as it is, and with test text in it."""
    draw = random.Random(0)
    train, test = [d.text for d in corpus.train], [d.text for d in corpus.test]
    words = [word for text in train for word in text.split()]
    sentences = [(d, *span) for d, document in enumerate(corpus.test) for span in document.sentences]
    third = [sentence for sentence in sentences if draw.random() < 1 / 3]

    def changed(text: str, every: int) -> str:
        begin = draw.randrange(every)
        return " ".join(
            draw.choice(words) if n % every == every - 1 else w for n, w in enumerate(text.split(), begin)
        )

    def scattered(of: Sequence[tuple[int, int, int]], every: int) -> list[str]:
        found = [text.split(" ") for text in train]
        for d, start, end in of:
            into = draw.choice(found)
            into.insert(draw.randrange(len(into) + 1), changed(test[d][start:end], every))
        return [" ".join(each) for each in found]

    yield Leak("nothing", train, [])
    yield Leak("all sentences, scattered", scattered(sentences, NEVER), sentences)
    yield Leak("a third of them, scattered", scattered(third, NEVER), third)
    yield Leak("all sentences five times, scattered", scattered(sentences * 5, NEVER), sentences)
    for every in (5, 3):
        yield Leak(
            f"all documents, 1 word in {every} changed", [*train, *(changed(t, every) for t in test)], sentences
        )
    yield Leak("all documents forty times", [*train, *test * 40], sentences)
    yield Leak("scattered, 1 word in 5 changed", scattered(sentences, 5), sentences)


def measure(spec: str) -> None:
    """Print the share of the leaked characters that was found, and of the others that counts as repeated."""
    corpus = load(spec)
    print(f"\n{spec:40}  found   false  seconds")
    for name, train, sentences in leaks(corpus):
        split = {"train": documents(train), "valid": corpus.valid, "test": corpus.test}
        begun = time.process_time()
        found = repeats(split)["test"]
        seconds = time.process_time() - begun
        leaked = [np.zeros(len(document.text), bool) for document in corpus.test]
        covered = [np.zeros(len(document.text), bool) for document in corpus.test]
        clean = [np.zeros(len(document.text), bool) for document in corpus.test]
        for mask, document in zip(clean, corpus.test, strict=True):
            for start, end in document.sentences:
                mask[start:end] = True
        for d, start, end in sentences:
            leaked[d][start:end], clean[d][start:end] = True, False
        for repeat, mask in zip(found, covered, strict=True):
            for start, end in repeat.spans if repeat else ():
                mask[start:end] = True
        seen = np.concatenate(covered)
        shares = [f"{seen[of].mean():.2%}" if of.any() else "–" for of in map(np.concatenate, (leaked, clean))]
        print(f"{name:40} {shares[0]:>7} {shares[1]:>7} {seconds:8.2f}")


def documents(texts: Sequence[str]) -> list[Document]:
    """Return documents with these texts."""
    return [Document(f"document {n}", text, ((0, len(text)),)) for n, text in enumerate(texts)]


def cost(words: int) -> None:
    """Print the seconds for this number of words of training text, and a tenth of it as test text."""
    draw = np.random.default_rng(0)
    types = np.array([f"w{n:x}" for n in range(300_000)])
    shares = np.cumsum(1 / np.arange(1, len(types) + 1))

    def texts(number: int) -> list[str]:
        drawn = np.searchsorted(shares, draw.random((number // 500, 500)) * shares[-1])
        return [" ".join(types[row]) for row in drawn]

    sizes = {"train": words, "valid": words // 30, "test": words // 10}
    split = {which: documents(texts(size)) for which, size in sizes.items()}
    begun = time.process_time()
    repeats(split)
    print(f"{words:,} words: {time.process_time() - begun:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*")
    parser.add_argument("--words", type=float, help="measure the cost for this number of words")
    given = parser.parse_args()
    for each in given.specs:
        measure(each)
    if given.words:
        cost(int(given.words))
