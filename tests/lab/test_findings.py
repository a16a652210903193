"""Stored findings can be computed again from their file, and a preview claims nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.lab import Figures, Findings, Row
from lmcompare.lab.contrasts import Measured, contrasts, corrected, of_same_trainings
from lmcompare.lab.findings import write_findings
from tests.lab.laboratory import ABOUT
from tests.lab.recomputed import check_contrasts

STORED = Path(__file__).parents[2] / "reports" / "laboratory" / "findings"


def measured(seed: int, mean: float, sizes: np.ndarray, trainings: int = 3) -> Measured:
    random = np.random.default_rng(seed)
    return Measured.of(
        (mean + 0.02 * random.normal(size=(trainings, 1)) + 0.1 * random.normal(size=len(sizes))) * sizes
    )


def written(folder: Path, found: Findings, **about: Any) -> dict[str, Any]:
    write_findings(folder / "x.json", found, {**ABOUT, "name": "x", **about})
    stored: dict[str, Any] = json.loads((folder / "x.json").read_text(encoding="utf-8"))
    return stored


@pytest.mark.slow
def test_contrasts_are_recomputed_from_the_file(tmp_path: Path) -> None:
    sizes = np.random.default_rng(1).integers(40, 400, 60).astype(float)
    base = measured(0, 2.0, sizes)
    first = contrasts(base, {"more": measured(2, 2.1, sizes), "same": measured(3, 2.0, sizes, 1)}, sizes)
    second = of_same_trainings({"changed": (base, measured(4, 2.03, sizes))}, sizes)
    tables = (
        Figures("Alone", tuple(first.values()), "bits"),
        Figures("Together", (*corrected({**first, **second}).values(), Row("counted", value=3.0)), "bits"),
    )
    stored = written(tmp_path, Findings("It is.", tables=tables))
    assert check_contrasts(stored) == 5
    assert len(stored["evidence"]["amounts"]) == 4
    assert len(stored["evidence"]["sizes"]) == 1
    stored["evidence"]["amounts"][0]["units"][0] += 10
    with pytest.raises(AssertionError, match="x: "):
        check_contrasts(stored)


@pytest.mark.parametrize("path", sorted(STORED.glob("*.json")), ids=lambda path: path.stem)
def test_the_contrasts_of_the_reference_laboratory(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    if "evidence" in stored:
        tested = [row for table in stored["tables"] for row in table["rows"] if row["p_holm"] is not None]
        assert check_contrasts(stored) >= len(tested)


def test_a_preview_says_what_was_seen_and_claims_nothing(tmp_path: Path) -> None:
    rows = (Row("heads", value=0.01), Row("order", value=-0.25, low=-0.3, high=-0.2, p_holm=0.001), Row("none"))
    found = Findings("Order helps.", {"It helps.": True}, (Figures("Lost", rows, "bits per byte"),))
    stored = written(tmp_path, found, seeds=1, decides=False)
    assert stored["claims"] == []
    assert "Order helps" not in stored["verdict"]
    assert "1\u00a0training" in stored["verdict"]
    assert stored["verdict"].endswith("order (−0.250) and heads (+0.010).")
    assert "exhibits" in written(tmp_path, Findings("It is."), decides=False)["verdict"]
