"""A folder of the laboratory with findings of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcompare.exhibits import Bars
from lmcompare.lab import Figures, Findings, Row
from lmcompare.lab.findings import path_of, write_findings

ROWS = (
    Row("Order", "Knowing <b>the order</b>.", 0.0214, 0.0181, 0.0247, 0.0003, 1.781, explained_by="other"),
    Row("Heads", "", -0.002, -0.005, 0.0004, 0.4, 1.758),
    Row("Mask", "", -1.2, -1.3, -1.1, None, 0.522, remark="It is no language model."),
    Row("Far", remark="Undefined."),
)
CLAIMS = {"Heads are worth something.": False, "A layer is worth more.": True, "Two are worth twice.": None}
ABOUT: dict[str, Any] = {
    "title": "What it is worth",
    "question": "What is it worth?",
    "prediction": "Something.",
    "key": "0",
    "seeds": 3,
    "decides": True,
    "train_seconds": 100.0,
    "measure_seconds": 2.0,
}


def missed(claims: Mapping[str, bool | None]) -> list[int]:
    """The places of the claims that did not hold."""
    return [place for place, held in enumerate(claims.values()) if held is False]


def write_lab(place: Path, folder: Path) -> Path:
    """Write two experiments, one of them a preview, beside a copy of a run folder."""
    shutil.copytree(folder, place / "run")
    table = Figures(
        title="Lost", rows=ROWS, unit="bits per byte", note="How.", row_name="Idea", figure_name="without"
    )
    bars = tuple(Bars(title="Amounts", labels=("a",), values=(float(k),), note=f"Of {k}.") for k in range(3))
    found = Findings(
        verdict="No effect of heads.", claims=CLAIMS, tables=(table,), exhibits=bars, remarks=("A limit.",)
    )
    write_findings(path_of(place, "ideas"), found, {"name": "ideas", **ABOUT})
    other = Findings(verdict="Nothing was found.", claims=CLAIMS)
    preview = ABOUT | {"title": "The other", "seeds": 1, "decides": False}
    write_findings(path_of(place, "other"), other, {"name": "other", **preview})
    return place
