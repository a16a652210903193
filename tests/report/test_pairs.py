"""The section on minimal pairs: which models were asked, what they know, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.report.sections import pairs
from lmcompare.runfolder.probed import Accuracy, Probed, write_probed


def asked(folder: Path, accuracies: list[float], digest: str = "d") -> None:
    """Store answers of the first finished models to ten pairs of each of two phenomena."""
    done = [model for model in load_run(folder).models if model.done]
    for model, accuracy in zip(done, accuracies, strict=False):
        rows = tuple(
            Accuracy(name, n, 2, accuracy, max(0.0, accuracy - 0.1), min(1.0, accuracy + 0.1))
            for name, n in (("agreement", 10), ("<b>order</b>", 10), ("", 20))
        )
        write_probed(model.done[0].path, Probed("english", digest, rows))


def test_without_answers_there_is_no_section(copied: Path) -> None:
    assert pairs.build(ReportData(load_run(copied))) is None


def test_every_phenomenon_has_a_row_and_every_model_that_was_asked_a_column(copied: Path) -> None:
    asked(copied, [0.8, 0.5])
    section = pairs.build(ReportData(load_run(copied)))
    assert section is not None
    assert "english, 20\N{NO-BREAK SPACE}pairs" in section.html
    assert section.html.count("80 <small>70–90</small>") == 3
    assert section.html.count("50 <small>40–60</small>") == 3
    assert "<b>order" not in section.html
    assert "is right most often, for 80" in section.html
    assert "overlap" not in section.html
    assert "| agreement" in section.markdown


def test_intervals_that_overlap_are_said(copied: Path) -> None:
    asked(copied, [0.55, 0.5])
    section = pairs.build(ReportData(load_run(copied)))
    assert section is not None
    assert "overlaps with that of" in section.html
    assert "not tested" in section.html
    assert "it may be guessing" in section.html


def test_answers_to_other_pairs_of_the_same_name_are_apart(copied: Path) -> None:
    asked(copied, [0.8, 0.5])
    asked(copied, [0.7], digest="e")
    section = pairs.build(ReportData(load_run(copied)))
    assert section is not None
    assert section.html.count("<figure>") == 2


def test_models_that_are_right_equally_often(copied: Path) -> None:
    asked(copied, [0.5, 0.5])
    section = pairs.build(ReportData(load_run(copied)))
    assert section is not None
    assert "right equally often, for 50" in section.html
    assert "most often" not in section.html
    assert "they may be guessing" in section.html


def told(*accuracies: float) -> str:
    """What is said of models A, B, C … of these accuracies, with intervals of 10 % to both sides."""
    models: Any = [SimpleNamespace(title=title) for title in "ABCD"[: len(accuracies)]]
    whole = [Accuracy("", 100, 0, share, max(0.0, share - 0.1), min(1.0, share + 0.1)) for share in accuracies]
    return pairs.said(models, whole).replace("\u00a0", " ")


def test_of_models_that_are_right_equally_often_none_is_the_best() -> None:
    said = told(0.8, 0.8, 0.75, 0.3)
    assert "A and B are right most often, each for 80 %" in said
    assert "The interval of C overlaps with that of A and B" in said
    assert "D" not in said
    assert "overlap" not in told(0.8, 0.8, 0.3)
    assert "they may be guessing" in told(0.55, 0.55, 0.3)


@pytest.mark.parametrize(("accuracy", "guessing"), [(0.3, False), (0.45, True), (0.55, True), (0.7, False)])
def test_it_may_be_guessing_if_the_interval_has_half_in_it(accuracy: float, guessing: bool) -> None:
    for said in (told(accuracy), told(accuracy, 0.1), told(accuracy, accuracy)):
        assert ("guessing" in said) == guessing
