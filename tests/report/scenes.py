"""A scene of the story of a network whose figures are given, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from lmcompare.render.prose import environment, filled
from lmcompare.studies.story.scene import Scene
from tests.report.tree import parse


def scene(bits: float, turned: float, read: float, losses: Sequence[float] = ()) -> Scene:
    ends = pd.DataFrame({"tokens": [read / 2, read], "valid_loss": losses or [2.0, 1.0]})
    cell = SimpleNamespace(curve=ends)
    model = SimpleNamespace(title="Net", name="net", cell=cell, entry=SimpleNamespace(first=cell))
    return Scene("", "", "", model, SimpleNamespace(bits=bits, seeds=(0,)), {}, [], turned, better=0.25)  # type: ignore[arg-type]


def said(sentence: str, **values: Any) -> str:
    """Return what a macro of the story's sentences says, called with these values."""
    source = f'{{% import "said.md.j2" as said %}}{{{{ said.{sentence}({", ".join(values)}) }}}}'
    template = environment("lmcompare.studies.story").from_string(source)
    return parse(str(filled(template, "story", False, values)[0])).text
