"""A sample of each built-in kind of exhibit, and exhibits of the kind with one fault each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lmcompare.exhibits import (
    BackoffStep,
    BackoffTrace,
    Bars,
    Curve,
    Exhibit,
    Heatmap,
    Map2D,
    Neighbours,
    WorkedEquation,
)

WEIGHTS = ((1.0, None, None), (0.4, 0.6, None), (0.7, 0.2, 0.1))
TURNED = ((1.0, None, None), (0.1, 0.9, None), (0.0, 0.1, 0.9))
PRODUCTS = ((2.0, None, None), (-1.25, 3.0, None), (0.123, -4.0, None))


def heatmap(word: str = "bank", panels: int = 2) -> Heatmap:
    """Return a heat map of three rows and columns with two steps."""
    return Heatmap(
        title=word,
        rows=("the", word, "was"),
        columns=("the", word, "was"),
        panels=(word, "head 2")[:panels],
        values=(WEIGHTS, TURNED)[:panels],
        row_axis=word,
        column_axis="looks at",
        steps=((word, (WEIGHTS, TURNED)[:panels]), ("q·k", (PRODUCTS, TURNED)[:panels])),
    )


def samples(word: str = "bank") -> list[Exhibit]:
    """Return a well-formed exhibit of each kind, with the word in its texts."""
    step = BackoffStep(token=word, matched=2, contexts=("", word), counts=(40, 3), probabilities=(0.01, 0.2))
    return [
        heatmap(word),
        Neighbours(
            title=word, words=(word, "b"), neighbours=((word, "d"), ("e",)), similarities=((0.9, 0.1), (0.4,))
        ),
        BackoffTrace(title=word, note=word, steps=(step, replace(step, token="x", matched=1)), counted=word),
        Map2D(title=word, labels=(word, "b", "c"), x=(0.0, 1.0, 5.0), y=(0.0, 1.0, 5.0), groups=(word, "g", "g")),
        Curve(title=word, names=(word,), x=((0.0, 1.0, 2.0),), y=((1.0, 3.0, 2.0),), x_axis=word, y_axis=word),
        Bars(title=word, labels=(word, "b"), values=(2.0, -1.0), unit=word),
        WorkedEquation(title=word, equation=word, saying=word, lines=((word, 0.5),)),
    ]


_STEP = BackoffStep(token="bank", matched=2, contexts=("", "river"), counts=(7, 2), probabilities=(0.1, 0.4))

# By kind: the changed fields and a part of the sentence that names the fault.
FAULTS: dict[str, list[tuple[dict[str, Any], str]]] = {
    "heatmap": [
        ({"panels": ("one", "two", "three")}, "2 panels, but 3"),
        ({"rows": ("a",)}, "for 1 rows"),
        ({"columns": ("x", "y")}, "2 columns"),
        ({"values": (WEIGHTS, (*WEIGHTS[:2], (0.5, 0.5)))}, "panel 'head 2'"),
        ({"steps": (("score", ()),)}, "step 'score' has 0 panels, but 2"),
        ({"steps": (("score", (((2.0,), (1.0,)),) * 2),)}, "step 'score', panel 'bank', has 2 rows of 1"),
        ({"opens": (2, 0)}, "opens is (2, 0)"),
        ({"opens": (0, 3)}, "2 panels and 3 rows"),
        ({"opens": (0, -1)}, "opens is (0, -1)"),
        ({"opens": (0,)}, "opens has 1 parts, not 2"),
    ],
    "neighbours": [
        ({"words": ("a",)}, "words has 1 entries, neighbours has 2"),
        ({"similarities": ((0.9,), (0.4,))}, "for 'bank' neighbours has 2"),
        ({"similarities": ((0.9, 1.2), (0.4,))}, "not a cosine"),
    ],
    "backoff": [
        ({"steps": (replace(_STEP, counts=(1,)),)}, "for 'bank' contexts has 2 entries, counts has 1"),
        ({"steps": (replace(_STEP, matched=3),)}, "matched order 3 of 2"),
        ({"steps": (replace(_STEP, probabilities=(0.1, 1.2)),)}, "outside 0 … 1"),
        ({"steps": (replace(_STEP, counts=(1.5, 2)),)}, "steps[0].counts[0] is 1.5, not a whole number"),
        ({"steps": ("bank",)}, "steps[0] is 'bank', not a BackoffStep"),
    ],
    "map": [({"x": (0.0,)}, "x has 1"), ({"groups": ("one",)}, "groups has 1")],
    "curve": [({"names": ("train", "valid")}, "names has 2"), ({"y": ((5.0,),)}, "for 'bank' x has 3")],
    "bars": [
        ({"labels": ("a",)}, "labels has 1 entries, values has 2"),
        ({"labels": ("a", 3)}, "labels[1] is 3, not a text"),
        ({"labels": "ab"}, "labels is 'ab', not a tuple"),
        ({"values": (1.0, float("nan"))}, "values[1] is nan"),
        ({"values": (1.0, float("inf"))}, "values[1] is inf"),
        ({"values": (1.0, True)}, "values[1] is True, not a number"),
        ({"values": (1.0, 10**400)}, "only finite numbers"),
        ({"values": (1.0, None)}, "values[1] is None, not a number"),
        ({"title": " "}, "no title"),
        ({"note": None}, "note is None, not a text"),
    ],
    "equation": [
        ({"equation": " "}, "LaTeX"),
        ({"saying": ""}, "in words"),
        ({"lines": (("p",),)}, "lines[0] has 1 parts, not 2"),
        ({"lines": (("p", "q"),)}, "lines[0][1] is 'q', not a number"),
    ],
}
