"""Pocket copies: packed numbers come back within half a step, and every distribution is over the whole vocabulary."""

from __future__ import annotations

import base64
import gzip
import json

import numpy as np
import pytest
import torch

from lmcompare.tokens import Encoded
from lmcompare.training import pocket
from lmcompare.training.pocket import BLOCK, Pocket, pack
from tests.models.neural_cases import build, trained
from tests.training.texts import VOCABULARY, chain

pytestmark = pytest.mark.slow


def raw(packed: str) -> bytes:
    return gzip.decompress(base64.b64decode(packed))


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_a_number_moves_by_half_a_step_at_most(bits: int) -> None:
    values = torch.randn(7, 11, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 1, 7)[:, None]
    values[3] = 0
    about, restored = pack(values, bits)
    scales = np.frombuffer(raw(about["scales"]), "<f2").astype(np.float64)
    steps = torch.from_numpy(np.repeat(scales, BLOCK)[: values.numel()].reshape(7, 11))
    assert ((values - restored).abs() <= 0.51 * steps + 1e-9).all()
    assert len(raw(about["data"])) == 77
    assert set(raw(about["data"])) <= set(range(2**bits - 1))
    assert about["shape"] == [7, 11]


def test_vectors_keep_all_bits() -> None:
    values = torch.tensor([0.1, -2.5, 3e-7])
    about, restored = pack(values, 4)
    assert about["bits"] == 32
    assert torch.equal(restored, values)


@pytest.fixture(scope="module", params=["plain-lstm", "rotary", "bag"])
def made(request: pytest.FixtureRequest) -> Pocket:
    network = trained(request.param).trained_network()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pocket, "_affordable", lambda _: len(VOCABULARY) // 2)
        return Pocket(network, network.in_page(), chain(1, 4, 200))


def test_distributions_are_over_the_whole_vocabulary(made: Pocket) -> None:
    before = chain(2, 1, 6).ids.tolist()
    each = [Encoded.from_documents([[*before, word]], VOCABULARY) for word in range(len(VOCABULARY))]
    chances = np.exp([made.log_probs(text)[-1] for text in each])
    assert chances.sum() == pytest.approx(1.0, abs=1e-6)
    counts = np.asarray(VOCABULARY.counts, np.float64)[made.rare.numpy()] + 1
    rare = chances[made.rare.numpy()]
    assert rare / rare.sum() == pytest.approx(counts / counts.sum())


def test_with_many_bits_it_is_nearly_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pocket, "BITS", 8)
    model, text = trained("rotary"), chain(3, 2, 60)
    copy = model.in_page(chain(1, 4, 200))
    assert copy.log_probs is not None
    assert copy.log_probs(text).mean() == pytest.approx(model.log_probs(text).mean(), abs=0.005)


def test_as_many_words_keep_their_rows_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained("plain-lstm").trained_network()
    sizes = []
    for size in (1_000, 1_000_000):
        monkeypatch.setattr(pocket, "SIZE", size)
        made = Pocket(network, network.in_page(), chain(1, 4, 200))
        sizes.append((len(made.kept), len(json.dumps(made.packed))))
    assert sizes[0][0] < sizes[1][0] == len(VOCABULARY)


def test_the_output_of_rare_words_has_their_share_of_the_validation_text(made: Pocket) -> None:
    valid = chain(1, 4, 200)
    found = np.zeros(len(valid))
    for where, features in made._features(valid, np.arange(len(valid))):
        logits = torch.cat([made._kept_logits(features), (features @ made.vector + made.bias)[:, None]], 1)
        found[where] = logits.softmax(-1)[:, -1].numpy()
    assert found.mean() == pytest.approx(np.isin(valid.ids, made.rare.numpy()).mean(), abs=0.01)


def test_a_matrix_with_as_many_rows_as_there_are_words_is_no_table_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pocket, "_affordable", lambda _: len(VOCABULARY) // 2)
    network = build("rotary", positions="learned", window=len(VOCABULARY) + 1).network(len(VOCABULARY))
    made = Pocket(network, network.in_page(), chain(1, 4, 200))
    assert made.packed["places"]["shape"] == list(network.state_dict()["places"].shape)
    assert made.packed["head.table"]["shape"][0] == len(VOCABULARY) // 2 + 2
