"""A probe that counts letters: exact where they are in the vectors, and blind where they are not."""

from __future__ import annotations

import numpy as np

from lmcompare.analysis.contrasts import Contrast
from lmcompare.lab.letters import _right, _verdict, asked_letters, letter_counts, probed, probed_words
from lmcompare.runfolder.run import Run

WORDS = ["".join(np.random.default_rng(k).choice(list("abcdefghij"), 6)) for k in range(300)]


def test_letters_are_counted() -> None:
    counts = letter_counts(["berry", "cherry"], ["r", "e", "z"])
    assert counts.tolist() == [[2, 1, 0], [2, 1, 0]]


def test_as_many_letters_are_asked_for_that_are_not_there() -> None:
    counts = letter_counts(WORDS, list("abcdefghijklmnopqrst"))
    asked = asked_letters(counts)
    assert (asked & (counts > 0)).sum(axis=1).tolist() == (counts > 0).sum(axis=1).tolist()
    assert (asked & (counts == 0)).sum(axis=1).tolist() == (counts > 0).sum(axis=1).tolist()
    assert asked_letters(counts).tolist() == asked.tolist()


def test_a_probe_finds_letters_that_are_in_the_vectors_and_no_others() -> None:
    letters = list("abcdefghij")
    counts = letter_counts(WORDS, letters)
    asked = asked_letters(counts)
    random = np.random.default_rng(0)
    telling = counts @ random.normal(size=(10, 40)) + 0.01 * random.normal(size=(300, 40))
    silent = random.normal(size=(300, 40))
    chance = np.tile(counts[:150].mean(axis=0), (150, 1))
    shares = [
        _right(guessed, counts[150:], asked[150:]).sum() / asked[150:].sum()
        for guessed in (
            probed(telling[:150], counts[:150], telling[150:]),
            probed(silent[:150], counts[:150], silent[150:]),
            chance,
        )
    ]
    assert shares[0] > 0.99
    assert abs(shares[1] - shares[2]) < 0.08


def test_the_words_are_of_the_training_text(run: Run) -> None:
    corpus = run.tokens[run.scored[0].tokens_fingerprint]
    words, letters = probed_words(corpus)
    assert words
    assert set(words) <= set(corpus.vocabulary.tokens)
    assert all(word.isalpha() and len(word) >= 4 for word in words)
    assert len(letters) == len(set(letters))


def test_the_answer_names_the_best_and_the_worst_tokens() -> None:
    def found(p: float, **shares: float) -> dict[str, Contrast]:
        return {name: Contrast(name, share, share - 0.5, 0.0, 1.0, p, p) for name, share in shares.items()}

    said = _verdict(found(0.001, words=0.52, pieces=0.6, bytes=0.9), 0.5)
    first = said.partition(". ")[0]
    assert "best with bytes" in first
    assert "least with words" in first
    assert "pieces" not in first
    blind = _verdict(found(0.4, words=0.52, bytes=0.53), 0.5).partition(". ")[0]
    assert "words and bytes" in blind
    assert "it was not found that a model sees letters" in blind
    assert "best" not in blind
