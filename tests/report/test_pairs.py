"""The section on minimal pairs: which models were asked, what they know, and what is said of it."""

from __future__ import annotations

from pathlib import Path

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
