"""What a scene says of its model: why it is worse, and what each of its ideas is worth."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lmcompare.analysis.findings import Row as FoundRow
from lmcompare.report.sections import story
from lmcompare.report.sections.story_scene import Loss, Scene, spread
from tests.report.scenes import scene


def test_a_worse_figure_has_its_reason_from_the_numbers() -> None:
    def said(one: Scene, significant: bool | None = True) -> str:
        apart = None if significant is None else SimpleNamespace(significant=significant)
        data = SimpleNamespace(comparison=SimpleNamespace(difference=lambda *names: apart))
        return one.against(scene(2.0, 3.0, 2e6, [1.5, 1.0]), data)  # type: ignore[arg-type]

    assert "reason" not in said(scene(1.9, 3.0, 1e6))
    assert "3.0 bits" in said(scene(2.1, 0.0, 1e6))  # no order: that comes first
    assert "and its own by 0.0" in said(scene(2.1, 0.0, 1e6))
    less = said(scene(2.1, 3.0, 1e6))
    assert "read 1 million tokens in training, the net 2 million" in less.replace("\u00a0", " ")
    assert "no reason" in said(scene(2.1, 3.0, 2e6))
    for one in (scene(2.1, 0.0, 1e6), scene(1.9, 3.0, 1e6)):
        assert "chance" not in said(one)
        assert "chance" in said(one, significant=False)
        assert "chance" in said(one, significant=None), "not compared, as in a run of very many models"


def with_bars(lost: float) -> SimpleNamespace:
    """A model with the exhibit that says what it loses, in bits per token, without looking back."""
    (outline,) = (one["lost"] for one in story.outlines() if "lost" in one)
    bars = {"kind": "bars", "title": outline["title"], "labels": ["none"], "values": [lost]}
    cell = SimpleNamespace(exhibit_tables=[{"kind": "bars", "title": "Another", "values": [9.0]}, bars])
    return SimpleNamespace(cell=cell, entry=SimpleNamespace(tokens_fingerprint="words"))


CLEAR = SimpleNamespace(difference=lambda *names: SimpleNamespace(significant=True))


@pytest.mark.parametrize("lost", [0.4, 2.4])
def test_what_a_trained_network_loses_without_attention_is_no_part_of_its_gain(lost: float) -> None:
    (outline,) = (one["lost"] for one in story.outlines() if "lost" in one)
    manifest = SimpleNamespace(tokens={"words": SimpleNamespace(tokens={"valid": 100})})
    corpus = SimpleNamespace(splits={"valid": SimpleNamespace(bytes=400)})
    data = SimpleNamespace(
        run=SimpleNamespace(manifest=manifest, corpus=corpus), comparison=CLEAR, measured=lambda experiment: {}
    )
    found = Loss.of(outline, with_bars(lost), data)  # type: ignore[arg-type]
    assert found is not None
    assert found.bits_per_byte == lost / 4  # tokens of four bytes
    told = replace(scene(1.0, 3.0, 2e6), lost=found).against(scene(1.8, 3.0, 2e6), data)  # type: ignore[arg-type]
    assert f"Without looking back, the trained network needs {lost / 4:.3f} bits per byte more" in told
    assert Loss.of({}, with_bars(lost), data) is None  # type: ignore[arg-type]
    for odd in (-0.1, 0.9):  # nothing, or more than all of the gain
        one = replace(scene(1.0, 3.0, 2e6), lost=replace(found, bits_per_byte=odd))
        assert "Without" not in one.against(scene(1.8, 3.0, 2e6), data)  # type: ignore[arg-type]


def test_what_a_model_has_besides_the_one_before_is_worth_the_difference() -> None:
    data = SimpleNamespace(comparison=CLEAR)
    told = replace(scene(1.0, 3.0, 2e6), adds="looking back").against(scene(1.8, 3.0, 2e6), data)  # type: ignore[arg-type]
    assert told.endswith("So looking back is worth 0.800 bits per byte here.")
    after = next(one["after"]["rnn"] for one in story.outlines() if "rnn" in one.get("after", {}))
    assert after["adds"] == "looking back"


def test_a_network_that_differs_in_more_than_its_state_is_not_said_to_gain_by_the_state() -> None:
    data = SimpleNamespace(comparison=CLEAR)
    (outline,) = (one for one in story.outlines() if one["plugins"] == ["rnn"])
    assert "adds" not in outline
    assert "which this story does not have" in outline["compared"]
    assert "its simpler relative" in outline["after"]["vectors"]["compared"]
    for bits in (1.0, 1.9):  # better, and worse
        told = replace(scene(bits, 3.0, 2e6), compared="It is so.").against(scene(1.8, 3.0, 2e6), data)  # type: ignore[arg-type]
        assert told.endswith("It is so.")
        assert "So " not in told


def test_the_states_begin_before_the_first_word_where_attention_mixes_them() -> None:
    found = {"tokens": ["The", "cat"], "states": [[0.25, -1.0], [-0.5, 0.0]]}
    states = replace(scene(1.0, 3.0, 2e6), found=found).states
    assert states == [("<s>", [0.25, -1.0]), ("The", [-0.5, 0.0])]
    plain = replace(scene(1.0, 3.0, 2e6), found={"tokens": ["The", "cat"], "states": [0.5]}).states
    assert plain == [("The", [0.5])]  # of earlier versions, one number
    assert replace(scene(1.0, 3.0, 2e6), found={"tokens": ["The", "cat"]}).states == []


@pytest.mark.parametrize(("values", "said"), [([0.95, 1.06], "0.95 to 1.06 times"), ([0.9, 1.3], ""), ([], "")])
def test_attention_that_prefers_no_distance_is_nearer_to_an_average(values: list[float], said: str) -> None:
    tables = [{"kind": "bars", "title": "How far", "values": values}]
    model = SimpleNamespace(cell=SimpleNamespace(exhibit_tables=tables))
    told = spread("How far", model)  # type: ignore[arg-type]
    assert said in told
    assert bool(told) == bool(said)
    assert spread("another", model) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "p", "said"),
    [
        (-0.02, 0.001, "needs 0.020 bits per byte more (+0.010 to +0.030)"),
        (0.02, 0.001, "needs 0.020 bits per byte fewer (−0.030 to −0.010)"),
        (-0.002, 0.4, "not found"),
        (-0.002, 0.4, "(95 % interval −0.008 to +0.012)"),
        (-0.011, 0.06, "may need more bits per byte (95 % interval +0.001 to +0.021), but this is not significant"),
        (0.011, 0.06, "may need fewer bits per byte (95 % interval −0.021 to −0.001), but this is not significant"),
    ],
)
def test_what_training_without_a_part_changes(value: float, p: float, said: str) -> None:
    row = FoundRow("Additive attention", value=value, low=value - 0.01, high=value + 0.01, p_holm=p)
    found = Loss("looking back", 0.034, row).in_laboratory.replace("\u00a0", " ")
    assert said in found
    assert "as many" not in found, "what was not found is not found to be equal"
    assert Loss("looking back", 0.034).in_laboratory == ""
