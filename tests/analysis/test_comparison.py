"""Who may be ranked against whom, how models differ, and who is best and how surely."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis import Comparison, Run, compare_models, leaderboard, load_run, results, rows
from lmcompare.analysis.comparison import MOST_PAIRED, comparable_names, interval_note, main_tokens, paired
from lmcompare.analysis.leaderboard import Verdict, verdict
from lmcompare.studies.mixtures.mixture import mixtures
from tests.analysis.tiny import SOUND, bits, tiny_run
from tests.run_folder import made_run_folder

FAILED = {
    "passed": False,
    "checks": [{"name": "probabilities sum to one", "passed": False, "figure": 1.05, "tolerance": 1e-4}],
}


def many(path: Path, spread: float, **models: float) -> Run:
    """40 documents of ten tokens. Each document has a rate of its own, and each model adds bits and noise to it."""
    rng = np.random.default_rng(0)
    shared = np.repeat(rng.gamma(2, 1, 40), 10) + 1
    given = {m: [2.0 ** -(shared + bits + spread * rng.random(400))] for m, bits in models.items()}
    return tiny_run(path, given, documents=[[10]] * 40)


def ranks(found: Comparison) -> dict[str, tuple[int | None, int | None]]:
    """The range of ranks of each model."""
    return {s.name: (s.rank_low, s.rank_high) for s in found.standings}


@pytest.mark.slow
def test_differences_are_found_through_what_documents_share(tmp_path: Path) -> None:
    run = many(tmp_path, 0.4, best=0.0, near=0.0, worse=0.1, worst=0.5)
    found = compare_models(run)
    assert (found.unit, found.units, found.resamples) == ("documents", 40, 10_000)
    assert ranks(found) == {"best": (1, 2), "near": (1, 2), "worse": (3, 3), "worst": (4, 4)}
    # each model's own interval spans far more than the 0.1 that pairs tell apart
    assert found.standing("best").high > found.standing("worse").low
    pair = found.difference("worse", "best")
    assert pair is not None
    assert pair.significant
    assert pair.low < 0.1 < pair.high
    turned = found.difference("best", "worse")
    assert turned is not None
    assert (turned.low, turned.difference, turned.high) == (-pair.high, -pair.difference, -pair.low)
    own = [d.detectable for d in found.differences]
    assert 0 < min(own) < found.smallest_detectable < max(own) < 0.1
    assert found.smallest_detectable == pytest.approx(np.median(own))
    assert len(found.differences) == 6


@pytest.mark.slow
def test_many_models_are_compared_and_mixed_with_the_best_one_alone(tmp_path: Path) -> None:
    run = many(tmp_path, 0.1, **{f"m{n}": abs(n - 20) / 10 for n in range(MOST_PAIRED + 1)})
    found = compare_models(run)
    assert len(found.differences) == MOST_PAIRED
    assert all("m20" in (d.first, d.second) for d in found.differences)
    pair = found.difference("m29", "m20")
    assert pair is not None
    assert pair.difference == pytest.approx(0.9, abs=0.02)
    assert pair.significant
    assert ranks(found)["m20"] == (1, 1)
    assert ranks(found)["m29"] == (2, MOST_PAIRED + 1)  # nothing is known of the others
    pairs = [set(names) for names in mixtures(run)["models"]]
    assert len(pairs) == MOST_PAIRED + 1  # with that of all
    assert all("m20" in names for names in pairs)


@pytest.mark.slow
@given(st.lists(st.floats(0, 9), min_size=1, max_size=40))
def test_pairs_are_all_or_those_of_the_best(figures: list[float]) -> None:
    found = paired(range(len(figures)), figures)
    assert found == sorted(set(found))
    assert all(a < b for a, b in found)
    if len(figures) <= MOST_PAIRED:
        assert len(found) == len(figures) * (len(figures) - 1) // 2
    else:
        assert len(found) == len(figures) - 1
        assert all(min(figures) in (figures[a], figures[b]) for a, b in found)


@pytest.mark.slow
def test_differences_are_the_differences_of_the_figures(run: Run) -> None:
    found = compare_models(run)
    for d in found.differences:
        first, second = found.standing(d.first).bits_per_byte, found.standing(d.second).bits_per_byte
        assert d.difference == pytest.approx(first - second)
        assert d.low <= d.difference <= d.high
        assert d.p_value <= d.p_holm
    for s in found.standings:
        assert s.low < s.bits_per_byte < s.high


@pytest.mark.slow
def test_models_that_fail_the_truth_checks_are_in_no_difference(run: Run) -> None:
    found = compare_models(run)
    leaky = found.standing("leaky")
    assert leaky.bits_per_byte < min(s.bits_per_byte for s in found.standings if s is not leaky)  # yet
    assert (leaky.group, leaky.rank_low, leaky.rank_high) == ("not ranked", None, None)
    assert "later words change no earlier score" in str(leaky.reason)
    assert not any("leaky" in (d.first, d.second) for d in found.differences)


@pytest.mark.parametrize(
    ("cell", "group", "said"),
    [
        ({"truth": FAILED}, "not ranked", r"sum to one' \(1\.05, tolerance 0\.0001\)"),
        ({"truth": None}, "not ranked", "were not run"),
        ({"truth": {}}, "not ranked", "were not run"),
        ({"traits": SOUND | {"normalised": False}}, "not ranked", "need not sum to one"),
        ({"traits": SOUND | {"causal": False}}, "not ranked", "later tokens"),
        ({"traits": SOUND | {"causal": False}, "truth": FAILED}, "not ranked", "later tokens"),
        ({"traits": {}}, "not ranked", "need not sum to one"),
        ({"traits": SOUND | {"adaptive": True}}, "adaptive", "learns from the test documents"),
        ({"traits": SOUND | {"pretrained": True}}, "ranked", None),
    ],
)
def test_who_is_ranked(tmp_path: Path, cell: dict[str, object], group: str, said: str | None) -> None:
    p = [[0.5] * 100]
    run = tiny_run(tmp_path, {"sound": p, "odd": p}, documents=[[5]] * 20, cells={"odd": cell})
    odd = compare_models(run).standing("odd")
    assert odd.group == group
    assert (odd.reason is None) == (said is None)
    assert re.search(said or "", odd.reason or "")


def test_a_probability_of_zero_is_not_ranked(tmp_path: Path) -> None:
    good = [0.5] * 100
    run = tiny_run(tmp_path, {"good": [good], "zero": [[0.0, *good[1:]]]}, documents=[[5]] * 20 + [[0]] * 12)
    found = compare_models(run)
    zero = found.standing("zero")
    assert math.isinf(zero.bits_per_byte)
    assert zero.group == "not ranked"
    assert "probability 0" in str(zero.reason)
    assert ranks(found)["good"] == (1, 1)
    assert found.differences == ()


def test_adaptive_models_are_compared_with_one_another(tmp_path: Path) -> None:
    adaptive = {"traits": SOUND | {"adaptive": True}}
    rng = np.random.default_rng(0)
    noise = {name: rng.random(400) for name in "abcd"}
    given = {name: [2.0 ** -(i + noise[name])] for i, name in enumerate("abcd")}
    run = tiny_run(tmp_path, given, documents=[[10]] * 40, cells={"a": adaptive, "b": adaptive})
    found = compare_models(run)
    assert {(d.first, d.second) for d in found.differences} == {("a", "b"), ("c", "d")}
    assert ranks(found) == {"a": (1, 1), "b": (2, 2), "c": (1, 1), "d": (2, 2)}
    for d in found.differences:  # one pair in each group: nothing to correct for
        assert d.p_holm == d.p_value


@pytest.mark.parametrize(
    ("documents", "models", "said"),
    [
        ([[3], [3]], "ab", "has only 2 documents, too few to tell the models apart"),
        ([[5]] * 3 + [[0]] * 7, "ab", "has only 3 documents"),
        ([[3] * 40], "ab", "has only 2 blocks of 20 sentences"),
        ([[5]] * 3, "a", "too few for an interval"),
    ],
)
def test_a_short_text_ranks_all_alike(tmp_path: Path, documents: list[list[int]], models: str, said: str) -> None:
    tokens = sum(map(sum, documents))
    run = tiny_run(tmp_path, {m: [[0.9 if m == "a" else 0.1] * tokens] for m in models}, documents=documents)
    found = compare_models(run)
    assert said in interval_note(found)
    assert ranks(found) == {m: (1, len(models)) for m in models}
    assert math.isnan(found.standing("a").low)


def test_few_documents_are_compared_over_blocks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a = 2.0 ** -(1 + rng.random(1_200))
    run = tiny_run(tmp_path, {"a": [a], "b": [a * 0.9]}, documents=[[3] * 200] * 2)
    found = compare_models(run)
    assert (found.unit, found.units) == ("blocks of 20 sentences", 20)
    assert "between passages" in interval_note(found)
    assert ranks(found) == {"a": (1, 1), "b": (2, 2)}


def test_a_model_whose_variation_is_in_one_unit_has_no_interval_and_it_is_said(tmp_path: Path) -> None:
    repeated = np.r_[2.0**-40, np.full(359, 0.5)]
    other = 2.0 ** -(1 + np.random.default_rng(0).random(360))
    found = compare_models(tiny_run(tmp_path, {"a": [repeated], "b": [other]}, documents=[[60]] * 6))
    assert np.isfinite(found.standing("b").low)
    assert math.isnan(found.standing("a").low)
    assert "There is no interval for a: nearly all of the variation is in one" in interval_note(found)


def test_the_figure_of_two_seeds_is_their_mean_and_its_interval_that_of_two_trainings(tmp_path: Path) -> None:
    """Two seeds that differ by one bit on every token: a variance of 1/2, and one degree of freedom for t."""
    rng = np.random.default_rng(0)
    bits = 1 + rng.random(400)
    run = tiny_run(tmp_path, {"two": [2.0 ** -(bits - 0.5), 2.0 ** -(bits + 0.5)]}, documents=[[10]] * 40)
    alone = tiny_run(tmp_path / "alone", {"two": [2.0**-bits]}, documents=[[10]] * 40)
    two, one = compare_models(run).standing("two"), compare_models(alone).standing("two")
    assert two.bits_per_byte == pytest.approx(one.bits_per_byte)
    assert one.high - one.bits_per_byte < 0.05  # what other texts change
    assert two.high - two.bits_per_byte == pytest.approx(12.706 * np.sqrt(0.5 / 2), rel=0.1)
    assert "also cover the variation between trainings" in interval_note(compare_models(run))
    assert "do not cover the variation between trainings" in interval_note(compare_models(alone))


@pytest.mark.slow
def test_a_lead_within_what_seeds_differ_is_none(tmp_path: Path) -> None:
    """With one seed each 0.1 bits are a lead on these texts; three seeds show that trainings differ by as much."""
    rng = np.random.default_rng(0)
    shared = np.repeat(rng.gamma(2, 1, 40), 10) + 1

    def given(seeds: tuple[float, ...]) -> dict[str, list[np.ndarray]]:
        bits = {"better": 0.0, "worse": 0.1}
        return {m: [2.0 ** -(shared + b + s + 0.1 * rng.random(400)) for s in seeds] for m, b in bits.items()}

    one = compare_models(tiny_run(tmp_path / "one", given((0.0,)), documents=[[10]] * 40))
    three = compare_models(tiny_run(tmp_path / "three", given((-0.1, 0.0, 0.1)), documents=[[10]] * 40))
    steady = compare_models(tiny_run(tmp_path / "steady", given((0.0, 1e-3, -1e-3)), documents=[[10]] * 40))
    apart = {"better": (1, 1), "worse": (2, 2)}
    assert ranks(one) == ranks(steady) == apart
    assert ranks(three) == {"better": (1, 2), "worse": (1, 2)}
    pair = three.difference("worse", "better")
    assert pair is not None
    # the variance of three seeds is 0.01; of the difference of two means 2 · 0.01 / 3, on four degrees of freedom
    assert pair.high - pair.difference == pytest.approx(2.776 * np.sqrt(2 * 0.01 / 3), rel=0.1)


@pytest.mark.slow
def test_most_of_the_comparable_models_say_which_tokens_are_the_main_ones() -> None:
    models = ("unigram", "ngram", "char-ngram", "char-lstm", "char-rnn", "leaky")
    run = load_run(made_run_folder(models=models, seeds=(0,), failed=(), documents=8))
    names = {model.name: run.tokens_name(model.tokens_fingerprint) for model in run.models}
    assert names == {m: "char" if m.startswith("char") else "word" for m in models}
    found = compare_models(run)
    assert comparable_names(found) == models[:-1]
    assert run.tokens_name(main_tokens(run, found)) == "char"  # three against two: the invalid one has no voice
    board = leaderboard(run).set_index("name")
    assert board["tokens"].to_dict() == names
    assert results(run)["main_tokens_fingerprint"] == run.model("char-rnn").tokens_fingerprint


@pytest.mark.parametrize(("total", "significant"), [(1.00009, False), (0.99995, False), (1.0003, True)])
def test_what_the_tolerance_of_the_checks_can_make_is_no_difference(
    tmp_path: Path, total: float, significant: bool
) -> None:
    own = 2.0 ** -np.random.default_rng(0).uniform(1, 3, 400)  # each token of one byte
    run = tiny_run(tmp_path, {"a": [own], "b": [own * total]}, documents=[[10]] * 40)
    (found,) = compare_models(run).differences
    assert found.difference == pytest.approx(np.log2(total))
    assert found.p_holm < 1e-3
    assert found.tolerance == pytest.approx(np.log2(1.0001))
    assert found.significant is significant


def test_an_interval_of_bits_does_not_reach_below_zero(tmp_path: Path) -> None:
    # Of 40 documents 36 cost nothing, and four cost 40, 40, 40 and 400 bits
    documents = [[1.0] * 4] * 36 + [[2.0**-10] * 4] * 3 + [[2.0**-100] * 4]
    run = tiny_run(tmp_path, {"a": [[p for document in documents for p in document]]}, documents=[(4,)] * 40)
    standing = compare_models(run).standing("a")
    assert standing.bits_per_byte == pytest.approx(520 / 160)
    assert standing.low == 0
    assert standing.high > 2 * standing.bits_per_byte  # the interval was symmetric


def judged(run: Run) -> Verdict:
    found = verdict(rows(run), compare_models(run), timed=True)
    assert found is not None
    return found


@pytest.mark.slow
def test_ties_share_the_first_rank(run: Run) -> None:
    found = judged(run)
    assert found.best.name == "transformer"
    assert [rival.row.name for rival in found.tied] == ["rnn-attention"]
    assert (found.tied[0].row.rank_low, found.tied[0].row.rank_high) == (1, 2)


def test_a_clear_winner_and_a_far_cheaper_model(tmp_path: Path) -> None:
    costs = {
        "best": {"processor_seconds": 600.0},
        "cheap": {"processor_seconds": 6.0},
        "floor": {"processor_seconds": 0.1},
    }
    models = {"floor": bits(4, 0), "best": bits(2, 1), "cheap": bits(2.06, 2)}
    found = judged(tiny_run(tmp_path, models, documents=[[10]] * 40, costs=costs))
    assert found.best.bits_per_byte == pytest.approx(2.0, abs=1e-3)
    assert found.tied == ()
    assert found.far_cheaper is not None
    assert found.far_cheaper.name == "cheap", "the best of those that train 20 times faster"


def test_an_interval_that_excludes_zero_is_a_tie_among_many_pairs(tmp_path: Path) -> None:
    def behind(seed: int) -> list[list[float]]:
        """Documents that need 0.02 bits more a token on average, 2.2 standard errors."""
        gaps = np.random.default_rng(seed).normal(size=40)
        gaps = 0.02 + (gaps - gaps.mean()) / gaps.std() * 0.02 * 40**0.5 / 2.2
        return [(2.0 ** -(2.0 + np.repeat(gaps, 10))).tolist()]

    run = tiny_run(tmp_path, {"a": [[0.25] * 400], "b": behind(1), "c": behind(2)}, documents=[[10]] * 40)
    found = judged(run)
    assert {rival.row.name for rival in found.tied} == {"b", "c"}
    for rival in found.tied:
        assert rival.difference is not None
        assert rival.difference.p_value < 0.05 <= rival.difference.p_holm


def test_seeds_that_vary_more_than_the_models_differ(tmp_path: Path) -> None:
    seeds = {"a": [*bits(2.0, 0), *bits(2.2, 1)], "b": [*bits(2.11, 2), *bits(2.12, 3)]}
    found = judged(tiny_run(tmp_path, seeds, documents=[[10]] * 40))
    # a: 2.0 and 2.2, so 2.1 with a standard deviation of 0.2 / √2; b: 2.115
    assert found.unstable is not None
    assert found.unstable[0] == "a"
    assert found.unstable[1] == pytest.approx(0.2 / 2**0.5, abs=1e-3)


def test_no_model_is_ranked(tmp_path: Path) -> None:
    cells = {"a": {"traits": SOUND | {"normalised": False}}, "b": {"traits": SOUND | {"adaptive": True}}}
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2, 0)}, documents=[[10]] * 40, cells=cells)
    board = rows(run)
    assert [(row.name, row.status) for row in board] == [("b", "adaptive"), ("a", "not ranked")]
    assert verdict(board, compare_models(run), timed=True) is None


def test_a_text_too_short_for_intervals_gives_ties(tmp_path: Path) -> None:
    found = judged(tiny_run(tmp_path, {"a": [[0.9] * 6], "b": [[0.1] * 6]}, documents=[[3], [3]]))
    assert [rival.row.name for rival in found.tied] == ["b"]
    assert found.tied[0].difference is None
