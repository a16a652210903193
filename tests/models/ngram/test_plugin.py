"""The n-gram model as a model of a run: what it reads, what it refuses, and how it keeps to a limit of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmcompare import memory
from lmcompare.counts import ngrams as room
from lmcompare.counts import table as table_module
from lmcompare.counts.bounded import POSITION_BYTES
from lmcompare.counts.ngrams import with_starts
from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.models.ngram.methods import KneserNey
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded
from tests.models.agreement import steps_agree
from tests.models.ngram.cases import RTOL, random_documents, text_of, trained, vocabulary


@pytest.mark.parametrize("order", [1, 2, 5])
def test_only_the_past_of_the_sentence_matters(order: int) -> None:
    documents = random_documents(3, 20)
    model, text = trained(order, documents, 20), text_of(documents, 20)
    np.testing.assert_array_equal(model.log_probs(text), model.log_probs(text.split_sentences()))
    at = np.array([7, 3, 3, len(text)])
    alone = [model.next_log_probs(text, at[i : i + 1])[0] for i in range(4)]
    np.testing.assert_array_equal(model.next_log_probs(text, at), alone)


def test_a_document_begins_like_a_sentence() -> None:
    model = trained(3, random_documents(5, 20), 20)
    begin = model.next_log_probs(text_of([[4, 5]], 20), np.array([0]))
    for nothing in (text_of([], 20), text_of([[]], 20)):
        np.testing.assert_array_equal(model.next_log_probs(nothing, np.array([0])), begin)
        assert model.log_probs(nothing).shape == (0,)
    np.testing.assert_array_equal(model.next_log_probs(text_of([[4, 5, 1]], 20), np.array([3])), begin)


def test_a_text_longer_than_a_block_scores_as_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    block = 256
    monkeypatch.setattr(table_module, "BLOCK", block)
    documents = random_documents(6, 25, documents=60)
    model, text = trained(4, documents[:20], 25), text_of(documents, 25)
    assert len(text) > 3 * block
    parts = [model.log_probs(text.select(range(d, d + 5))) for d in range(0, 60, 5)]
    np.testing.assert_array_equal(model.log_probs(text), np.concatenate(parts))
    endless = Encoded.from_documents([np.where(text.ids == 1, 2, text.ids)], vocabulary(25))  # one sentence
    rows = np.arange(block - 2, block + 3)
    nearby = model.next_log_probs(endless, rows)[np.arange(5), endless.ids[rows]]
    np.testing.assert_allclose(model.log_probs(endless)[rows], nearby, atol=1e-12)


@pytest.mark.parametrize("order", [1, 4])
def test_the_stepper_agrees_with_the_whole_text(order: int) -> None:
    model = trained(order, random_documents(7, 20), 20)
    steps_agree(model, text_of([[4, 0, 6, 1, 3, 19, 2, 2, 1, 5]], 20))
    stepper = model.stepper(np.array([4, 6]), vocabulary(20))
    row = stepper.log_probs()
    for k in (3, 50):
        ids, nats = stepper.top_k(k)
        np.testing.assert_array_equal(ids, np.argsort(-row, kind="stable")[:k])
        np.testing.assert_allclose(nats, row[ids], atol=1e-12)


def test_unseen_types_have_the_probability_of_the_unknown_word() -> None:
    model = trained(2, [[2, 3, 1], [2, 4, 1]], 9)  # 5 … 8 are in the vocabulary only, like <unk>
    rows = np.exp(model.next_log_probs(text_of([[2, 5]], 9), np.arange(3)))
    assert np.ptp(rows[:, [0, 5, 6, 7, 8]], axis=1) == pytest.approx(0, abs=1e-15)
    assert rows[2, 0] == pytest.approx(0.5 / 9, rel=RTOL)  # γ of the unigrams is 0.5, as worked in test_by_hand.py


def test_the_page_counts_with_the_same_discounts() -> None:
    documents = [[2, 3, 1], [2, 4, 1]]
    copy = trained(2, documents, 5).in_page(text_of(documents, 5))
    assert copy.table == {"kind": "kneser-ney", "order": 2, "discounts": [[0.5, 1, 1.5]] * 2}
    for options in ({"smoothing": "katz"}, {"prune": (0, 1)}):
        with pytest.raises(LmcompareError, match="Kneser-Ney smoothing without pruning"):
            trained(2, documents, 5, **options).in_page(text_of(documents, 5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        *(({"order": order}, "order must be a whole number") for order in (0, 2.0, True)),
        ({"order": 101}, "order must be 100 or less"),
        *(
            ({"prune": prune}, "prune must be .* at most 3 whole numbers")
            for prune in ([], (1,), [0, 1, 0], [0, 0, 0, 0], [0, 0.5], [0, True], 0, "0")
        ),
        ({"order": 2, "prune": [1]}, r"as in \[0, 0\], not"),
        ({"order": 7, "prune": [1]}, r"as in \[0, 0, 1\], not"),
        ({"smoothing": "witten"}, "did you mean 'witten-bell'"),
        ({"smoothing": 3}, "unknown smoothing '3'"),
        ({"smoothing": "absolute", "prune": [0, 1]}, 'prune has no effect with smoothing = "absolute"'),
        ({"k": 0.1}, 'k has no effect .* only with "add-k"'),
        *(({"smoothing": "add-k", "k": k}, r"k must be .* 1e-100 to 1e\+100") for k in (0, 1e308, True)),
    ],
)
def test_invalid_hyperparameters_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        NGram(**{"order": 3, **options})


def test_what_a_model_may_not_be_asked() -> None:
    with pytest.raises(LmcompareError, match="no tokens"):
        trained(2, [[], []], 5)
    with pytest.raises(PluginError, match="5 types, not of 6"):
        trained(2, [[2, 3, 1]], 5).log_probs(text_of([[2, 3]], 6))
    with pytest.raises(NotFittedError):
        NGram().log_probs(text_of([[2, 3]], 6))


@pytest.mark.parametrize(
    "options",
    [{}, {"order": 1}, {"order": 3, "prune": (0, 0, 1)}, {"order": 4, "prune": (0, 1)}, {"smoothing": "katz"}],
    ids=str,
)
def test_a_limit_of_memory_changes_nothing_of_the_model(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents, options = random_documents(0, 30), {"order": 5, **options}
    text = text_of(documents, 30)
    expected = trained(train=documents, size=30, **options)
    valid: list[Any] = []
    estimate = KneserNey.estimate

    def noted(method: KneserNey, *given: Any) -> Any:
        valid.append(given[2])
        return estimate(method, *given)

    monkeypatch.setattr(KneserNey, "estimate", noted)
    monkeypatch.setattr(room, "SMALL", 0)  # all arrays are in files
    with memory.limited(4 * 50 * POSITION_BYTES):  # a quarter of it is left: 50 positions in a block
        found = trained(train=documents, size=30, **options)
        np.testing.assert_array_equal(found.log_probs(text), expected.log_probs(text))
    assert all(isinstance(ids.base, np.memmap) and (ids == with_starts(text)).all() for ids in valid)
    mine, theirs = found.state(), expected.state()
    assert mine.values == theirs.values
    assert mine.arrays.keys() == theirs.arrays.keys()
    for name, array in theirs.arrays.items():
        np.testing.assert_array_equal(mine.arrays[name], array, err_msg=name)
        assert mine.arrays[name].dtype == array.dtype, name
