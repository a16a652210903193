"""Which studies a report shows, and in which order."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from lmcompare.analysis import Run
from lmcompare.report.data import ReportData, Section
from lmcompare.report.page import SECTIONS, Report, studies_of, with_studies
from lmcompare.study import STUDIES, Study
from tests.report.browser import complaints, visit


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


class Scripted(Study):
    name, title = "scripted", "Scripted"
    script = "document.querySelector('#scripted p').append(' by a script');"
    style = "#scripted p { color: rgb(1, 2, 3) }"
    terms = "[Scripts.script]\nname = 'Script'\ndefinition = 'It runs.'\nwords = ['script']"

    def show(self, report: ReportData) -> Section:
        text = "Changed {{ said | explained }} of a [script](#term-script)"
        return Section.of_text("scripted", "Scripted", text, said="script")


@pytest.mark.slow
def test_a_study_brings_a_script_a_style_and_terms(run: Run, tmp_path: Path, browser: Browser) -> None:
    name = f"{__name__}:Scripted"
    chosen = choosing(run, name)
    chosen.named = (name,)
    (tmp_path / "report.html").write_text(Report(chosen).html(), encoding="utf-8")
    page = visit(browser, tmp_path / "report.html")
    said = page.locator("#scripted p")
    expect(said).to_have_text("Changed script of a script by a script")
    expect(said).to_have_css("color", "rgb(1, 2, 3)")
    expect(said.locator("a").first).to_have_attribute("title", "It runs.")
    assert said.locator("a").count() == 2
    expect(page.locator("#term-script dd")).to_have_text("It runs.")
    assert complaints(page) == []
    assert "rgb(1, 2, 3)" not in Report(choosing(run, "cost")).html()


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES.installed())
def test_a_study_needs_no_other(run: Run, name: str) -> None:
    report = Report(choosing(run, name))
    assert report.data.results["failed_studies"] == {}
    assert "could not be made" not in report.markdown()
    assert {*report.data.results["studies"]} <= {name}
