"""Stored findings can be computed again from their file, a preview claims nothing, and users keep their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.lab import Figures, Findings, Row
from lmcompare.lab import findings as lab
from lmcompare.lab.contrasts import Measured, contrasts, corrected, of_same_trainings
from lmcompare.lab.findings import write_findings
from lmcompare.runfolder import guards as run
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


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("written", encoding="utf-8")
    return folder


@pytest.mark.parametrize("first", [run, lab])
def test_the_folder_of_one_becomes_that_of_both(tmp_path: Path, first: object) -> None:
    written = ("report.html", "charts/a.svg") if first is run else ("lab.html", "findings/ideas.json", "run/x")
    for room in (run, lab) if first is run else (lab, run):
        room.check_free(tmp_path)
        room.claim(tmp_path)
        if room is first:
            filled(tmp_path, *written)
    for room in (run, lab):  # and again
        room.check_free(tmp_path)


def test_a_laboratory_that_found_the_disk_full_begins_again(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()  # whose mark there was no room for
    lab.check_free(tmp_path)
    filled(tmp_path, "run/notes.txt")
    with pytest.raises(LmcompareError, match=r"other files .run"):
        lab.check_free(tmp_path)


@pytest.mark.parametrize("name", ["lab.html", "lab.md", "findings/mine.json", "run/notes.txt"])
def test_what_the_user_has_put_in_the_folder_of_a_run_is_refused(tmp_path: Path, name: str) -> None:
    run.claim(tmp_path)
    filled(tmp_path, "notes.txt", name)
    with pytest.raises(LmcompareError, match=f"other files .{name.partition('/')[0]}"):
        lab.check_free(tmp_path)


@pytest.mark.parametrize("name", ["thesis.txt", "report.html", "cells/x"])
def test_other_files_in_the_folder_of_a_laboratory_are_refused(tmp_path: Path, name: str) -> None:
    lab.claim(tmp_path)
    filled(tmp_path, "lab.html", "charts/lab-ideas-1.svg", name)
    with pytest.raises(LmcompareError, match=f"other files .{name.partition('/')[0]}"):
        run.check_free(tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("findings", False), ("lab.html", True), ("charts", False)])
def test_what_is_in_the_way_is_named(tmp_path: Path, name: str, folder: bool) -> None:
    lab.claim(tmp_path)
    if folder:
        (tmp_path / name).mkdir()
    else:
        filled(tmp_path, name)
    with pytest.raises(LmcompareError, match=f"{name} is a .* in the way"):
        lab.check_free(tmp_path)
    with pytest.raises(LmcompareError, match="is a file"):
        lab.check_free(filled(tmp_path, "notes") / "notes")
