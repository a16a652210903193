"""What a search at random proposes: within the ranges, evenly, and the same again."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness.sweep import Proposer, proposer
from lmcompare.harness.tables import Range, SearchTable, Settings, Space

SPACE: Space = {
    "rate": Range(1e-4, 1e-2, log=True),
    "share": Range(0.0, 1.0),
    "layers": Range(1, 8),
    "width": Range(8, 512, log=True),
    "sizes": ([1, 2], [3]),
}


def loss(values: dict[str, Any]) -> float:
    rate, layers = float(values["rate"]), int(values["layers"])
    return math.log(rate / 1e-3) ** 2 + abs(layers - 3) + len(values["sizes"])


def carried_out(search: Proposer, figure: Callable[[dict[str, Any]], float] = loss) -> list[Settings]:
    batches = []
    while batch := search.ask():
        batches.append(batch)
        search.tell([figure(values) for values in batch])
    return batches


def of(method: str, trials: int = 13, batch: int = 5, seed: int = 0, space: Space = SPACE) -> Proposer:
    asked = {"method": method, "trials": trials, "batch": batch, "seed": seed}
    return proposer("net", space, SearchTable.model_validate(asked))


def test_proposals_are_in_their_ranges_and_the_same_again() -> None:
    assert [len(batch) for batch in check_proposals("random")] == [13]


def check_proposals(method: str) -> list[Settings]:
    batches = carried_out(of(method))
    settings = [values for batch in batches for values in batch]
    for values in settings:
        assert 1e-4 <= values["rate"] <= 1e-2
        assert values["rate"] == float(f"{values['rate']:.4g}")
        assert values["layers"] in range(1, 9)
        assert isinstance(values["layers"], int)
        assert values["width"] in range(8, 513)
        assert values["sizes"] in ([1, 2], [3])
    assert carried_out(of(method)) == batches
    assert carried_out(of(method, seed=1)) != batches
    return batches


def test_numbers_drawn_at_random_are_even_on_their_scale() -> None:
    (drawn,) = carried_out(of("random", trials=400))
    for key, middle in (("rate", 1e-3), ("share", 0.5), ("layers", 4.5), ("width", 64)):
        assert np.mean([values[key] < middle for values in drawn]) == pytest.approx(0.5, abs=0.08)
    assert {values["layers"] for values in drawn} == set(range(1, 9))


def test_more_trials_at_random_begin_with_the_same_and_none_is_drawn_twice() -> None:
    (few,), (more,) = carried_out(of("random", trials=5)), carried_out(of("random", trials=9))
    assert more[:5] == few
    space: Space = {"order": (2, 3, 4), "cutoff": (0, 1)}
    (some,) = carried_out(of("random", trials=5, space=space), lambda _: 0.0)
    assert len({tuple(values.items()) for values in some}) == 5
    (all_of_them,) = carried_out(of("random", trials=6, space=space), lambda _: 0.0)
    assert all_of_them == [{"order": o, "cutoff": c} for o in (2, 3, 4) for c in (0, 1)]


def test_optuna_is_asked_for_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(LmcompareError, match=r"lmcompare\[search\].*--search random"):
        of("tpe")
    assert of("random").trials == 13


def test_a_grid_has_no_range() -> None:
    with pytest.raises(LmcompareError, match="rate of 'net' is a range, and a grid needs lists of values"):
        proposer("net", SPACE, None)
