"""Every kind of network learns a chain of known entropy, and each mechanism what it is made for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmcompare.model import Setting
from lmcompare.models.cnn import Cnn
from lmcompare.models.common.places import measured
from lmcompare.models.distilled import Distilled
from lmcompare.models.ensemble import Ensemble
from lmcompare.models.feed_forward import FeedForward
from lmcompare.models.linear_attention import LinearAttention
from lmcompare.models.pointer.network import Pointer
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.encoder_decoder import RnnEncoderDecoder
from lmcompare.models.rnn.network import CELLS, Rnn
from lmcompare.models.state_space import StateSpace
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from tests.models.test_distilled import SMALL as TAUGHT
from tests.models.test_distilled import TEST, TRAIN, VALID
from tests.models.test_distilled import VOCABULARY as ANIMALS
from tests.training.test_spelling import NEW, SMALL, WORDS, suffixes
from tests.training.texts import ENTROPY, VOCABULARY, chain, fitted

QUICK: dict[str, Any] = {"width": 32, "dropout": 0.0, "steps": 150, "batch": 8, "length": 32, "learning_rate": 1e-2}
SLOW = {name: value for name, value in QUICK.items() if name != "learning_rate"} | {"steps": 200}
HEADS = {"heads": 2, "layers": 1}
LEARNERS: list[tuple[type[TorchLanguageModel], dict[str, Any]]] = [
    *((Rnn, {**QUICK, "hidden": 32, "cell": cell}) for cell in CELLS),
    *((RnnAttention, {**QUICK, "hidden": 32, "attention": 8, "window": 4, "cell": cell}) for cell in ("gru", "lstm")),
    *(
        (RnnEncoderDecoder, {**QUICK, "hidden": 32, "attention": 8, "window": 4, "chunk": 8, **form})
        for form in ({}, {"cell": "gru", "stride": 4})
    ),
    (Cnn, {**SLOW, "layers": 2}),
    (StateSpace, {**SLOW, **HEADS}),
    (LinearAttention, {**SLOW, **HEADS}),
    (Transformer, {**QUICK, **HEADS, "width": 16, "window": 8, "steps": 200, "weight_decay": 0.1}),
    (Word2VecBow, {**QUICK, "width": 16, "hidden": 32, "window": 1, "epochs": 2}),
]


@pytest.mark.parametrize(("kind", "settings"), LEARNERS)
def test_it_learns_a_chain(kind: type[TorchLanguageModel], settings: dict[str, Any]) -> None:
    model = fitted(kind(**settings), chain(1, 20, 200))
    assert ENTROPY - 0.02 < -model.log_probs(chain(9, 5, 200)).mean() < ENTROPY + 0.08


@pytest.mark.parametrize("cls", [Rnn, Transformer])
def test_a_word_that_was_never_read_is_expected_by_its_spelling(cls: type[TorchLanguageModel]) -> None:
    def trained(*, spelling: bool) -> TorchLanguageModel:
        changes = {"steps": 200, "dropout": 0.0, "weight_decay": 0.1, "width": 16, "spelling": spelling}
        model = cls(**{**SMALL, **changes, **({"hidden": 16} if cls is Rnn else {})})
        return model.fit(suffixes(1, 1500), suffixes(2, 100), Setting(WORDS))

    def difference(model: TorchLanguageModel) -> float:
        """log p("zuting") - log p("zuted") after "is", less the same after "has", in nats."""
        ing, ed = WORDS.ids(NEW)
        after_is, after_has = (model.stepper(WORDS.ids([word]), WORDS).log_probs() for word in ("is", "has"))
        return float((after_is[ing] - after_is[ed]) - (after_has[ing] - after_has[ed]))

    assert difference(trained(spelling=True)) > 0.8
    assert difference(trained(spelling=False)) < 0.2


def test_sentences_read_alone_teach_it_how_documents_begin() -> None:
    # one document, so that its beginning is read hardly ever; each sentence begins with a
    random = np.random.default_rng(0)
    one = [i for _ in range(400) for i in (2, *random.integers(3, 12, 2), VOCABULARY.end)]
    text = Encoded.from_documents([one], VOCABULARY)
    begun = {}
    for alone in (0.0, 0.3):
        model = Rnn(width=16, hidden=16, dropout=0.0, steps=120, batch=8, length=16, alone=alone)
        model.fit(text, text, Setting(VOCABULARY))
        begun[alone] = model.log_probs(Encoded.from_documents([[2]], VOCABULARY))[0]
    assert begun[0.3] > np.log(0.97)
    assert begun[0.0] < 2 * begun[0.3]


def test_it_recalls_what_the_document_began_with() -> None:
    # a, b, c or d, then three of e … i at random, then j, after which the first is said again: the rest is noise.
    random = np.random.default_rng(0)
    documents = [[k, *random.integers(6, 11, 3), 11, k] for k in random.integers(2, 6, 800)]
    text = Encoded.from_documents(documents, VOCABULARY)
    model = RnnAttention(
        cell="gru",
        width=32,
        hidden=32,
        window=8,
        dropout=0.0,
        steps=250,
        batch=16,
        length=16,
        learning_rate=1e-2,
        weight_decay=0.1,
    )
    model.fit(text, text.select(range(50)), Setting(VOCABULARY))
    scores = model.log_probs(text.select(range(100))).reshape(100, 6)
    assert -scores[:, 5].mean() < 0.2  # ln 4 = 1.386 for one that has forgotten
    assert -scores[:, 1].mean() > 1.5  # ln 5 = 1.609: noise stays noise


def test_the_decoder_finds_in_the_window_what_it_needs() -> None:
    # One of a … d in a place that changes, among e … i; then j, and the letter again, in the next chunk.
    random = np.random.default_rng(0)
    documents = []
    for _ in range(800):
        words = random.integers(6, 11, 7)
        words[random.integers(7)] = letter = random.integers(2, 6)
        documents.append([*words, 11, letter])
    text = Encoded.from_documents(documents, VOCABULARY)
    model = RnnEncoderDecoder(
        cell="gru",
        width=32,
        hidden=32,
        window=8,
        chunk=4,
        dropout=0.0,
        steps=300,
        batch=16,
        length=16,
        learning_rate=1e-2,
        weight_decay=0.1,
    )
    model.fit(text, text.select(range(50)), Setting(VOCABULARY))
    scores = model.log_probs(text.select(range(100))).reshape(100, 9)
    assert -scores[:, 8].mean() < 0.2  # ln 4 = 1.386 for one that does not know the window


def test_it_copies_what_no_softmax_can_know() -> None:
    # Each document says four of ten letters at random, and the same four again: the second time is a copy.
    random = np.random.default_rng(0)
    drawn = [random.choice(np.arange(2, 12), 4, replace=False) for _ in range(600)]
    text = Encoded.from_documents([np.concatenate([d, d]) for d in drawn], VOCABULARY)
    settings: dict[str, Any] = {
        "cell": "gru",
        "width": 16,
        "hidden": 16,
        "dropout": 0.0,
        "steps": 250,
        "batch": 16,
        "length": 8,
        "learning_rate": 1e-2,
    }
    second = []
    for model in (Pointer("rnn", settings), Rnn(**settings)):
        model.fit(text, text.select(range(50)), Setting(VOCABULARY))
        second.append(-model.log_probs(text.select(range(100))).reshape(100, 8)[:, 5:].mean())
    assert second[0] < 0.3 * second[1]


def test_without_the_mask_it_reads_the_word_to_predict_and_declares_it() -> None:
    model = fitted(
        Transformer(width=16, heads=2, layers=1, window=8, dropout=0.0, steps=200, batch=8, length=32, causal=False),
        chain(1, 20, 200),
    )
    assert not model.traits.causal
    assert Transformer().traits.causal
    assert -model.log_probs(chain(9, 5, 200)).mean() < ENTROPY - 0.05, "better than anything that may not look ahead"


def test_taught_by_the_ensemble_alone_it_comes_nearer_to_it() -> None:
    setting, options = Setting(ANIMALS), {**TAUGHT, "steps": 60}
    teacher = Ensemble("transformer", options, members=2).fit(TRAIN, VALID, Setting(ANIMALS, seed=1))

    def apart(other: object) -> float:
        rows = [np.exp(model.next_log_probs(TEST, np.arange(len(TEST)))) for model in (teacher, other)]  # type: ignore[attr-defined]
        return float(np.abs(rows[0] - rows[1]).sum(1).mean())

    far, near = (
        Distilled(options=options, members=2, weight=weight).fit(TRAIN, VALID, setting) for weight in (0.0, 1.0)
    )
    assert apart(near) < apart(far)


@pytest.mark.parametrize("style", ["residual", "bengio", "log-bilinear"])
def test_it_learns_a_chain_and_that_only_the_last_word_matters(style: str) -> None:
    model = FeedForward(
        style=style, context=3, width=32, hidden=32, dropout=0.0, steps=200, batch=8, length=32, learning_rate=1e-2
    )
    fitted(model, chain(1, 20, 200))
    assert ENTROPY - 0.02 < -model.log_probs(chain(9, 5, 200)).mean() < ENTROPY + 0.08
    found = measured(model.trained_network(), chain(2, 4, 200), 3)
    assert found.lost[0] > 0.5
    assert max(map(abs, found.lost[1:])) < found.lost[0] / 2
