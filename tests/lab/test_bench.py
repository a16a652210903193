"""Positions of the test text: what they are charged, what stood before them, and means by place."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.metrics import sums
from lmcompare.analysis.units import units_of
from lmcompare.lab.bench import Sample, distributions, log_probs_after, log_probs_one_by_one
from lmcompare.lab.experiments.attention import read_before
from lmcompare.lab.experiments.positions import by_position
from lmcompare.lab.experiments.unseen import _asked, followers, pairs_of
from lmcompare.model import Setting
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.unigram import Unigram
from lmcompare.runfolder.run import Run
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded
from tests.lab.test_changes import SMALL
from tests.training.texts import VOCABULARY, fitted

documents = st.lists(st.lists(st.integers(0, 11), max_size=12), max_size=6)


@pytest.fixture
def corpus(run: Run) -> TokenizedCorpus:
    return run.tokens[run.scored[0].tokens_fingerprint]


def test_the_whole_text_as_a_sample_is_charged_as_the_report_charges_it(run: Run, corpus: TokenizedCorpus) -> None:
    model, sample = run.scored[0], Sample.of(run, corpus, 10**9)
    assert sample.at.tolist() == list(range(len(corpus.test)))
    nats = [cell.scores("test", ["log_prob"])["log_prob"].to_numpy() for cell in model.done]
    found, truth = sample.bits(nats), sums(run, "test")[model.name]
    assert found.totals == pytest.approx(truth.bits)
    assert found.units == pytest.approx(truth.unit_bits)
    assert sample.counts.sum() == len(corpus.test)
    assert sample.sizes.sum() == units_of(run).bytes.sum()
    again = sample.chosen(np.arange(len(sample)))
    assert again.sizes == pytest.approx(sample.sizes)
    assert again.counts.tolist() == sample.counts.tolist()


def test_a_part_is_drawn_the_same_way_each_time(run: Run, corpus: TokenizedCorpus) -> None:
    one, two = (Sample.of(run, corpus, 7) for _ in range(2))
    assert one.at.tolist() == two.at.tolist() == sorted(set(one.at.tolist()))
    assert len(one) == 7
    for position, context in zip(one.at.tolist(), one.contexts(5), strict=True):
        start = int(corpus.test.context_starts(np.array([position]))[0])
        assert context.tolist() == corpus.test.ids[max(start, position - 5) : position].tolist()


@pytest.mark.slow
def test_asking_one_at_a_time_and_together_is_the_same(run: Run, corpus: TokenizedCorpus) -> None:
    sample = Sample.of(run, corpus, 9)
    model = fitted(Transformer(**SMALL), corpus.train)
    contexts = list(sample.contexts())
    alone = log_probs_one_by_one(model, sample, contexts)
    assert log_probs_after(model, sample, contexts) == pytest.approx(alone, abs=1e-4)
    assert model.log_probs(corpus.test)[sample.at] == pytest.approx(alone, abs=1e-4)
    assert next(distributions(model, contexts, corpus.test)).shape == (len(corpus.vocabulary),)


@given(documents)
def test_followers_are_those_of_a_loop(given: list[list[int]]) -> None:
    pairs = pairs_of(Encoded.from_documents(given, VOCABULARY))
    for word in range(12):
        truth = {after for ids in given for before, after in pairwise(ids) if before == word}
        assert followers(pairs, word, len(VOCABULARY)).tolist() == sorted(truth)


def test_the_probability_of_what_followed(run: Run, corpus: TokenizedCorpus) -> None:
    model = Unigram().fit(corpus.train, corpus.valid, Setting(corpus.vocabulary))
    pairs, whole = pairs_of(corpus.train), Sample.of(run, corpus, 10**9)
    sample = whole.chosen(np.flatnonzero(whole.at != whole.text.context_starts(whole.at)), 11)
    assert len(sample) == sample.counts.sum() == 11
    nats, mass = _asked(model, sample, pairs)
    table = np.exp(model.next_log_probs(corpus.test, np.array([0]))[0])
    for i, position in enumerate(sample.at.tolist()):
        before, word = corpus.test.ids[position - 1 : position + 1]
        assert nats[i] == pytest.approx(np.log(table[word]), abs=1e-6)
        assert mass[i] == pytest.approx(table[followers(pairs, int(before), len(corpus.vocabulary))].sum(), abs=1e-6)


@given(st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=4), st.integers(1, 6))
def test_words_that_were_read_before(documents: list[list[int]], window: int) -> None:
    text = Encoded.from_documents([np.array(d, np.int64) for d in documents], VOCABULARY)
    expected = [ids[i] in ids[max(0, i - window) : i] for ids in documents for i in range(len(ids))]
    assert read_before(text, window).tolist() == expected


def test_means_by_position() -> None:
    text = Encoded.from_documents([[2] * 6, [], [3] * 9], VOCABULARY)
    amounts = np.array([*range(6), *range(9)], np.float64)  # the position itself
    begins, means = by_position(text, {"place": amounts})
    assert begins == (1.0,)  # 8 tokens; the others, 6 and 1, are fewer than the fullest bin
    assert means["place"] == pytest.approx([1.5])
    long = Encoded.from_documents([[2] * 30] * 120, VOCABULARY)
    begins, means = by_position(long, {"place": np.tile(np.arange(30.0), 120)})
    assert begins == (1.0, 5.0, 9.0, 17.0)
    assert means["place"] == pytest.approx([1.5, 5.5, 11.5, 22.5])
