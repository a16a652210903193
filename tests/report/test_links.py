"""Links into the page: the address says what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.report.browser import complaints, open_all, reopened, visit

pytestmark = pytest.mark.slow


def test_a_link_leads_to_a_word_in_a_passage_and_one_that_is_pasted_is_left_by_going_back(report: Page) -> None:
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
    first = report.url
    report.evaluate("location.hash = 'reader?passage=0&model=0&token=3'")
    expect(reader.locator(".tok.now")).to_have_attribute("data-i", "3")
    expect(reader.locator("select[name=passage]")).to_have_value("0")
    report.go_back()
    assert report.url == first
    expect(reader.locator(".tok.now")).to_have_attribute("data-i", "5")
    expect(reader.locator("select[name=passage]")).to_have_value("1")


def test_a_link_leads_to_a_panel_and_to_a_baseline(report: Page) -> None:
    open_all(report)
    heat = ".heat:not(.film *):has(.heat-table):has(.heat-panel + .heat-panel)"
    report.locator(heat).first.locator(".heat-panel").nth(1).click()
    name = report.locator(heat).first.locator(".heat-name").first.inner_text()
    several = reopened(report).locator(heat).first
    expect(several.locator(".heat-panel").nth(1)).to_have_attribute("aria-pressed", "true")
    assert several.locator(".heat-name").first.inner_text() == name
    expect(report.locator(f"[id='{report.evaluate('lmcompare.address.place')}']")).to_be_in_viewport()
    choice = report.locator("#wins [name=baseline]")
    choice.select_option(index=1 if choice.input_value() != "1" else 0)
    chosen, cells = choice.input_value(), report.locator(".gains-table td").all_inner_texts()
    again = reopened(report)
    expect(again.locator("#wins [name=baseline]")).to_have_value(chosen)
    assert again.locator(".gains-table td").all_inner_texts() == cells


def test_a_link_keeps_the_models_that_are_picked_and_opens_what_it_leads_into(report: Page) -> None:
    report.locator(".picker button").nth(1).click()
    report.locator(".picker button").nth(2).click()
    again = reopened(report)
    pressed = again.locator(".picker button[aria-pressed=true]")
    expect(pressed).to_have_count(2)
    again.locator("nav").get_by_text("Reader", exact=True).click()
    expect(pressed).to_have_count(2)
    expect(again).to_have_url(re.compile(r"#reader\?pick=1\.2$"))
    figure = again.locator("#inside-transformer h4").first
    expect(figure).to_be_hidden()
    again.evaluate("id => { location.hash = id }", figure.get_attribute("id"))
    expect(figure).to_be_in_viewport()
    again.evaluate("document.querySelector('#reproduce details pre').id = 'deep'")
    expect(again.locator("#deep")).to_be_hidden()
    again.evaluate("location.hash = 'deep'")
    expect(again.locator("#deep")).to_be_in_viewport()
    assert complaints(again) == []


def test_on_a_phone_a_section_opens_at_its_title_and_by_a_link_into_it(browser: Browser, folder: Path) -> None:
    page = visit(browser, folder / "report.html", width=390)
    expect(page.locator("#leaderboard table").first).to_be_visible()
    table = page.locator("#truth table")
    expect(table).to_be_hidden()
    folded = page.evaluate("document.documentElement.scrollHeight")
    title = page.locator("#truth h2").get_by_role("button")
    expect(title).to_have_attribute("aria-expanded", "false")
    title.click()
    expect(table).to_be_visible()
    title.click()
    expect(table).to_be_hidden()
    page.evaluate("location.hash = 'not-comparable'")
    expect(page.locator("#not-comparable")).to_be_in_viewport()
    page.emulate_media(media="print")
    expect(table).to_be_visible()
    page.emulate_media(media="screen")
    open_all(page)
    assert page.evaluate("document.documentElement.scrollHeight") > 4 * folded
