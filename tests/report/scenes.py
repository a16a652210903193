"""A scene of the story of a network whose figures are given, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pandas as pd

from lmcompare.studies.story.scene import Scene


def scene(bits: float, turned: float, read: float, losses: Sequence[float] = ()) -> Scene:
    ends = pd.DataFrame({"tokens": [read / 2, read], "valid_loss": losses or [2.0, 1.0]})
    cell = SimpleNamespace(curve=ends)
    model = SimpleNamespace(title="Net", name="net", cell=cell, entry=SimpleNamespace(first=cell))
    return Scene("", "", "", model, SimpleNamespace(bits=bits, seeds=(0,)), {}, 0.25, [], turned)  # type: ignore[arg-type]
