"""Links into the page: the address says what is shown, on a wide screen and on a phone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lmcompare.exhibits import to_json
from lmcompare.report.build import write_reports
from tests.exhibit_samples import heatmap
from tests.report.browser import complaints, open_all, reopened, visit
from tests.run_folder import reseal, write_run_folder

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", [1280, 390])
def test_a_link_leads_to_a_word_in_a_passage(browser: Browser, folder: Path, width: int) -> None:
    report = visit(browser, folder / "report.html", width=width)
    open_all(report)
    reader = report.locator(".reader").first
    reader.locator("select[name=passage]").select_option(index=1)
    reader.locator("select[name=minus]").select_option(index=1)
    reader.locator(".tok").nth(5).click()
    shown = reader.locator(".card").inner_text()
    assert "#reader?" in report.url
    again = reopened(report).locator(".reader").first
    expect(again.locator(".tok.now")).to_have_attribute("data-i", "5")
    assert again.locator(".card").inner_text() == shown
    expect(again.locator("select[name=passage]")).to_have_value("1")
    expect(again.locator(".tok.now")).to_be_in_viewport()
    box, card = again.locator(".tok.now").bounding_box(), again.locator(".card").bounding_box()
    assert box is not None
    assert card is not None
    assert width > 390 or box["y"] + box["height"] < card["y"]  # the card of a phone covers the lower half


def test_a_link_that_is_pasted_into_the_open_page_is_followed_and_left_by_going_back(report: Page) -> None:
    reader = report.locator(".reader").first
    reader.locator(".tok").nth(3).click()
    first = report.url
    report.evaluate("location.hash = 'reader?passage=1&model=0&token=5'")
    expect(reader.locator(".tok.now")).to_have_attribute("data-i", "5")
    expect(reader.locator("select[name=passage]")).to_have_value("1")
    report.go_back()
    assert report.url == first
    expect(reader.locator(".tok.now")).to_have_attribute("data-i", "3")
    expect(reader.locator("select[name=passage]")).to_have_value("0")


def test_a_link_leads_to_a_baseline(report: Page) -> None:
    choice = report.locator("#wins [name=baseline]")
    choice.select_option(index=1 if choice.input_value() != "1" else 0)
    chosen, cells = choice.input_value(), report.locator(".gains-table td").all_inner_texts()
    again = reopened(report)
    expect(again.locator("#wins [name=baseline]")).to_have_value(chosen)
    assert again.locator(".gains-table td").all_inner_texts() == cells


@pytest.mark.parametrize("width", [1280, 390])
def test_a_link_leads_to_a_panel(browser: Browser, folder: Path, width: int) -> None:
    report = visit(browser, folder / "report.html", width=width)
    open_all(report)
    several = report.locator(".heat:not(.film *):has(.heat-table):has(.heat-panel + .heat-panel)").first
    several.locator(".heat-panel").nth(1).click()
    name = several.locator(".heat-name").first.inner_text()
    several = reopened(report).locator(".heat:not(.film *):has(.heat-table):has(.heat-panel + .heat-panel)").first
    expect(several.locator(".heat-panel").nth(1)).to_have_attribute("aria-pressed", "true")
    assert several.locator(".heat-name").first.inner_text() == name
    expect(report.locator(f"[id='{report.evaluate('lmcompare.address.place')}']")).to_be_in_viewport()


def test_a_link_to_a_panel_changes_no_other_map_of_its_figure(browser: Browser, tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path, models=("unigram", "transformer"), failed=(), seeds=(0,), documents=8)
    stored = folder / "cells" / "transformer" / "0" / "exhibits.json"
    heat = to_json(heatmap())
    stored.write_text(json.dumps([heat, heat]), encoding="utf-8")
    write_reports(reseal(folder))
    report = visit(browser, folder / "report.html")
    open_all(report)
    figure = report.locator("figure:has(> .heat .heat-data)")
    first, other = figure.locator("> .heat"), figure.locator(".again .heat").first
    other.locator(".heat-panel").nth(1).click()
    assert "panel=" not in report.url
    first.locator(".heat-panel").nth(1).click()
    assert "panel=1" in report.url
    open_all(reopened(report))
    expect(first.locator(".heat-panel").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(other.locator(".heat-panel").nth(1)).to_have_attribute("aria-pressed", "false")


def test_a_link_keeps_the_models_that_are_picked(report: Page) -> None:
    report.locator(".picker button").nth(1).click()
    report.locator(".picker button").nth(2).click()
    again = reopened(report)
    pressed = again.locator(".picker button[aria-pressed=true]")
    expect(pressed).to_have_count(2)
    again.locator("nav").get_by_text("Reader", exact=True).click()
    expect(pressed).to_have_count(2)
    expect(again).to_have_url(re.compile(r"#reader\?pick=1\.2$"))
    assert complaints(again) == []


def test_a_link_into_a_fold_opens_it(report: Page) -> None:
    report.evaluate("document.querySelector('#reproduce details pre').id = 'deep'")
    expect(report.locator("#deep")).to_be_hidden()
    report.evaluate("location.hash = 'deep'")
    expect(report.locator("#deep")).to_be_in_viewport()


def test_a_model_is_folded_until_a_link_leads_into_it(report: Page) -> None:
    figure = report.locator("#inside-transformer h4").first
    expect(figure).to_be_hidden()
    report.locator("nav").get_by_text("Inside the models", exact=True).click()
    report.evaluate("id => { location.hash = id }", figure.get_attribute("id"))
    expect(figure).to_be_in_viewport()
    report.evaluate("location.hash = 'term-perplexity'")
    expect(report.locator("#term-perplexity")).to_be_in_viewport()
