"""The sentences of the verdict: they give the right facts, and only those that apply."""

from __future__ import annotations

import math
from pathlib import Path

from lmcompare.analysis import Run, compare_models, results, rows
from lmcompare.analysis.leaderboard import Row
from lmcompare.analysis.progress import Outlook
from lmcompare.analysis.verdict import verdict
from lmcompare.report import numbers
from lmcompare.report import verdict as words
from tests.analysis.tiny import bits, tiny_run


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def title(name: str) -> str:
    return name.capitalize()


def outcome(run: Run) -> str:
    found = verdict(rows(results(run)), compare_models(run), timed=True)
    return plain(" ".join(words.outcome(found, title)))


def limits(run: Run) -> str:
    table = results(run)
    return plain(" ".join(words.limits(compare_models(run), table, rows(table), title)))


def test_a_tie_names_the_models_and_their_rank(run: Run) -> None:
    said = outcome(run)
    assert said.startswith("Transformer has the lowest figure")
    assert "Rnn-attention" in said
    assert "not significantly worse" in said
    assert "either may be the best" in said
    rest = limits(run)
    assert "Leaky is not ranked" in rest
    figure = run.model("leaky").failed_checks[0]["figure"]
    assert f"{figure:.1f}"[:2] in rest, "the figure of the failed check"
    assert "Crashing failed with seeds 0 and 1: crashing stopped in fit: division by zero." in rest


def test_a_clear_winner(tmp_path: Path) -> None:
    costs = {"best": {"train_seconds": 600.0}, "cheap": {"train_seconds": 6.0}, "floor": {"train_seconds": 0.1}}
    models = {"floor": bits(4, 0), "best": bits(2, 1), "cheap": bits(2.06, 2)}
    said = outcome(tiny_run(tmp_path, models, documents=[[10]] * 40, costs=costs))
    assert said.startswith("Best predicts this text best: 2.00 bits per byte. Cheap is 3.0 % behind")
    assert "0.060 bits per byte" in said
    assert f"In perplexity that is {100 * (2**0.06 - 1):.0f} %" in said  # a token of the tiny run is a byte
    assert "50 % fewer bits than the weakest model, Floor (4.00)" in said
    assert "6 s instead of 10 min" in said


def test_the_detectable_difference_is_that_of_the_first_two_models(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2.01, 1), "c": bits(4, 2)}, documents=[[10]] * 40)
    pair = compare_models(run).difference("b", "a")
    assert pair is not None
    said = limits(run)
    assert f"a true one of {numbers.two_digits(pair.detectable)} bits per byte between A and B" in said


def test_a_far_cheaper_model_is_named_where_the_best_is_the_cheapest_of_the_good(tmp_path: Path) -> None:
    costs = {"best": {"train_seconds": 60.0}, "cheap": {"train_seconds": 0.2}}
    said = outcome(
        tiny_run(tmp_path, {"best": bits(2, 1), "cheap": bits(2.5, 2)}, documents=[[10]] * 40, costs=costs)
    )
    assert "No other model comes within 5 % of it." in said
    assert "Cheap trains 300 times faster (200 ms) and needs 25 % more bits." in said


def test_equal_models_differ_by_nothing(tmp_path: Path) -> None:
    said = outcome(tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2, 0)}, documents=[[10]] * 40))
    assert "B (2.00) is not significantly worse" in said
    assert "fewer bits" not in said
    assert "-0.0" not in said
    assert "−0.0" not in said


def test_many_tied_models_are_listed_by_name_only(tmp_path: Path) -> None:
    said = outcome(tiny_run(tmp_path, {name: bits(2, 0) for name in "abcde"}, documents=[[10]] * 40))
    assert "4 other models are not significantly worse: B, C, D and E (up to 2.00)" in said


def test_a_text_too_short_for_intervals_has_no_best_model(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.9] * 6], "b": [[0.1] * 6]}, documents=[[3], [3]])
    assert "A has the lowest figure, 0.15 bits per byte, but the test text is too short" in outcome(run)
    assert "only 2 documents" in limits(run)


def test_seeds_that_could_reverse_the_order(tmp_path: Path) -> None:
    seeds = {"a": [*bits(2.0, 0), *bits(2.2, 1)], "b": [*bits(2.11, 2), *bits(2.12, 3)]}
    said = outcome(tiny_run(tmp_path, seeds, documents=[[10]] * 40))
    assert "A varies more from seed to seed (standard deviation 0.141)" in said
    assert "(0.015)" in said


def test_one_model_or_none(tmp_path: Path) -> None:
    assert "A is the only ranked model: it needs 2.00 bits per byte" in outcome(
        tiny_run(tmp_path, {"a": bits(2, 0)}, documents=[[10]] * 40)
    )
    assert words.outcome(None, title) == ["No model of this run can be ranked."]


def test_models_that_forget_at_the_end_of_a_sentence_are_told_from_those_that_read_on() -> None:
    rows = [
        Row("much", "a", "ranked", perplexity=100.0, perplexity_reset=100.0),
        Row("little", "a", "ranked", perplexity=90.0, perplexity_reset=120.0),
        Row("also", "a", "ranked", perplexity=80.0, perplexity_reset=95.0),
    ]
    (said,) = words.contexts(rows, title)
    assert "Much forgets what precedes a sentence, and Little and Also read on" in plain(said)
    assert words.contexts(rows[1:], title) == []
    assert words.contexts(rows[:1], title) == []


def test_unequal_amounts_of_training_text() -> None:
    read = {"much": 2_040_000, "little": 1_000_000, "also": 1_000_000, "least": 800}
    seconds = {"much": 60.0, "little": 60.2, "also": 7.0, "least": 1.0}
    _, said, times = words.fairness(read, seconds, title)
    for part in ("Much read 2.04 million tokens", "Little and Also 1 million", "Least 800"):
        assert part in said
    assert "Much and Little 1 min, Also 7 s, Least 1 s" in plain(times)
    assert times.startswith("By time, no")
    assert words.fairness(read, seconds, title, ("much", "little"))[2].startswith("By time, nearly, for the two best")
    assert words.fairness(read, seconds, title, ("much", "also"))[2].startswith("By time, no")
    assert words.fairness(read, dict.fromkeys(read, 61.0), title)[2].startswith("By time, yes")
    assert len(words.fairness(read, {"much": 60.0}, title)) == 2  # not all were timed
    assert len(words.fairness({}, {}, title)) == 1


def test_what_would_help() -> None:
    falling = {"hungry": math.log(2), "eager": -math.log(0.75)}
    found = Outlook(falling, {"counts": math.log(10)}, 0.75, ("over",))
    more, text, fewer = map(plain, words.outlook(found, title))
    assert "50 % (Hungry) and 25 % (Eager)" in more
    assert "90 % (Counts)" in text
    assert "75 % of the test tokens" in text
    assert "Over got worse" in fewer
    assert words.outlook(Outlook({}, {}, None, ()), title) == []
    many = {f"m{k}": -math.log(1 - k / 10) for k in range(7, 0, -1)}
    (said,) = words.outlook(Outlook(many, {}, None, ()), title)
    assert "10 % to 70 % (7 models, M7 most)" in plain(said)


def test_contamination_is_counted_by_kind() -> None:
    (said,) = words.contamination({"documents": 40, "copy": 1, "near copy": 2, "passages": 0})
    assert plain(said).startswith(
        "Of 40 test documents, 3 also occur in the training text (1 word for word, 2 almost"
    )
    assert words.contamination({"documents": 40, "copy": 0}) == words.contamination({}) == []
