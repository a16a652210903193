"""Exhibits go through JSON and come out the same; what is none is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.exhibit_shapes import problem
from lmcompare.exhibits import (
    KINDS,
    BackoffStep,
    BackoffTrace,
    Bars,
    Curve,
    Exhibit,
    Heatmap,
    Map2D,
    Neighbours,
    WorkedEquation,
    from_json,
    to_json,
)

STEP = {"token": "bank", "matched": 2, "contexts": ("", "river"), "counts": (7, 2), "probabilities": (0.1, 0.4)}

GOOD: dict[str, tuple[type[Exhibit], dict[str, Any]]] = {
    "heatmap": (
        Heatmap,
        {
            "rows": ("a", "b"),
            "columns": ("x", "y", "z"),
            "panels": ("head 1",),
            "values": (((0.1, None, None), (0.5, 0.5, None)),),
            "steps": (("score", (((2.0, None, None), (-1.0, 1.0, None)),)),),
            "opens": (0, 1),
        },
    ),
    "neighbours": (
        Neighbours,
        {"words": ("bank",), "neighbours": (("river", "money"),), "similarities": ((0.9, 0.8),)},
    ),
    "backoff": (BackoffTrace, {"steps": (BackoffStep(**STEP),)}),
    "map": (Map2D, {"labels": ("a", "b"), "x": (0.0, 1.0), "y": (1.0, 0.0), "groups": ("one", "two")}),
    "curve": (Curve, {"names": ("train",), "x": ((0.0, 1.0),), "y": ((5.0, 4.0),), "x_axis": "step"}),
    "bars": (Bars, {"labels": ("a",), "values": (1.0,), "unit": "%"}),
    "equation": (
        WorkedEquation,
        {"equation": "p", "saying": "Likely.", "lines": (("p", 0.5),)},
    ),
}


def made(kind: str, **changed: Any) -> Exhibit:
    cls, fields = GOOD[kind]
    return cls(**{"title": "A title", "note": "A note.", **fields, **changed})


def test_every_kind_is_here() -> None:
    assert set(GOOD) == set(KINDS)
    assert all(cls is KINDS[kind] for kind, (cls, _) in GOOD.items())


@pytest.mark.parametrize("kind", GOOD)
def test_comes_out_of_json_the_same(kind: str) -> None:
    exhibit = made(kind)
    table = json.loads(json.dumps(to_json(exhibit), allow_nan=False))
    assert table["kind"] == kind
    assert from_json(table) == exhibit
    assert hash(from_json(table)) == hash(exhibit)  # all the way down of tuples


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "hologram", "title": "x"}, "unknown kind of exhibit 'hologram'"),
        ({"title": "x"}, "unknown kind of exhibit ''"),
        (
            {"kind": "bars", "title": "x", "labels": [], "values": [], "colour": "red"},
            "'bars' does not have these fields",
        ),
        ({"kind": "bars", "title": "x"}, "'bars' does not have these fields"),
        ({"kind": "backoff", "title": "x"}, "'backoff' does not have these fields"),
        ({"kind": "backoff", "title": "x", "steps": [{"token": "a"}]}, "'backoff' does not have these fields"),
        ({"kind": "backoff", "title": "x", "steps": [3]}, "'backoff' does not have these fields"),
    ],
)
def test_what_is_no_exhibit_is_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        from_json(table)


@pytest.mark.parametrize(("kind", "field"), [("heatmap", "opens"), ("backoff", "counted")])
def test_what_was_stored_before_a_field_was_there_is_read(kind: str, field: str) -> None:
    table = to_json(made(kind))
    del table[field]
    exhibit = from_json(table)
    assert not getattr(exhibit, field)
    assert problem(exhibit) == ""


def test_reading_leaves_the_table_as_it_was() -> None:
    table = json.loads(json.dumps(to_json(made("backoff"))))
    before = json.dumps(table)
    from_json(table)
    assert json.dumps(table) == before


# Do the parts fit together?


@pytest.mark.parametrize("kind", GOOD)
def test_well_formed_exhibits_have_no_problem(kind: str) -> None:
    assert problem(made(kind)) == ""


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        ("bars", {"title": " "}, "no title"),
        ("bars", {"labels": ("a", "b")}, "labels 2, values 1"),
        ("bars", {"values": (float("nan"),)}, "the number nan"),
        ("bars", {"values": (float("inf"),)}, "the number inf"),
        ("heatmap", {"panels": ("one", "two")}, "2 panels are named"),
        ("heatmap", {"rows": ("a",)}, "for 1 rows"),
        ("heatmap", {"columns": ("x", "y")}, "2 columns"),
        ("heatmap", {"values": (((0.1, None, None), (0.5, 0.5)),)}, "panel 'head 1'"),
        ("heatmap", {"steps": (("score", ()),)}, "1 panels are named, but there are 'score' of 0"),
        ("heatmap", {"steps": (("score", (((2.0,), (1.0,)),)),)}, "'score' of panel 'head 1' has the shape (2, [1])"),
        ("heatmap", {"steps": (("score", (((2.0, 1.0, float("inf")),) * 2,)),)}, "the number inf"),
        ("heatmap", {"opens": (1, 0)}, "it opens on (1, 0)"),
        ("heatmap", {"opens": (0, 2)}, "no panel of 1 and row of 2"),
        ("heatmap", {"opens": (0, -1)}, "it opens on (0, -1)"),
        ("heatmap", {"opens": (0,)}, "it opens on (0,)"),
        ("neighbours", {"words": ("a", "b")}, "words 2"),
        ("neighbours", {"similarities": ((0.9,),)}, "the lists of 'bank'"),
        ("neighbours", {"similarities": ((0.9, 1.2),)}, "not a cosine"),
        ("backoff", {"steps": (BackoffStep(**{**STEP, "counts": (1,)}),)}, "the orders of 'bank'"),
        ("backoff", {"steps": (BackoffStep(**{**STEP, "matched": 3}),)}, "matched order 3 of 2"),
        ("backoff", {"steps": (BackoffStep(**{**STEP, "probabilities": (0.1, 1.2)}),)}, "outside 0 … 1"),
        ("map", {"x": (0.0,)}, "x 1"),
        ("map", {"groups": ("one",)}, "groups 1"),
        ("curve", {"names": ("train", "valid")}, "names 2"),
        ("curve", {"y": ((5.0,),)}, "line 'train'"),
        ("equation", {"equation": " "}, "LaTeX"),
        ("equation", {"saying": ""}, "in words"),
        ("equation", {"lines": (("p",),)}, "pair"),
    ],
)
def test_what_does_not_fit_is_told(kind: str, changed: dict[str, Any], said: str) -> None:
    assert said in problem(made(kind, **changed))


def test_map_without_groups_is_well_formed() -> None:
    assert problem(made("map", groups=())) == ""
