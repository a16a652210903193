"""Small texts, and checks that every mixture model must pass on them."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np

from lmcompare.model import LanguageModel, Setting
from lmcompare.models.common import gates
from lmcompare.tokens import Encoded, Vocabulary

NOUNS, VERBS = ("cat", "dog", "cow", "fox"), ("sees", "hears", "likes")


def animals(sentences: int, seed: int, strange: float = 0.0) -> list[list[str]]:
    """Return sentences of a grammar of word classes, such as 'the cat sees a dog .'"""
    rng = np.random.default_rng(seed)
    text = []
    for _ in range(sentences):
        noun, verb, other = rng.choice(NOUNS), rng.choice(VERBS), rng.choice(NOUNS)
        last = "zebra" if rng.random() < strange else other
        text.append([str(w) for w in (rng.choice(["the", "a"]), noun, verb, rng.choice(["the", "a"]), last, ".")])
    return text


def encoded(sentences: list[list[str]], vocabulary: Vocabulary) -> Encoded:
    """Return one document of all sentences."""
    ids: list[int] = []
    for sentence in sentences:
        ids += [*vocabulary.ids(sentence).tolist(), vocabulary.end]
    return Encoded.from_documents([ids] if ids else [], vocabulary)


def trained(model: LanguageModel, train: list[list[str]], valid: list[list[str]]) -> tuple[LanguageModel, Vocabulary]:
    """Return the model, fitted to these texts, and the vocabulary."""
    vocabulary = Vocabulary.build(train)
    return model.fit(encoded(train, vocabulary), encoded(valid, vocabulary), Setting(vocabulary)), vocabulary


def sums_and_agrees(model: LanguageModel, text: Encoded, *, rounding: float = 1e-6) -> None:
    """Check that distributions sum to one and agree with the scores, the stream and, up to rounding, the stepper."""
    rows = model.next_log_probs(text, np.arange(len(text) + 1))
    np.testing.assert_allclose(np.exp(rows).sum(1), 1, atol=1e-6)
    scores = model.log_probs(text)
    np.testing.assert_allclose(scores, rows[np.arange(len(text)), text.ids], atol=1e-5)
    for at, block in model.stream(text):
        np.testing.assert_allclose(block, rows[at], atol=1e-5)
    stepper = model.stepper(text.ids[:0], text.vocabulary)
    for i, token in enumerate(text.ids[: text.starts[1] if len(text.starts) > 1 else None]):
        np.testing.assert_allclose(stepper.log_probs(), rows[i], atol=rounding)
        stepper.push(int(token))


@patch.object(gates, "STEPS", 30)  # how well they are fitted is not asked
def survives_small_texts(make: Callable[[], LanguageModel]) -> None:
    """Check texts of one sentence, an empty validation text, vocabularies of a few types, and all 256 bytes."""
    texts: list[tuple[list[list[str]], list[list[str]]]] = [
        ([["a"]], []),
        ([[]], [["a"]]),
        ([["a", "b", "c"], ["b"]], []),
        ([["a", "b", "c"]] * 3, [["c", "x"]]),
    ]
    for train, valid in texts:
        vocabulary = Vocabulary.build([["a", "b", "c"]])
        text = encoded(train, vocabulary)
        model = make().fit(text, encoded(valid, vocabulary), Setting(vocabulary))
        sums_and_agrees(model, encoded([["c", "x", "a", "b"], [], ["a"]], vocabulary))
    data = [[f"<{b:02x}>" for b in line.encode()] for line in ("a line of bytes", "and another line", "é")]
    vocabulary = Vocabulary.build(data, always=[f"<{b:02x}>" for b in range(256)])
    model = make().fit(encoded(data[:2], vocabulary), encoded(data[2:], vocabulary), Setting(vocabulary))
    sums_and_agrees(model, encoded(data[1:], vocabulary))


def perplexity(model: LanguageModel, text: Encoded) -> float:
    """Return the perplexity of all tokens, unknown words included."""
    return float(np.exp(-model.log_probs(text).mean()))
