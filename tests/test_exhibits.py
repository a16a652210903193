"""Tests that exhibits are the same after JSON and that faults of exhibits are refused with a sentence."""

from __future__ import annotations

import json
import re
import tracemalloc
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import (
    KINDS,
    AttentionHead,
    Bars,
    Drawing,
    Exhibit,
    Heatmap,
    WorkedEquation,
    from_json,
    kind_named,
    problem_with,
    to_json,
)
from lmcompare.exhibits.attention import at_last_word, telling_head
from lmcompare.exhibits.exhibit import misfit, read
from tests.exhibit_samples import FAULTS, attention, heatmap, samples

SAMPLES = {sample.kind: sample for sample in samples()}


def test_every_installed_kind_has_a_sample_and_faults() -> None:
    assert set(KINDS.installed()) == set(SAMPLES) == set(FAULTS)
    assert all(kind_named(kind) is type(sample) for kind, sample in SAMPLES.items())


def test_what_the_last_word_reads_by_hand() -> None:
    # The query of the last word is (2, -1). Under head 2 the keys are (2, -1), (1, 0), (0, 1): products 5, 2 and -1,
    # halved to scores 2.5, 1 and -0.5; e^2.5 / (e^2.5 + e^1 + e^-0.5) = 0.786. Head 1 has these keys in reverse, and
    # gives the words before the last at most 0.175.
    found = at_last_word(attention())
    assert found is not None
    assert (found["head"], found["heads"], found["width"], found["additive"]) == ("head 2", 2, 2, False)
    assert found["words"] == ["the", "bank", "was"]
    assert found["products"] == [5, 2, -1]
    assert found["scores"] == [2.5, 1, -0.5]
    assert found["weights"] == pytest.approx([0.7856, 0.1753, 0.0391], abs=1e-4)
    assert found["values"] == [0, 1, 2]
    assert found["map"][:2] == [[1, None, None], [0.622, 0.378, None]]
    # the query (2, -1), the key of "the" (2, -1), their products 4 and 1, and the value of "the"
    assert found["strips"] == {"query": [2, -1], "key": [2, -1], "terms": [4, 1], "value": [0, 1]}
    assert found["adds"] == [{"token": "bank", "logit": 0.5}, {"token": "x", "logit": -0.25}]
    assert found["looking_back"] == 1
    # the beginning of a text is no word: under both heads the other word has 0.175, and the first head is taken
    begins = at_last_word(replace(attention(), words=("<s>", "bank", "was")))
    assert begins is not None
    assert (begins["head"], begins["looking_back"]) == ("head 1", 0)
    assert at_last_word(replace(attention(), words=("<s>",))) is None


def test_of_the_heads_that_look_back_the_one_that_moves_logits_most_is_told() -> None:
    first, back = attention().heads
    strong = replace(back, name="head 3", adds=((("x", 0.1),),) * 2 + ((("x", 0.1), ("bank", -0.75)),))
    loud = replace(first, adds=((("x", 9.0),),) * 3)  # looks at its own word most
    found = at_last_word(replace(attention(), heads=(loud, back, strong)))
    assert found is not None
    assert (found["head"], found["looking_back"]) == ("head 3", 2)
    plain = [replace(head, adds=()) for head in (first, back)]  # no effects are known
    told = at_last_word(replace(attention(), heads=tuple(plain)))
    assert told is not None
    assert (told["head"], told["adds"]) == ("head 2", [])


def test_a_head_that_looks_far_back_is_told_before_one_that_moves_logits_more() -> None:
    words = ("a", "b", "c", "d", "e")
    seen = tuple((0, i + 1) for i in range(5))

    def head(name: str, looked_at: int, moves: float) -> AttentionHead:
        keys = [[0.0, 0.0]] * 5
        keys[looked_at] = [9.0, 0.0]
        queries, adds = ((1.0, 0.0),) * 5, ((("x", moves),),) * 5
        return replace(
            attention().heads[0], name=name, queries=queries, keys=tuple(map(tuple, keys)), values=queries, adds=adds
        )

    near, far, farther = head("near", 3, 9.0), head("far", 1, 1.0), head("farther", 0, 2.0)
    exhibit = replace(attention(), words=words, seen=seen, turns=(), heads=(near, far, farther))
    found = at_last_word(exhibit)
    assert found is not None
    assert (found["head"], found["looking_back"], found["looking_far"]) == ("farther", 3, 2)
    assert telling_head(exhibit, 4) == 2
    assert telling_head(exhibit, 3) == 2  # "far" looks two words back from there, "near" at its own word


# Stored as JSON


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_exhibit_is_sound_and_the_same_after_json(kind: str) -> None:
    sample = SAMPLES[kind]
    assert problem_with(sample) == ""
    table = json.loads(json.dumps(to_json(sample), allow_nan=False))
    before = json.dumps(table)
    assert from_json(table) == sample
    assert hash(from_json(table)) == hash(sample)  # tuples all the way down
    assert json.dumps(table) == before


def test_fields_with_defaults_may_be_absent() -> None:
    table = to_json(replace(heatmap(), opened=1))
    del table["opened"]
    assert from_json(table) == heatmap()


BARS: dict[str, Any] = {"kind": "bars", "title": "x", "labels": ["a"], "values": [1.0]}


