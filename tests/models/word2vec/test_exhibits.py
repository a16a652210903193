"""Tests of the prediction from similar contexts, on a text whose similar contexts are known."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Bars, Neighbours
from lmcompare.model import Setting
from lmcompare.models.word2vec import exhibits
from lmcompare.models.word2vec import plugin as word2vec_bow
from lmcompare.models.word2vec.exhibits import Account
from lmcompare.models.word2vec.plugin import BagNetwork, Word2VecBow
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import VOCABULARY

pytestmark = pytest.mark.slow

# j (11) came after c a, never after b; a and b, and c and f, have like company
C, D, E, F, G, A, B, J = 4, 5, 6, 7, 8, 2, 3, 11


def alike() -> tuple[Encoded, Encoded]:
    random = np.random.default_rng(0)
    train = []
    for _ in range(1500):
        kind = random.integers(4)
        if kind == 0:
            train.append([F, A, random.choice([D, E]), 1])
        elif kind == 1:
            train.append([random.choice([C, F]), B, random.choice([D, E]), 1])
        elif kind == 2:
            train.append([C, A, J, 1])
        else:
            train.append([G, 9, 10, 1])
    valid = [[F, B, J, 1], [C, A, J, 1]] * 20
    return Encoded.from_documents(train, VOCABULARY), Encoded.from_documents(valid, VOCABULARY)


def designed(text: Encoded, **_: Any) -> np.ndarray:
    """Vectors of which a and b, and c and f, are nearly one, and all others at right angles."""
    vectors = np.eye(12, dtype=np.float32)
    vectors[B] = vectors[A] + 0.1 * vectors[B]
    vectors[F] = vectors[C] + 0.2 * vectors[F]
    return vectors


@pytest.fixture(scope="module")
def model() -> Word2VecBow:
    bag = Word2VecBow(
        width=12,
        hidden=16,
        window=2,
        dropout=0.0,
        steps=150,
        batch=16,
        length=16,
        learning_rate=5e-3,
        tune=False,
        precision="float32",
    )
    train, valid = alike()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word2vec_bow, "word2vec", designed)
        bag.fit(train, valid, Setting(VOCABULARY))
    bag.study(train, valid, Setting(VOCABULARY))
    return bag


def test_a_word_after_a_similar_context_is_counted(model: Word2VecBow) -> None:
    found = exhibits.stored(model.measured)
    assert found.looked_at == 120
    assert found.unseen == 20  # j after b, and nothing else
    assert (found.raised, found.others) == (20, 0)
    assert found.compared[:2] == found.similar[:2] == [20, 0]
    assert found.gain > 0.1
    assert (found.loss, found.net) == pytest.approx((0.0, found.gain))
    assert {(one.context, one.word) for one in found.examples} == {("f b", "j")}
    assert all(near == "c a" for one in found.examples for near in one.near)
    assert all(one.probability > one.frequency for one in found.examples)


def test_the_figures_are_the_models_own(model: Word2VecBow) -> None:
    train, _ = alike()
    one = exhibits.stored(model.measured).examples[0]
    counts = np.bincount(train.ids, minlength=12)
    assert one.frequency == pytest.approx((counts[J] + 1) / (len(train) + 12))
    after = model.next_log_probs(Encoded.from_documents([[F, B]], VOCABULARY), np.array([2]))[0]
    assert one.probability == pytest.approx(float(np.exp(after[J])), rel=1e-4)
    # (c + a) · (f + b) = 2, |c + a|² = 2, |f + b|² = 2 + 0.01 + 0.04
    assert one.cosines[0] == pytest.approx(2 / np.sqrt(2 * 2.05), abs=1e-6)


def test_the_report_shows_it_and_it_is_stored(model: Word2VecBow) -> None:
    again = Word2VecBow(**model.hyperparameters()).restore(model.state())
    assert exhibits.stored(again.measured) == exhibits.stored(model.measured)
    drawn = list(model.exhibits(Encoded.from_documents([[F, B, J, 1]], VOCABULARY)))
    bars = next(e for e in drawn if isinstance(e, Bars) and "never seen" in e.title)
    gain = exhibits.stored(model.measured).gain
    assert f" {gain:.2f} bits per word better than" in bars.title
    assert bars.values == pytest.approx((gain, 0.0, gain))
    assert bars.labels == ("made more likely (20)", "made less likely (0)", "all 20, net")
    shares = next(e for e in drawn if isinstance(e, Bars) and e.title == "How often a context was similar")
    assert dict(zip(shares.labels, shares.values, strict=True))["made more likely"] == 100
    near = next(e for e in drawn if isinstance(e, Neighbours) and e.title == "Which contexts were similar")
    assert re.fullmatch(r"f b … j \([\d.]+ % → [\d.]+ %\)", near.words[0])
    assert near.neighbours[0][0] == "c a"


def test_losses_count_as_well_as_gains() -> None:
    found = Account(looked_at=10, unseen=4, raised=1, gain=3.0, loss=2.0, compared=(1, 2, 4), similar=(1, 1, 2))
    assert found.net == pytest.approx((1 * 3 - 3 * 2) / 4)
    assert " 0.75 bits per word worse than" in exhibits.of_account(found)[0].title
    gains, shares = exhibits.of_account(found)
    assert isinstance(gains, Bars)
    assert gains.values == (3.0, -2.0, -0.75)
    assert isinstance(shares, Bars)
    assert shares.values == pytest.approx((100.0, 50.0, 200 / 3, 50.0))


def test_gains_and_losses_of_unseen_words_by_brute_force(model: Word2VecBow) -> None:
    train, _ = alike()
    random = np.random.default_rng(1)
    valid = Encoded.from_documents([[*random.integers(2, 12, 6), 1] for _ in range(50)], VOCABULARY)
    again = exhibits.account(model, model.trained_as(BagNetwork), train, valid, 0)
    seen, counts = set(pairwise(train.ids.tolist())), np.bincount(train.ids, minlength=12)
    nats = model.next_log_probs(valid, np.arange(len(valid)))
    gains: list[float] = []
    for document, start in zip(valid.documents(), valid.starts.tolist(), strict=True):
        for place, pair in enumerate(pairwise([1, *document.tolist()[:-1]])):  # a document begins as after </s>
            if pair not in seen:
                frequency = (counts[pair[1]] + 1) / (len(train) + 12)
                gains.append(float(nats[start + place, pair[1]] / np.log(2) - np.log2(frequency)))
    raised, others = [g for g in gains if g > 0], [-g for g in gains if g <= 0]
    assert raised
    assert others
    assert (again.looked_at, again.unseen, again.raised) == (300, len(gains), len(raised))
    assert (again.gain, again.loss) == pytest.approx((np.mean(raised), np.mean(others)), rel=1e-4)
    assert again.compared[2] > 0
    assert again.compared[0] <= again.raised
    assert again.compared[1] <= again.others
    assert all(few <= many for few, many in zip(again.similar, again.compared, strict=True))


def test_the_words_of_a_window_are_those_of_the_bag() -> None:
    text = Encoded.from_documents([[2, 3, 1, 4, 5, 6], [7, 8]], VOCABULARY)
    model = trained("bag")
    assert isinstance(model, Word2VecBow)
    windows = exhibits._windows(text, np.array([0, 1, 3, 5, 6, 7]), 4)
    expected = [[-1, -1, -1, 12], [-1, -1, 12, 2], [12, 2, 3, 1], [3, 1, 4, 5], [-1, -1, -1, 12], [-1, -1, 12, 7]]
    assert windows.tolist() == expected
    searcher = exhibits._Searcher(model.trained_as(BagNetwork), text, 0)
    shown = [searcher.text(window) for window in windows]
    assert shown == ["<s>", "<s> a", "</s>", "</s> c d", "<s>", "<s> f"]


@pytest.mark.parametrize("case", ["bag", "linear-bag"])
def test_the_bag_of_a_window_is_that_of_the_document(case: str) -> None:
    text = Encoded.from_documents([[2, 3, 1, 4, 5, 6, 7, 8]], VOCABULARY)
    model = trained(case)
    assert isinstance(model, Word2VecBow)
    network = model.trained_as(BagNetwork)
    with torch.no_grad():
        whole = network.bag(torch.tensor([[12, 2, 3, 1, 4, 5, 6, 7, 8]]), None)[0][0].numpy()
    windows = exhibits._windows(text, np.arange(9), 4)  # the beginning is among the last four of the first
    np.testing.assert_allclose(exhibits.means_of(network, windows), whole, atol=1e-6)


def test_an_empty_text_has_no_counts() -> None:
    model, text = trained("bag"), Encoded.from_documents([[2, 3, 4]], VOCABULARY)
    assert isinstance(model, Word2VecBow)
    nothing = Encoded.from_documents([[1, 0, 1]], VOCABULARY)
    for train, valid in ((text, nothing), (nothing.select([]), text)):
        assert exhibits.account(model, model.trained_as(BagNetwork), train, valid, 0) == Account()
    assert exhibits.of_account(Account()) == []
