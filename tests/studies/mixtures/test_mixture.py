"""Mixtures against brute force over a grid of weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis import Run, load_run
from lmcompare.studies.mixtures import mixture as module
from lmcompare.studies.mixtures.mixture import fit_weights, mixed_log_probs, mixtures, wins
from tests.analysis.tiny import SOUND, tiny_run


@given(st.lists(st.tuples(st.floats(1e-6, 1), st.floats(1e-6, 1)), min_size=2, max_size=30))
def test_no_weight_of_a_grid_is_better(pairs: list[tuple[float, float]]) -> None:
    p = np.array(pairs).T
    weights = fit_weights(np.log(p))
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    reached = np.mean(np.log(weights @ p))
    for w in np.linspace(0, 1, 101):
        assert np.mean(np.log(np.maximum(w * p[0] + (1 - w) * p[1], 1e-300))) <= reached + 2e-3


def test_weights_by_hand() -> None:
    # three tokens that only the first can explain, one that only the second can: 3/4 and 1/4
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[0.5, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.5]]))
    weights = fit_weights(log_probs)
    assert weights == pytest.approx([0.75, 0.25], abs=1e-3)
    assert np.exp(mixed_log_probs(log_probs, np.array([0.75, 0.25]))) == pytest.approx([0.375, 0.375, 0.375, 0.125])


def test_a_token_nobody_explains() -> None:
    log_probs = np.array([[-math.inf, -1.0], [-math.inf, -2.0]])
    assert np.isfinite(fit_weights(log_probs)).all()
    assert mixed_log_probs(log_probs, np.array([0.5, 0.5]))[0] == -math.inf


def test_tiny_probabilities_do_not_underflow() -> None:
    log_probs = np.array([[-2_000.0, -1.0], [-2_001.0, -1.0]])
    mixed = mixed_log_probs(log_probs, np.array([0.5, 0.5]))
    assert mixed[0] == pytest.approx(-2_000 + math.log(0.5 + 0.5 * math.exp(-1)))


def test_weights_come_from_valid_and_gains_from_test(tmp_path: Path) -> None:
    a, b = [0.5, 0.5, 0.5, 0.01], [0.01, 0.01, 0.01, 0.5]
    run = tiny_run(
        tmp_path, {"a": [a], "b": [b]}, valid={"a": [[0.5] * 4], "b": [[0.01] * 4]}
    )  # on valid, b is of no use
    (row,) = mixtures(run).to_dict("records")
    assert row["models"] == ("a", "b")
    assert row["weights"][0] > 0.99
    assert row["best_single"] == "a"
    # perplexities of the test text, on which b is of use; on the validation text they would be 2 and nearly 2
    mixed = [row["weights"][0] * p + row["weights"][1] * q for p, q in zip(a, b, strict=True)]
    alone = (0.5**3 * 0.01) ** -0.25
    assert row["best_single_test"] == pytest.approx(alone, rel=1e-5)
    assert row["test"] == pytest.approx(math.prod(mixed) ** -0.25, rel=1e-5)
    assert row["gain"] == pytest.approx(1 - math.prod(mixed) ** -0.25 / alone, abs=1e-5)


@pytest.mark.slow
def test_only_valid_models_are_mixed_whatever_their_tokens(run: Run) -> None:
    table = mixtures(run)
    named = {name for models in table["models"] for name in models}
    assert named == {"unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer", "char-transformer"}
    assert len(table) == 15 + 1
    everything = table.iloc[-1]
    assert len(everything["models"]) == 6


def test_a_mixture_of_all_is_as_good_as_the_best_pair(tmp_path: Path) -> None:
    # a and b each know every other token, and c, which knows none, gets no weight
    run = tiny_run(tmp_path, {"a": [[0.5, 0.05] * 8], "b": [[0.05, 0.5] * 8], "c": [[0.1] * 16]}, documents=[[16]])
    table = mixtures(run).set_index("models")["valid"]
    assert table[[("a", "b")]].item() == pytest.approx(1 / 0.275)
    assert table[[("a", "b", "c")]].item() == pytest.approx(table.min(), rel=1e-4)


def test_weights_are_fitted_to_tokens_all_over_a_long_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, names = np.random.default_rng(0), ("b", "c")
    run = tiny_run(tmp_path, {name: [rng.uniform(0.05, 0.9, 61)] for name in "abc"}, documents=[[61]])
    whole = np.stack([run.model(name).done[0].scores("valid")["log_prob"].to_numpy() for name in names])
    monkeypatch.setattr(module, "FITTED", whole.shape[1] // 3)
    monkeypatch.setattr("lmcompare.runfolder.files.BLOCK", 10)  # what is left out goes on from block to block
    table = mixtures(load_run(run.path)).set_index("models")
    some = whole[:, :: 4 if whole.shape[1] % 3 else 3]
    assert table["fitted_units"].tolist() == [some.shape[1]] * len(table)
    assert table["valid_units"].tolist() == [whole.shape[1]] * len(table)
    assert table["weights"][[names]].item() == pytest.approx(tuple(fit_weights(some)))
    mixed = np.exp(-mixed_log_probs(whole, fit_weights(some)).mean())
    assert table["valid"][[names]].item() == pytest.approx(mixed)  # measured on all of it


def test_wins_by_hand(tmp_path: Path) -> None:
    bad = {"traits": SOUND | {"normalised": False}}
    run = tiny_run(
        tmp_path,
        {"a": [[0.5, 0.5, 0.5, 0.1]], "b": [[0.1, 0.5, 0.2, 0.2]], "c": [[1.0] * 4]},
        cells={"c": bad},
    )
    table = wins(run)  # a wins twice, b once, one is a tie
    assert table.set_index(["first", "second"])["share"].to_dict() == {("a", "b"): 0.625, ("b", "a"): 0.375}
