"""Tests of word2vec-bow: the effect of word order, windows, vectors and exhibits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Bars, Map2D, Neighbours, WorkedEquation
from lmcompare.model import Setting, described
from lmcompare.models.word2vec.plugin import BagNetwork, Word2VecBow, step, word2vec
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.neural_cases import SMALL, trained
from tests.training.texts import TYPES, VOCABULARY, chain, fitted

pytestmark = pytest.mark.slow


def test_a_sentence_scores_the_same_anywhere() -> None:
    text = Encoded.from_documents([[2, 3, 1, 4, 5, 6, 1, 7]], VOCABULARY)
    model = trained("bag")
    assert np.abs(model.log_probs(text) - model.log_probs(text.split_sentences())).max() < 1e-4
    assert not model.traits.carries_state


def means(network: BagNetwork, inputs: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return network.bag(inputs, None)[0].numpy()


def test_the_mean_worked_by_hand() -> None:
    network = BagNetwork(TYPES, 2, window=3, hidden=0, dropout=0.0, tune=True, weights="uniform", end=1)
    with torch.no_grad():
        network.vectors.copy_(torch.arange(13.0)[:, None] * torch.tensor([1.0, 10.0]))
    # inputs: the beginning (12), a (2), b (3), </s> (1), c (4), d (5), e (6); the bag restarts with </s>
    mean = means(network, torch.tensor([[12, 2, 3, 1, 4, 5, 6]]))
    expected = [1, 1.5, 2, 1, 2.5, 10 / 3, 5]  # the beginning is read as </s>
    np.testing.assert_allclose(mean[0, :, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(mean[0, :, 1], 10 * np.array(expected), rtol=1e-6)


def test_the_mean_with_weights_by_position_worked_by_hand() -> None:
    network = BagNetwork(TYPES, 2, window=3, hidden=0, dropout=0.0, tune=True, weights="position", end=1)
    assert network.places is not None
    with torch.no_grad():
        network.vectors.copy_(torch.arange(13.0)[:, None] * torch.tensor([1.0, 10.0]))
        network.places.copy_(torch.tensor([1.0, 2.0, 0.5, 0.0, -1.0, 1.0]))  # of 0, 1 and 2 places back
    mean = means(network, torch.tensor([[12, 2, 3, 4]]))[0]  # the beginning is read as </s>, 1
    np.testing.assert_allclose(mean[:, 0], [1, (2 + 0.5) / 2, (3 + 1 - 1) / 3, (4 + 1.5 - 2) / 3], rtol=1e-6)
    np.testing.assert_allclose(mean[:, 1], [20, 40 / 2, (60 + 0 + 10) / 3, (80 + 0 + 20) / 3], rtol=1e-6)


def test_a_word_without_neighbours_is_shown() -> None:
    few = Vocabulary(["<unk>", "</s>", "a"], np.array([1, 9, 20]))
    text = Encoded.from_documents([[2, 2, 2, 2, 1], [2, 2, 1]], few)
    model = Word2VecBow(width=4, hidden=4, epochs=1, **SMALL).fit(text, text, Setting(few))
    assert any(isinstance(e, Bars) for e in model.exhibits(text))


def test_with_weights_the_order_matters_and_the_report_says_so() -> None:
    model = trained("placed-bag")
    assert isinstance(model, Word2VecBow)
    text = Encoded.from_documents([[2, 3, 4, 5, 6, 7, 8, 1]], VOCABULARY)
    exhibits = list(model.exhibits(text))
    near = next(e for e in exhibits if isinstance(e, Neighbours) and e.title == "Nearest words")
    assert "trained further with the softmax" in near.note
    order = next(e for e in exhibits if isinstance(e, Bars))
    assert order.title == "How much the order of the words matters"
    assert order.values[0] > 1e-6
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    shares = [value for label, value in equation.lines if "the weight of '" in label]
    assert len(shares) == 4
    assert "no longer a bag" in model.summary()
    assert trained("bag").summary() == described(Word2VecBow.__doc__)


def test_vectors_stay_as_word2vec_made_them_unless_tuned() -> None:
    train = chain(1, 6, 80)
    made = word2vec(train, width=6, skip_gram=True, reach=5, negative=5, epochs=1, seed=0)
    frozen = fitted(Word2VecBow(width=6, hidden=8, window=4, epochs=1, tune=False, **SMALL)).word_vectors()
    assert frozen is not None
    np.testing.assert_array_equal(frozen, made)
    tuned = trained("bag").word_vectors()
    assert tuned is not None
    assert np.abs(tuned - made).max() > 1e-4


@pytest.mark.parametrize("skip_gram", [True, False])
def test_a_step_is_that_of_gensim(skip_gram: bool) -> None:
    # The negative samples are always the most frequent word, and a word has one neighbour on each side.
    from gensim.models import Word2Vec

    sentences = [list(sentence) for sentence in ("abcab", "acbda", "dabaa")]
    model = Word2Vec(
        vector_size=5, sg=int(skip_gram), window=1, negative=1, ns_exponent=100.0, sample=0, min_count=1, workers=1,
        alpha=0.5, min_alpha=0.5, epochs=1, seed=1,
    )  # fmt: skip
    model.build_vocab(sentences)
    number = model.wv.key_to_index
    model.wv.vectors *= 10
    x, u = model.wv.vectors.copy(), np.zeros((4, 5), np.float32)
    model.train(sentences, total_examples=3, epochs=1)
    for sentence in sentences:
        for at, name in enumerate(sentence):
            near = [number[sentence[i]] for i in (at - 1, at + 1) if 0 <= i < len(sentence)]
            noise = [] if number[name] == 0 else [0]
            for read in [[each] for each in near] if skip_gram else [near]:
                step(x, u, read, number[name], noise, 0.5)
    np.testing.assert_allclose(model.wv.vectors, x, atol=0.02)
    np.testing.assert_allclose(model.syn1neg, u, atol=0.02)
    assert np.abs(u).max() > 0.2


def test_words_with_similar_contexts_have_similar_vectors() -> None:
    # a and b occur between c and d, e and f between g and h: each pair has the same company.
    random = np.random.default_rng(0)
    lines = [
        [4, random.choice([2, 3]), 5, 1] if random.random() < 0.5 else [8, random.choice([6, 7]), 9, 1]
        for _ in range(3000)
    ]
    text = Encoded.from_documents(lines, VOCABULARY)
    for skip_gram in (True, False):
        vectors = word2vec(text, width=8, skip_gram=skip_gram, reach=2, negative=3, epochs=5, seed=1)
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        cosine = unit @ unit.T
        assert min(cosine[2, 3], cosine[6, 7]) > max(cosine[2, 6], cosine[2, 7], cosine[3, 6], cosine[3, 7])
        assert not vectors[11].any()  # j never occurs in the text
        again = word2vec(text, width=8, skip_gram=skip_gram, reach=2, negative=3, epochs=5, seed=1)
        np.testing.assert_array_equal(vectors, again)


def test_the_exhibits_show_the_models_numbers() -> None:
    model = trained("bag")
    text = Encoded.from_documents([[2, 3, 4, 5, 6, 7, 8, 1]], VOCABULARY)
    exhibits = list(model.exhibits(text))
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    lines = dict(equation.lines)
    assert next(iter(lines.values())) == 4
    p = float(np.exp(model.next_log_probs(text, np.array([4]))[0, 6]))
    score = next(v for k, v in lines.items() if k.startswith("v·f + b"))
    log_z = next(v for k, v in lines.items() if k.startswith("log Σ"))
    assert np.exp(score - log_z) == pytest.approx(p, rel=1e-4)
    assert lines["P(e | bag)"] == pytest.approx(p, rel=1e-5)
    order = next(e for e in exhibits if isinstance(e, Bars))
    assert max(order.values[:-1]) < 1e-6 < order.values[-1]
    drawn = next(e for e in exhibits if isinstance(e, Map2D))
    assert set(drawn.labels) == set("abcdefghij")


def test_the_tokens_that_word2vec_reads_for_its_vectors_are_told(tmp_path: Path) -> None:
    text = chain(0, 5, 20)
    assert Word2VecBow(epochs=3).tokens_before(text) == 3 * len(text)
    assert Word2VecBow(epochs=3, vectors=str(tmp_path / "vectors.txt")).tokens_before(text) == 0


def test_a_sentence_is_read_to_its_end_however_long_it_is() -> None:
    # gensim stops after 10,000 tokens of a sentence, of which it leaves out some of the frequent words
    vocabulary = Vocabulary(["<unk>", "</s>", *(f"w{n}" for n in range(2_000))])
    text = Encoded.from_documents([[*range(4, 2_002)] * 6 + [2, 3] * 500], vocabulary)
    vectors = word2vec(text, width=8, skip_gram=True, reach=2, negative=2, epochs=1, seed=0)
    assert np.abs(vectors[2:4]).max() > 1.5 / 8  # they begin at random, at most 1 / width in size


def test_any_seed_that_a_run_takes_is_taken() -> None:
    text = chain(0, 2, 20)
    made = [
        word2vec(text, width=4, skip_gram=True, reach=2, negative=2, epochs=1, seed=seed) for seed in (0, 2**32 - 1)
    ]
    assert all(np.isfinite(each).all() for each in made)


def test_a_file_of_vectors_decides_the_width(tmp_path: Path) -> None:
    assert Word2VecBow(vectors=str(tmp_path / "vectors.txt")).sized(10_000, 100) is None
    assert Word2VecBow().sized(10_000, 100) is not None
