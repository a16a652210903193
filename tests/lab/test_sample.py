"""Sampled positions: their contexts, and the bits that are charged there."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.analysis.resampling import units_of
from lmcompare.analysis.totals import sums
from lmcompare.lab.sample import Sample, after, asked, asked_of
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.runfolder.run import Run
from tests.training.texts import fitted


def test_the_whole_text_as_a_sample_is_charged_as_the_report_charges_it(run: Run) -> None:
    model = run.scored[0]
    corpus = run.tokens[model.tokens_fingerprint]
    sample = Sample.of(run, corpus, 10**9)
    assert sample.at.tolist() == list(range(len(corpus.test)))
    nats = [cell.scores("test", ["log_prob"])["log_prob"].to_numpy() for cell in model.done]
    found, truth = sample.bits(nats), sums(run, "test")[model.name]
    assert found.totals == pytest.approx(truth.bits)
    assert found.units == pytest.approx(truth.unit_bits)
    assert sample.counts.sum() == len(corpus.test)
    assert sample.sizes.sum() <= units_of(run).bytes.sum()
    assert sample.sizes.sum() >= 0.95 * units_of(run).bytes.sum()


def test_a_part_is_drawn_the_same_way_each_time(run: Run) -> None:
    corpus = run.tokens[run.scored[0].tokens_fingerprint]
    one, two = (Sample.of(run, corpus, 7) for _ in range(2))
    assert one.at.tolist() == two.at.tolist() == sorted(set(one.at.tolist()))
    assert len(one) == 7
    for position, context in zip(one.at.tolist(), one.contexts(5), strict=True):
        start = int(corpus.test.context_starts(np.array([position]))[0])
        assert context.tolist() == corpus.test.ids[max(start, position - 5) : position].tolist()


def test_asking_one_at_a_time_and_together_is_the_same(run: Run) -> None:
    corpus = run.tokens[run.scored[0].tokens_fingerprint]
    sample = Sample.of(run, corpus, 9)
    model = fitted(
        Transformer(width=16, heads=2, window=9, steps=4, batch=4, length=16, precision="float32"), corpus.train
    )
    contexts = list(sample.contexts())
    told: list[float] = []
    alone = asked_of(model, sample, contexts, told.append)
    assert told[-1] == 1.0
    assert after(model, sample, contexts) == pytest.approx(alone, abs=1e-4)
    assert model.log_probs(corpus.test)[sample.at] == pytest.approx(alone, abs=1e-4)
    assert next(asked(model, contexts, corpus.test)).shape == (len(corpus.vocabulary),)