@pytest.mark.parametrize(
    ("table", "facts"),
    [
        ({**BARS, "kind": "hologram"}, ["no installed package", "hologram"]),
        ({**BARS, "kind": "os:system"}, ["no installed package", "os:system"]),
        ({**BARS, "kind": "./bars.py:Bars"}, ["no installed package"]),
        ({**BARS, "kind": "lmcompare.exhibits.charts:Bars"}, ["no installed package"]),
        ({**BARS, "kind": ["bars"]}, ["does not name its kind"]),
        ({"title": "x"}, ["does not name its kind"]),
        ({**BARS, "colour": "red"}, ["'bars' has no field 'colour'"]),
        ({**BARS, "lables": ["b"]}, ["no field 'lables'", "labels"]),
        ({"kind": "bars", "title": "x"}, ["'bars' lacks the field 'labels'"]),
        ({"kind": "backoff", "title": "x", "steps": [{"token": "a"}]}, ["BackoffStep lacks the field 'matched'"]),
        ({"kind": "backoff", "title": "x", "steps": [3]}, ["steps[0] is 3, not a BackoffStep"]),
        ({"kind": "backoff", "title": "x", "steps": {"token": "a"}}, ["steps is", "not a tuple"]),
        ({**BARS, "labels": {"a": 1}}, ["labels is", "not a tuple"]),
        ({**BARS, "labels": [["a"]]}, ["labels[0] is", "not a text"]),
        ({**BARS, "title": None}, ["title is None, not a text"]),
    ],
)
def test_a_table_that_is_no_exhibit_is_refused(table: dict[str, Any], facts: list[str]) -> None:
    with pytest.raises(LmcompareError) as refused:
        from_json(table)
    assert all(fact in str(refused.value) for fact in facts), refused.value


# Do the parts fit together?


@pytest.mark.parametrize("kind", SAMPLES)
def test_faults_are_named(kind: str) -> None:
    sample = SAMPLES[kind]
    for changed, fact in FAULTS[kind]:
        assert fact in problem_with(replace(sample, **changed)), changed
    for field in fields(sample):
        for wrong in (object(), 3 + 4j, b"text", {"a": 1}, np.float32(1.0), np.zeros(3)):
            changed = {field.name: wrong}
            assert f"{field.name} is a value of type" in problem_with(replace(sample, **changed)), changed


def test_a_field_may_be_of_one_of_several_types() -> None:
    assert misfit(None, int | None, "x") == ""
    assert misfit("a", int | None, "x") == "x is 'a', not a whole number"
    assert "annotated as" in misfit(1, list, "x")
    assert read([1, 2], tuple[int, ...] | None) == (1, 2)


def test_numpy_numbers_that_are_python_floats_are_accepted() -> None:
    assert problem_with(Bars(title="x", labels=("a",), values=(np.float64(0.5),))) == ""


def test_a_map_may_have_no_groups_and_an_equation_be_what_latex_cannot_read() -> None:
    assert problem_with(replace(SAMPLES["map"], groups=())) == ""  # type: ignore[call-arg]
    assert problem_with(WorkedEquation(title="x", equation=r"\frac{1", saying="One over nothing.")) == ""


# Other objects


@dataclass(frozen=True, kw_only=True)
class Unregistered(Exhibit):
    kind: ClassVar[str] = "unregistered"

    def draw(self) -> Drawing:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Impostor(Unregistered):
    kind: ClassVar[str] = "bars"


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (None, "NoneType, not a kind of exhibit"),
        ({"kind": "bars"}, "dict, not a kind of exhibit"),
        (Unregistered(title="x"), "no installed package has the kind of exhibit 'unregistered'"),
        (Impostor(title="x"), "Impostor is not the installed kind 'bars'"),
    ],
)
def test_what_is_no_installed_kind_is_refused(value: object, fact: str) -> None:
    assert fact in problem_with(value)


def test_a_check_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Bars) -> str:
        raise RuntimeError("no luck")

    monkeypatch.setattr(Bars, "problem", fails)
    assert "no luck" in problem_with(SAMPLES["bars"])


# Size


MANY = 1_000_000


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("bars", {"labels": ("a",) * MANY, "values": (0.5,) * MANY}),
        ("bars", {"title": "x" * MANY}),
        ("heatmap", {"values": (((0.5,) * 1000,) * 1000,)}),
        ("backoff", {"steps": SAMPLES["backoff"].steps * 100_000}),  # type: ignore[attr-defined]
    ],
    ids=["entries", "characters", "nested", "objects"],
)
def test_too_large_exhibits_are_refused_before_they_are_read(kind: str, changed: dict[str, Any]) -> None:
    exhibit = replace(SAMPLES[kind], **changed)
    tracemalloc.start()
    problem = problem_with(exhibit)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"more than {exhibit.most:,}" in problem
    assert memory < 2_000_000
    if kind == "bars":
        with pytest.raises(LmcompareError, match="more than 2,000"):
            from_json({**BARS, **changed})


def test_the_limit_counts_fields_entries_and_characters() -> None:
    labels = ("a",) * 990
    fits = Bars(title="x", labels=labels, values=(1.0,) * 990, note="n" * 1_599)
    # five fields, 990 labels and as many values, and 15 for the hundreds of characters of the note
    assert 5 + 2 * 990 + 15 == Bars.most == 2_000
    assert problem_with(fits) == ""
    assert "more than 2,000 parts" in problem_with(replace(fits, note="n" * 1_600))


def test_a_large_heat_map_that_fits_is_no_problem() -> None:
    row = (0.5, None) * 350
    exhibit = Heatmap(title="x", rows=("r",) * 700, columns=("c",) * 700, panels=("p",), values=((row,) * 700,))
    assert problem_with(exhibit) == ""


def test_the_page_on_exhibits_names_every_kind_with_its_limit() -> None:
    page = (Path(__file__).parents[1] / "docs" / "exhibits.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|.*\| ([\d,]+) \|$", page, re.MULTILINE)
    assert {kind for kind, _, _ in rows} == set(KINDS.installed())
    for kind, name, most in rows:
        assert kind_named(kind).__name__ == name
        assert kind_named(kind).most == int(most.replace(",", ""))
