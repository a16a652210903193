"""Each changed transformer differs from the plain one in what it says, and in nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.lab.changes import (
    AttentionByDistance,
    FrozenVectors,
    HalfParameters,
    LimitedOrder,
    PartBag,
    PartNGram,
    PartTransformer,
    TextbookEncoderDecoder,
    part,
)
from lmcompare.model import Setting
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded
from tests.training.texts import VOCABULARY, chain, fitted

pytestmark = pytest.mark.slow

FEW: dict[str, Any] = {"steps": 6, "batch": 4, "length": 16, "precision": "float32"}
SMALL: dict[str, Any] = {"width": 16, "heads": 2, "layers": 2, "window": 9, **FEW}
DOCUMENT = [2, 5, 3, 3, 9, 4, 6]


def document(*ids: int) -> Encoded:
    return Encoded.from_documents([ids], VOCABULARY)


def last(model: Transformer, *ids: int) -> np.ndarray:
    """The distribution of the token after these."""
    (row,) = model.next_log_probs(document(*ids), np.array([len(ids)]))
    found: np.ndarray = row
    return found


def test_weights_by_distance_depend_on_no_word() -> None:
    network = fitted(AttentionByDistance(**SMALL)).trained_as(TransformerNetwork)
    one, other = (network.maps(np.array(ids)) for ids in (DOCUMENT, DOCUMENT[::-1]))
    for this, that in zip(one, other, strict=True):
        assert torch.equal(this.weights, that.weights)
        scores = this.scores[0].detach().numpy()  # (heads, T, T)
        for distance in range(scores.shape[1]):
            along = np.diagonal(scores, -distance, axis1=1, axis2=2)
            assert along == pytest.approx(np.repeat(along[:, :1], along.shape[1], axis=1), abs=1e-5)
        assert np.ptp(scores[:, -1], axis=-1).min() > 0.01  # distances do differ


def test_frozen_vectors_are_as_they_were_drawn_and_the_rest_is_trained() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of the training
        drawn = Transformer(**SMALL).network(12)
    trained, other = (fitted(FrozenVectors(**{**SMALL, "steps": n})).trained_network() for n in (6, 12))
    for network in (trained, other):
        assert not network.head.table.requires_grad
        assert torch.equal(network.head.table, drawn.head.table)
    assert not torch.equal(trained.head.bias, other.head.bias)


def test_without_order_only_the_set_of_words_and_the_last_one_matter() -> None:
    without, plain = fitted(LimitedOrder(**SMALL)), fitted(Transformer(**SMALL, positions="none"))
    shuffled = [9, 3, 2, 4, 5, 3, 6]
    assert last(without, *DOCUMENT) == pytest.approx(last(without, *shuffled), abs=4e-6)
    assert np.abs(last(plain, *DOCUMENT) - last(plain, *shuffled)).max() > 4e-5
    assert np.abs(last(without, *DOCUMENT) - last(without, *DOCUMENT[::-1])).max() > 4e-5  # another last word
    assert np.abs(last(without, *DOCUMENT) - last(without, 7, *DOCUMENT[1:])).max() > 4e-5  # another set


def test_the_order_of_the_last_words_is_known() -> None:
    model = LimitedOrder(**{**SMALL, "steps": 1}, known=3).restore(fitted(LimitedOrder(**SMALL, known=3)).state())
    network = model.trained_as(TransformerNetwork)
    assert network.distances is not None
    torch.nn.init.normal_(network.distances)  # so that each distance counts
    *far, a, b, c = DOCUMENT
    assert last(model, *DOCUMENT) == pytest.approx(last(model, *far[::-1], a, b, c), abs=4e-6)
    assert np.abs(last(model, *DOCUMENT) - last(model, *far, b, a, c)).max() > 4e-5
    assert np.abs(last(model, *DOCUMENT) - last(model, *far[:-1], a, far[-1], b, c)).max() > 4e-5  # a is the third
    with pytest.raises(LmcompareError, match="positions"):
        LimitedOrder(**SMALL, positions="rotary")


@pytest.mark.parametrize("model", [LimitedOrder, AttentionByDistance, FrozenVectors, HalfParameters])
def test_a_changed_transformer_is_causal_and_is_restored(model: type[Transformer]) -> None:
    trained = fitted(model(**SMALL))
    text = document(*DOCUMENT * 4)
    stepwise = [last(trained, *text.ids[:t])[text.ids[t]] for t in range(len(text))]
    assert trained.log_probs(text) == pytest.approx(np.array(stepwise), abs=2e-5)
    restored = model(**SMALL).restore(trained.state())
    assert restored.log_probs(text) == pytest.approx(trained.log_probs(text), abs=1e-6)


def test_half_of_the_parameters() -> None:
    given: dict[str, Any] = {**SMALL, "width": 64}
    whole, narrow = (fitted(model(**given)).size().parameters for model in (Transformer, HalfParameters))
    assert narrow / whole == pytest.approx(0.5, abs=0.1)


def test_half_of_the_text_is_whole_documents_and_a_last_one_that_ends_with_a_sentence() -> None:
    text = chain(3, 9, 41)
    found = part(text, 0.5)
    documents = {tuple(ids.tolist()) for ids in text.documents()}
    *whole, cut = (tuple(ids.tolist()) for ids in found.documents())
    assert len(whole) >= 3
    assert set(whole) <= documents
    assert len(set(whole)) == len(whole)
    assert cut in documents or cut[-1] == VOCABULARY.end
    assert any(other[: len(cut)] == cut for other in documents)
    longest = max(len(s) for s in np.split(text.ids, text.sentence_starts()[1:]))
    assert len(text) / 2 <= len(found) <= len(text) / 2 + longest
    assert part(text, 0.5).ids.tolist() == found.ids.tolist()
    alone = chain(4, 1, 200)
    (kept,) = part(alone, 0.5).documents()
    assert kept.tolist() == alone.ids[: len(kept)].tolist()
    assert 100 <= len(kept) < 200
    assert kept[-1] == VOCABULARY.end


def test_the_training_on_half_of_the_text_reads_nothing_else() -> None:
    text = chain(1, 6, 80)
    other = np.array(text.ids)
    kept = {tuple(ids.tolist()) for ids in part(text, 0.5).documents()}
    for start, end in zip(text.starts, text.ends, strict=True):
        if tuple(other[start:end].tolist()) not in kept and not any(
            tuple(other[start : start + len(k)].tolist()) == k for k in kept
        ):
            other[start:end] = 2
    changed = Encoded(other, text.starts, text.vocabulary)
    one, two = (fitted(PartTransformer(**SMALL), each).trained_network().head.table for each in (text, changed))
    assert torch.equal(one, two)


def test_the_textbook_encoder_decoder_sees_the_word_that_it_predicts() -> None:
    model = fitted(TextbookEncoderDecoder(width=8, hidden=10, **FEW))
    assert not model.traits.causal
    ids = [*DOCUMENT, *DOCUMENT]
    altered = [*ids[:5], 7, *ids[6:]]
    before, after = (model.log_probs(document(*each)) for each in (ids, altered))
    assert np.abs(before[:5] - after[:5]).max() > 1e-6  # the words before the changed one
    honest = model.next_log_probs(document(*ids[:3]), np.array([3]))[0][ids[3]]
    assert abs(before[3] - honest) > 1e-6  # what follows is there to see, or is not
    assert np.isfinite(model.next_log_probs(document(), np.array([0]))).all()


def test_a_bag_of_the_size_of_the_counts_of_the_same_part() -> None:
    text = chain(2, 20, 200)
    settings: dict[str, Any] = {"epochs": 1, "window": 3, **FEW}
    for share in (0.25, 1.0):
        counts = PartNGram(share=share).fit(text, text, Setting(VOCABULARY))
        bag = fitted(PartBag(**settings, share=share), text)
        step = 13 + bag.width + bag.hidden  # about what one number more in each vector costs
        assert abs(bag.size().parameters - counts.size().parameters) <= 2 * step
        again = PartBag(**settings, share=share).restore(bag.state())
        assert (again.width, again.hidden) == (bag.width, bag.hidden)
        assert again.log_probs(text) == pytest.approx(bag.log_probs(text), abs=1e-6)
    assert PartNGram(share=0.25).fit(text, text, Setting(VOCABULARY)).title().endswith("on 25 % of the text")
