"""Paired differences by kind of token, against loops over the tokens and over the resamples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.intervals import resample_counts
from lmcompare.runfolder.files import Array
from lmcompare.studies.slices.differences import Divided, divided, p_values
from lmcompare.studies.slices.slices import slices, token_places
from lmcompare.studies.slices.tables import RARE, RESAMPLES, bucket_labels
from lmcompare.studies.slices.words import word_parts, word_places, word_slices
from tests.analysis.scores import token_scores
from tests.analysis.tiny import tiny_run
from tests.run_folder import made_run_folder

NAMES = ("unigram", "ngram", "transformer")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def once() -> Run:
    """A run of one training of each model, so that intervals are over texts alone."""
    return load_run(made_run_folder(models=(*NAMES, "char-transformer"), failed=(), invalid=(), seeds=(0,)))


@pytest.fixture(scope="module")
def found(once: Run) -> dict[str, Divided]:
    return {one.name: one for one in divided(once, NAMES, "token", NAMES)}


def reach(bits: Array, size: Array, resamples: int) -> float:
    """Half the width of the studentised interval of Σ bits / Σ size, from its definition."""

    def ratio_and_error(times: Array) -> tuple[Array, Array]:
        ratio = times @ bits / (times @ size)
        spread = (times * (bits - ratio[:, None] * size) ** 2).sum(axis=1)
        return ratio, np.sqrt(len(bits) / (len(bits) - 1) * spread) / (times @ size)

    (whole,), (error,) = ratio_and_error(np.ones((1, len(bits))))
    ratios, errors = ratio_and_error(
        np.concatenate(list(resample_counts(len(bits), resamples, np.random.default_rng(0))))
    )
    return float(np.quantile(np.abs(ratios - whole) / errors, 0.95, method="higher") * error)


def test_savings_and_intervals_by_brute_force(once: Run, found: dict[str, Divided]) -> None:
    features = once.tokens[once.model("ngram").tokens_fingerprint].features("test")
    one = found["repeated"]
    known = (features["train_count"] > 0).to_numpy()
    bits = {name: -token_scores(once, once.model(name)).log_prob.mean(axis=0) / np.log(2) for name in NAMES}
    document = features["document"].to_numpy()
    for group, again in enumerate((False, True)):
        inside = known & (features["repeated"].to_numpy() == again)
        less = bits["ngram"] - bits["transformer"]
        assert one.saved(1)[2, group] == pytest.approx(less[inside].mean())
        assert one.share[group] == pytest.approx(inside.mean())
        assert one.counts[group] == inside.sum()
        saved, size = (np.bincount(document[inside], weights[inside], 40) for weights in (less, np.ones(len(less))))
        expected = reach(saved, size, RESAMPLES)
        assert one.apart[1, 2, group] == one.apart[2, 1, group] == pytest.approx(expected)
        assert one.clear(1)[2, group] == (abs(one.saved(1)[2, group]) > expected)
    assert not one.clear(1)[1].any(), "a model does not differ from itself"


def test_figures_are_those_of_the_slices(once: Run, found: dict[str, Divided]) -> None:
    tables = slices(once)
    assert set(found) <= set(tables)
    assert {"word_class", "context_order", "metadata:genre"} <= set(found)
    assert found["metadata:genre"].title == "by genre"
    for one in found.values():
        assert one.title.startswith(("by ", "known tokens", f"rare tokens (1 to {RARE} times"))
    for name, one in found.items():
        table = tables[name]
        measure = "surprisal" if "surprisal" in table else "bits_per_byte"
        for m, model in enumerate(NAMES):
            mine = table[table["model"] == model]
            assert one.figures[m] == pytest.approx(mine[measure].to_numpy())
            np.testing.assert_allclose(one.reach[m], (mine["high"] - mine["low"]) / 2)
            assert list(one.labels) == mine["value"].tolist()
    assert sum(found["metadata:genre"].share) == pytest.approx(1)


def test_only_pairs_with_a_baseline_have_intervals(once: Run) -> None:
    one = next(one for one in divided(once, NAMES, "token", ("ngram",)) if one.name == "repeated")
    assert np.isnan(one.apart[0, 2]).all()
    assert np.isfinite(one.apart[1, [0, 2]]).all()


def test_words_of_models_with_other_tokens(once: Run) -> None:
    names = ("ngram", "char-transformer")
    one = next(one for one in divided(once, names, "word", names) if one.name == "word_train_count")
    table = word_slices(once)["word_train_count"]
    mine = {name: table[table["model"] == name]["surprisal"].to_numpy() for name in names}
    assert one.saved(0)[1] == pytest.approx(mine["ngram"] - mine["char-transformer"])
    assert one.counted == "words"


def test_p_values_are_corrected_for_all_models_and_groups(once: Run, found: dict[str, Divided]) -> None:
    p = p_values(once, NAMES, "token", "repeated", "ngram")
    assert (p[1] == 1).all()
    sure = found["repeated"].clear(1)
    assert (sure | (p >= 0.05)).all(), "what is significant after the correction is so before it"
    alone = p_values(once, ("ngram", "transformer"), "token", "repeated", "ngram")
    assert (alone[1] <= p[2] + 0.01).all()
    assert (p_values(once, ("ngram",), "token", "repeated", "ngram") == 1).all()


def test_the_variation_between_trainings_by_hand(tmp_path: Path) -> None:
    # 30 documents that are nearly alike: little varies but the four trainings of "a"
    little = np.repeat(0.01 * np.sin(np.arange(30)), 2)
    bits = {"first": np.array([1.0, 1.2, 1.4, 2.0]), "again": np.array([2.0, 2.0, 2.2, 2.2])}
    trainings = [2.0 ** -(np.tile([first, again], 30) + little) for first, again in zip(*bits.values(), strict=True)]
    run = tiny_run(
        tmp_path,
        {"a": trainings, "b": [2.0 ** -(np.tile([1.0, 2.0], 30) + np.roll(little, 7))] * 4},
        documents=[[2]] * 30,
        repeated=[False, True] * 30,
    )
    one = next(one for one in divided(run, ("a", "b"), "token", ("b",)) if one.name == "repeated")
    for group, values in enumerate(bits.values()):
        expected = t.ppf(0.975, 3) * values.std(ddof=1) / 2  # the root of four trainings
        assert one.figures[0, group] == pytest.approx(values.mean(), abs=1e-3)
        assert one.reach[0, group] == pytest.approx(expected, rel=0.15)
        assert one.apart[0, 1, group] == pytest.approx(expected, rel=0.15)
        assert one.reach[1, group] < 0.01
    p = p_values(run, ("a", "b"), "token", "repeated", "b")[0]
    alone = [2 * t.sf(abs(v.mean() - b) / (v.std(ddof=1) / 2), 3) for v, b in zip(bits.values(), (1, 2), strict=True)]
    assert p == pytest.approx(max(2 * min(alone), max(alone)), abs=0.02)  # Holm's correction of two p-values


def test_trainings_of_words_vary_too(run: Run, once: Run) -> None:
    names = ("ngram", "transformer")
    part, first = (
        next(p for p in word_parts(each) if (p.slice, p.model.name) == ("word_repeated", "transformer"))
        for each in (run, once)
    )
    assert part.trainings is not None
    assert part.trainings.mean(axis=0) == pytest.approx(part.bits.sum(axis=0))
    assert part.trainings[0] == pytest.approx(first.bits.sum(axis=0))
    found = next(one for one in divided(run, names, "word", names) if one.name == "word_repeated")
    # Of two trainings that are d apart, the mean has the standard error d / 2. Two models with two trainings each
    # leave two degrees of freedom. What varies with the text is added to it.
    apart = np.abs(np.diff(part.trainings / part.sizes.sum(axis=0), axis=0)[0])
    assert (found.reach[1] > 0.9 * t.ppf(0.975, 2) * apart / 2).all()


def test_too_few_documents_have_no_intervals_and_no_significance(tmp_path: Path) -> None:
    run = tiny_run(
        tmp_path,
        {"a": [[0.5, 0.25, 0.5, 0.25]], "b": [[0.25, 0.125, 0.5, 0.5]]},
        documents=[[2], [2]],
        repeated=[False, True, False, True],
    )
    one = next(one for one in divided(run, ("a", "b"), "token", ("a",)) if one.name == "repeated")
    assert one.saved(0)[1] == pytest.approx([-0.5, 0])
    assert np.isnan(one.apart).all()
    assert not one.clear(0).any()
    assert (p_values(run, ("a", "b"), "token", "repeated", "a") == 1).all()


def test_places_are_those_of_the_slices(once: Run) -> None:
    fingerprint = once.model("ngram").tokens_fingerprint
    features = once.tokens[fingerprint].features("test")
    keys = features[["document", "position"]].to_numpy()
    every = token_places(once, fingerprint, keys)
    table = slices(once)["context_order"]
    mine = table[table["model"] == "ngram"]
    for place, n in zip(mine["place"], mine["tokens"], strict=True):
        assert (every["context_order"] == place).sum() == n
    some = token_places(once, fingerprint, keys[[3, 100]])
    assert all((some[name] == every[name][[3, 100]]).all() for name in every)


def test_places_of_words_are_those_of_the_slices(once: Run) -> None:
    words = once.tokens[once.scored[0].tokens_fingerprint].words("test")
    words = words[words["word"] != ""]
    places = word_places(once, words[["document", "position"]].to_numpy())["word_train_count"]
    labels = bucket_labels((0, 1, 3, 10, 100, 1_000, 10_000), 0)
    for place, count in zip(places[:200], words["train_count"][:200], strict=True):
        low, _, high = labels[place].removeprefix("over ").replace(",", "").partition("–")
        assert int(low) <= count <= int(high or low)
