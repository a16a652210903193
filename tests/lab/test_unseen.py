"""What followed what, and distributions among the words that never followed."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.contrasts import Contrast, Measured
from lmcompare.analysis.resampling import units_of
from lmcompare.lab.contract import Figures, Row
from lmcompare.lab.sample import Sample
from lmcompare.lab.unseen import Followers, _asked, _verdict
from lmcompare.model import Setting
from lmcompare.models.unigram.plugin import Unigram
from lmcompare.runfolder.run import Run
from lmcompare.tokens import Encoded
from tests.training.texts import VOCABULARY

documents = st.lists(st.lists(st.integers(0, 11), max_size=12), max_size=6)


@given(documents)
def test_followers_are_those_of_a_loop(given: list[list[int]]) -> None:
    found = Followers.of(Encoded.from_documents(given, VOCABULARY))
    for word in range(12):
        truth = {after for ids in given for before, after in pairwise(ids) if before == word}
        assert found.of_word(word).tolist() == sorted(truth)


def test_the_probability_of_what_followed(run: Run) -> None:
    corpus = run.tokens[run.scored[0].tokens_fingerprint]
    model = Unigram().fit(corpus.train, corpus.valid, Setting(corpus.vocabulary))
    followers = Followers.of(corpus.train)
    whole = Sample.of(run, corpus, 10**9)
    inside = np.flatnonzero(whole.at != whole.text.context_starts(whole.at))
    sample = whole.chosen(inside, 11)
    assert len(sample) == 11
    assert sample.counts.sum() == 11
    nats, mass = _asked(model, sample, followers)
    table = np.exp(model.next_log_probs(corpus.test, np.array([0]))[0])
    for i, position in enumerate(sample.at.tolist()):
        assert nats[i] == pytest.approx(np.log(table[corpus.test.ids[position]]), abs=1e-6)
        assert mass[i] == pytest.approx(table[followers.of_word(int(corpus.test.ids[position - 1]))].sum(), abs=1e-6)


def test_the_sizes_of_a_part(run: Run) -> None:
    corpus = run.tokens[run.scored[0].tokens_fingerprint]
    whole = Sample.of(run, corpus, 10**9)
    assert whole.sizes.sum() == units_of(run).bytes.sum()
    again = whole.chosen(np.arange(len(whole)), 10**9)
    assert again.sizes == pytest.approx(whole.sizes)
    assert again.counts.tolist() == whole.counts.tolist()


def test_the_verdict_says_first_what_makes_no_difference() -> None:
    def contrast(name: str, bits: float, p: float) -> Contrast:
        return Contrast(name, 9.0 + bits, bits, bits - 0.1, bits + 0.1, p, p)

    fair = {
        "unigram": contrast("unigram", 0.2, 0.001),
        "word2vec bag": contrast("word2vec bag", 0.03, 0.6),
        "RNN": contrast("RNN", -0.9, 0.001),
    }
    sample = SimpleNamespace(counts=np.array([5, 5]))
    rows = (Row("25 % of the text", value=-0.1, p_holm=0.01), Row("100 % of the text", value=0.1, p_holm=0.01))
    said = _verdict(fair, Measured.of(np.array([[40.0, 50.0]])), sample, Figures(title="", rows=rows, unit="bits"))  # type: ignore[arg-type]
    never = "Where the next word never followed the last one in training,"
    assert said.startswith(
        f"{never} no difference from counts was found for the word2vec bag. {never} the RNN predicts"
    )
    assert "no difference from counts was found for the word2vec bag." in said.split("If all")[0]
    assert "the 5-gram needs 9.00 bits per word, the RNN 8.10." in said
    assert "with 25 % of the text" in said
