"""Which studies a report shows, and in which order."""

from __future__ import annotations

from copy import copy

import pytest

from lmcompare.analysis import Run
from lmcompare.report.page import SECTIONS, Report, studies_of, with_studies
from lmcompare.study import STUDIES, Study


def choosing(run: Run, *names: str) -> Run:
    found = copy(run)
    vars(found).pop("derived", None)  # what other tests have computed of it
    found.studies = names
    return found


class First(Study):
    name, title, order = "first", "First", 5


class Second(Study):
    name, title, order = "second", "Second", 20


class Inside(Study):
    name, title, group, order = "inside", "Within", "Inside", 50


def test_chosen_studies_take_each_others_places_and_the_core_stays() -> None:
    usual = with_studies(SECTIONS, [First(), Second(), Inside()])
    assert [*usual["Results"]] == ["First", "Leaderboard", "Second"]
    other = with_studies(SECTIONS, [Second(), Inside(), First()])
    assert [*other["Results"]] == ["Second", "Leaderboard", "First"]
    assert [*other["Inside"]] == ["Within"]
    assert [*other["Trust"]] == [*SECTIONS["Trust"]]


def test_a_run_chooses_studies(run: Run) -> None:
    assert [study.name for study in studies_of(choosing(run, "slices", "memorisation", "cost"))] == ["slices", "cost"]
    assert {"slices", "cost", "corpus"} < {study.name for study in studies_of(run)}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES.installed())
def test_a_study_needs_no_other(run: Run, name: str) -> None:
    report = Report(choosing(run, name))
    assert report.data.results["failed_studies"] == {}
    assert "could not be made" not in report.markdown()
    assert {*report.data.results["studies"]} <= {name}
