"""Tests of the batches: which tokens are read, in which order and how often."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from lmcompare.tokens import Encoded
from lmcompare.training.lanes import Batch, Lanes
from lmcompare.training.softmax import IGNORED
from tests.training.texts import TYPES, VOCABULARY

LENGTHS = (50, 3, 0, 17, 200, 9, 1, 33, 8)


def numbered(lengths: tuple[int, ...] = LENGTHS) -> Encoded:
    random = np.random.default_rng(1)
    return Encoded.from_documents([random.integers(0, TYPES, n) for n in lengths], VOCABULARY)


def batches(text: Encoded, count: int, rows: int = 3, length: int = 8, seed: int = 0) -> list[Batch]:
    return list(islice(Lanes(text, rows, length, seed), count))


def stretches(text: Encoded, some: list[Batch]) -> list[tuple[list[int], list[int]]]:
    """What each row read from where it began to where it ended, put together: (inputs, targets)."""
    running: dict[int, tuple[list[int], list[int]]] = {}
    done = []
    for batch in some:
        for row in range(len(batch.inputs)):
            key = row if batch.goes_on else -1
            if batch.begins[row]:
                if key in running:
                    done.append(running[key])
                running[key] = ([], [])
            kept = batch.targets[row] != IGNORED
            assert not np.any(np.diff(kept.astype(int)) > 0), "padding is at the end only"
            running[key][0].extend(batch.inputs[row][kept].tolist())
            running[key][1].extend(batch.targets[row][kept].tolist())
    return done


def test_every_row_reads_consecutive_parts_of_one_document() -> None:
    text = numbered()
    documents = [tuple(d.tolist()) for d in text.documents()]
    whole = 0
    for inputs, targets in stretches(text, batches(text, 300)):
        assert targets[:-1] == inputs[1:]
        if inputs[0] == TYPES:  # from a document's beginning
            assert any(tuple(targets) == d[: len(targets)] for d in documents)
            whole += tuple(targets) in documents
        else:  # a part of a document that is too long for one lane
            run = (inputs[0], *targets)
            assert any(d[k : k + len(run)] == run for d in documents for k in range(len(d)))
    assert whole > 50


def test_every_token_is_read_equally_often() -> None:
    text = Encoded.from_documents([list(range(2, 12)), [2] * 30, list(range(2, 12)) * 9], VOCABULARY)
    lanes = Lanes(text, 4, 8, 0)
    seen = np.zeros(TYPES)
    for batch in islice(lanes, 4000):
        seen += np.bincount(batch.targets[batch.targets != IGNORED], minlength=TYPES)
    np.testing.assert_allclose(seen / seen.sum(), np.bincount(text.ids, minlength=TYPES) / len(text), atol=0.01)


def test_the_seed_decides() -> None:
    text = numbered()
    for a, b in zip(batches(text, 60, seed=4), batches(text, 60, seed=4), strict=True):
        np.testing.assert_array_equal(a.inputs, b.inputs)
    assert any(
        a.inputs.shape != b.inputs.shape or (a.inputs != b.inputs).any()
        for a, b in zip(batches(text, 60, seed=4), batches(text, 60, seed=5), strict=True)
    )


def test_short_documents_share_batches_of_the_same_size() -> None:
    text = numbered(tuple(range(1, 9)) * 20)
    for batch in batches(text, 100):
        assert not batch.goes_on
        assert batch.begins.all()
        assert batch.inputs.size <= 3 * 8
    padding = np.mean([np.mean(batch.targets == IGNORED) for batch in batches(text, 100)])
    assert padding < 0.15  # unsorted it would be 0.4


def test_lanes_read_one_long_document_at_different_positions() -> None:
    text = numbered((1000,))
    batch = batches(text, 1, rows=5)[0]
    assert len({tuple(row) for row in batch.inputs}) == 5


@pytest.mark.parametrize("lengths", [(1,), (5,), (9,), (8, 8), (3, 100)])
def test_documents_of_any_length_are_read(lengths: tuple[int, ...]) -> None:
    text = numbered(lengths)
    seen = sum(batch.tokens for batch in batches(text, 50, rows=16, length=8))
    assert seen >= 50


def test_rare_words_are_read_as_unknown_half_of_the_time() -> None:
    text = Encoded.from_documents([[2, 3] * 50, [2, 3, 2]], VOCABULARY)
    rare = np.zeros(TYPES, np.bool_)
    rare[3] = True
    targets = np.concatenate([b.targets.ravel() for b in islice(Lanes(text, 2, 8, 0, rare=rare), 400)])
    counts = np.bincount(targets[targets != IGNORED], minlength=4)
    assert counts[0] / (counts[0] + counts[3]) == pytest.approx(0.5, abs=0.05)
    assert counts[2] == pytest.approx(counts[0] + counts[3], rel=0.05)


def test_a_share_of_the_batches_reads_sentences_as_documents() -> None:
    end = VOCABULARY.end
    sentences = [[2, 3, end], [4, 5, 6, end], [7, end], [8, 9, 2, 3, 4, end]]
    text = Encoded.from_documents([[i for each in sentences for i in each] * 20, [10] * 100], VOCABULARY)
    drawn = list(islice(Lanes(text, 3, 8, 0, alone=0.4), 1000))
    alone = [batch for batch in drawn if not batch.goes_on]
    assert len(alone) / len(drawn) == pytest.approx(0.4, abs=0.05)
    seen = set()
    for batch in alone:
        assert batch.begins.all()
        assert (batch.inputs[:, 0] == TYPES).all()
        for row in batch.targets:
            seen.add(tuple(row[row != IGNORED].tolist()))
    assert seen == {tuple(s) for s in sentences}  # 100 tokens without an end are too long for 8 tokens a step
    plain = [batch for batch in drawn if batch.goes_on]
    assert max(batch.inputs.shape[1] for batch in plain) == 8
    assert len(stretches(text, plain)) > 50


def test_without_short_sentences_none_is_read_alone() -> None:
    text = Encoded.from_documents([[2] * 100], VOCABULARY)
    assert all(batch.goes_on for batch in islice(Lanes(text, 2, 8, 0, alone=1.0), 50))
