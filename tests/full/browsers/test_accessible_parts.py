"""What is shown outside of the report of a run is accessible, too: notebooks, published figures and corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from lmcompare.analysis import load_run
from lmcompare.corpora import load
from lmcompare.report.notebook import notebook
from lmcompare.report.survey.page import write_survey
from lmcompare.survey import survey
from tests.full.browsers.test_accessibility import findings, on_both_screens, see_that_all_is_well
from tests.report.browser import complaints, visit
from tests.report.part import part_of
from tests.report.test_published import PUBLISHED
from tests.report.tree import parse
from tests.run_folder import edit, write_report

NOTEBOOK = "<!doctype html><html lang=en><title>Notebook</title><main><h1>A notebook</h1>{}</main></html>"


@on_both_screens
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_notebook(browser: Browser, folder: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    output = notebook(folder)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(NOTEBOOK.format(output))
    (frame,) = parse(output).all("iframe")
    page.set_content(frame.attributes["srcdoc"])  # axe needs scripts, which the frame does not run
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert findings(page) == []
    assert asked == []


@on_both_screens
def test_published_figures(browser: Browser, tmp_path: Path, width: int) -> None:
    run = part_of(tmp_path, ("unigram", "ngram"))
    edit(run, experiment={**load_run(run).manifest.experiment, "published": PUBLISHED})
    see_that_all_is_well(visit(browser, write_report(run), width=width), "#published")


@on_both_screens
@pytest.mark.parametrize("name", ["lee", "tale.txt"])
def test_a_corpus(browser: Browser, tmp_path: Path, width: int, name: str) -> None:
    (tmp_path / "tale.txt").write_text("Some line of a tale.\nAnother <b>line</b> of it.\r\n" * 30, encoding="utf-8")
    found = survey(load(name if name == "lee" else tmp_path / name), min_count=2)
    write_survey(found, tmp_path / "page.html")
    page = visit(browser, tmp_path / "page.html", width=width)
    see_that_all_is_well(page)
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
