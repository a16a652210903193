"""The sentences of the verdict: they give the right facts, and only those that apply."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis import Run, compare_models, results, rows
from lmcompare.analysis.findings import Row as FoundRow
from lmcompare.analysis.leaderboard import Row, verdict
from lmcompare.analysis.metrics import Outlook
from lmcompare.render import numbers
from lmcompare.report import finding
from tests.analysis.tiny import bits, tiny_run

pytestmark = pytest.mark.slow


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def title(name: str) -> str:
    return name.capitalize()


def outcome(run: Run) -> str:
    found = verdict(rows(run), compare_models(run), timed=True)
    return plain(" ".join(finding.outcome(found, title)))


def limits(run: Run) -> str:
    table = results(run)
    return plain(" ".join(finding.limits(compare_models(run), table, rows(run), title)))


def test_a_tie_names_the_models_and_their_rank(run: Run) -> None:
    said = outcome(run)
    assert said.startswith("Transformer has the lowest figure")
    assert "either may be the best" in said
    rest = limits(run)
    assert "Leaky is not ranked" in rest
    figure = run.model("leaky").failed_checks[0]["figure"]
    assert f"{figure:.1f}"[:2] in rest, "the figure of the failed check"
    assert finding.failed(results(run)["failed"], title) == [
        "Crashing failed with seeds 0 and 1: crashing stopped in fit: division by zero."
    ]


def test_a_clear_winner(tmp_path: Path) -> None:
    costs = {
        "best": {"processor_seconds": 600.0},
        "cheap": {"processor_seconds": 6.0},
        "floor": {"processor_seconds": 0.1},
    }
    models = {"floor": bits(4, 0), "best": bits(2, 1), "cheap": bits(2.06, 2)}
    run = tiny_run(tmp_path, models, documents=[[10]] * 40, costs=costs)
    said = outcome(run)
    assert said.startswith("Cheap needs 3.0 % more bits than Best, a significant difference (0.060 bits per byte")
    assert f"In perplexity that is {100 * (2**0.06 - 1):.0f} %" in said  # a token of the tiny run is a byte
    assert "texts of this kind" in finding.scope(compare_models(run), 40)


def test_the_detectable_difference_is_that_of_the_first_two_models(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2.01, 1), "c": bits(4, 2)}, documents=[[10]] * 40)
    pair = compare_models(run).difference("b", "a")
    assert pair is not None
    said = limits(run)
    assert f"A true difference of {numbers.two_digits(pair.detectable)} bits per byte between A and B" in said
    assert "such samples of documents" in said


def test_samples_of_a_few_long_documents_are_of_passages(tmp_path: Path) -> None:
    models = {"a": bits(2, 0), "b": bits(2.01, 1)}
    run = tiny_run(tmp_path, models, documents=[[2] * 100] * 2)  # 200 sentences of 2 tokens
    assert compare_models(run).unit == "blocks of 20 sentences"
    assert "such samples of passages" in limits(run)
    assert "these 11 documents" in finding.scope(compare_models(run), 11)


@pytest.mark.parametrize(
    ("models", "facts"),
    [
        ({"a": bits(2, 0)}, ["A is the only ranked model: it needs 2.00 bits per byte"]),
        ({"a": bits(2, 0), "b": bits(2, 0)}, ["B (2.00) is not significantly worse"]),
        ({name: bits(2, 0) for name in "abcde"}, ["4 other models are", "B, C, D and E (up to 2.00)"]),
        (
            {"a": [*bits(2.0, 0), *bits(2.2, 1)], "b": [*bits(2.11, 2), *bits(2.12, 3)]},
            ["A varies more from seed to seed (standard deviation 0.141)", "(0.015)"],
        ),
    ],
    ids=["one", "equal", "many", "seeds"],
)
def test_models_that_are_not_told_apart(tmp_path: Path, models: dict[str, Any], facts: list[str]) -> None:
    said = outcome(tiny_run(tmp_path, models, documents=[[10]] * 40))
    for fact in facts:
        assert fact in said
    assert "Among these" not in said
    for wrong in ("fewer bits", "-0.0", "−0.0"):
        assert wrong not in said


def test_of_models_that_may_be_the_best_one_may_be_better_than_another(tmp_path: Path) -> None:
    # a varies, so that it is not apart from b and c, and c always needs a little more than b
    shared = np.random.default_rng(0).uniform(1, 3, 400)
    other = np.repeat(np.random.default_rng(1).uniform(1, 3, 40), 10)
    models = {"a": [2.0**-other], "b": [2.0 ** -(shared + 0.1)], "c": [2.0 ** -(shared + 0.13)]}
    run = tiny_run(tmp_path, models, documents=[[10]] * 40)
    judged = verdict(rows(run), compare_models(run), timed=True)
    assert judged is not None
    assert [(one.name, two.name) for one, two in judged.apart or ()] == [("b", "c")]
    assert "Among these, B is significantly better than C." in outcome(run)


def test_a_text_too_short_for_intervals_has_no_best_model(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.9] * 6], "b": [[0.1] * 6]}, documents=[[3], [3]])
    assert "A has the lowest figure, 0.15 bits per byte, but the test text is too short" in outcome(run)
    assert "only 2 documents" in limits(run)
    assert finding.scope(compare_models(run), 2) == ""


def test_no_model_can_be_ranked() -> None:
    assert len(finding.outcome(None, title)) == 1


@pytest.mark.parametrize(("p_holm", "alone"), [(0.08, True), (0.04, False)])
def test_a_difference_that_only_a_single_comparison_would_find_is_said(p_holm: float, alone: bool) -> None:
    rival = SimpleNamespace(
        row=SimpleNamespace(name="b", bits=2.1, rank_low=1),
        difference=SimpleNamespace(p_value=0.03, p_holm=p_holm),
    )
    found: Any = SimpleNamespace(best=SimpleNamespace(name="a"), tied=[rival], apart=())
    said = " ".join(finding._lead(found, "2.00", title))
    assert "B (2.10) is not significantly worse; either may be the best." in said
    assert ("The difference from B would" in said) == alone


def test_models_that_are_not_ranked_with_the_others_are_named_with_the_reason() -> None:
    rows = [
        Row("a", "a", "ranked", bits_per_byte=1.0),
        Row("cache", "cache", "adaptive", bits_per_byte=1.234, reason="it learns"),
        Row("bad", "bad", "not ranked", bits_per_byte=0.5, reason="it leaks"),
    ]
    adaptive, invalid = finding._apart(rows, title)
    assert adaptive == "Cache (1.23 bits per byte) is ranked separately, because it learns."
    assert invalid == "Bad is not ranked, because it leaks."


def test_files_without_checksums_are_named() -> None:
    assert finding.unverified([]) == []
    (said,) = finding.unverified(["cells/a/0", "tokens/b"])
    assert "cells/a/0 and tokens/b have no checksums" in said


def test_models_that_forget_at_the_end_of_a_sentence_are_told_from_those_that_read_on() -> None:
    assert finding.reads_on(Row("much", "a", "ranked", perplexity=100.0, perplexity_reset=100.0)) is False
    assert finding.reads_on(Row("little", "a", "ranked", perplexity=90.0, perplexity_reset=120.0)) is True
    assert finding.reads_on(Row("none", "a", "ranked", perplexity=90.0)) is None


def test_what_would_help() -> None:
    falling = {"hungry": math.log(2), "eager": -math.log(0.75)}
    found, hint = Outlook(falling, ("over",)), {"More text": "A hint."}
    text, more, fewer = finding.outlook(found, title, {}, 141.2, advice=hint)
    assert [text[0], more[0], fewer[0]] == ["More text", "More time", "Fewer steps"]
    assert "50 % (Hungry) and 25 % (Eager)" in plain(more[1])
    assert "--match seconds=1412 " in more[1]
    assert text[1].startswith("A hint. Ten times the text was not measured")
    assert "Over got worse" in fewer[1]
    assert finding.outlook(Outlook({}, ()), title, {}) == []
    measured = finding.outlook(found, title, {}, 141.2, {**hint, "Ten times the text": "A needs 1.90."})[0][1]
    assert measured == "A hint. A needs 1.90."
    assert "--fractions" not in measured
    assert finding.outlook(Outlook({}, ()), title, {}, None, {"Ten times the text": "A."}) == [("More text", "A.")]
    many = {f"m{k}": -math.log(1 - k / 10) for k in range(7, 0, -1)}
    ((_, said),) = finding.outlook(Outlook(many, ()), title, {})
    assert "10 % to 70 % (7 models, M7 most)" in plain(said)
    assert "--match" not in said


def test_what_the_laboratory_measured_is_said_where_it_was() -> None:
    found, hint = Outlook({}, ()), {"More text": "A hint."}
    ideas = {
        "Twice the text": FoundRow("Twice the text", value=0.133, p_holm=0.001),
        "Twice the parameters": FoundRow("Twice the parameters", value=0.007, p_holm=0.4),
    }
    (_, text), (_, wider) = finding.outlook(found, title, ideas, advice=hint)
    assert "0.133 bits per byte" in text
    assert "hint" not in text
    assert "no measurable gain (0.007 bits per byte)" in wider
    ideas["Twice the parameters"] = FoundRow("Twice the parameters", value=-0.012, p_holm=0.001)
    (_, (_, wider)) = finding.outlook(found, title, ideas, advice=hint)
    assert "cost 0.012" in wider
