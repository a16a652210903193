"""Links into the page on a phone, and to one of several maps of a figure."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from lmcompare.exhibits import to_json
from lmcompare.report.write import write_reports
from tests.exhibit_samples import heatmap
from tests.measured import change_measured
from tests.report.browser import open_all, reopened, visit
from tests.report.part import part_of
from tests.run_folder import reseal


def test_on_a_phone_a_link_leads_to_a_word_in_a_passage(browser: Browser, folder: Path) -> None:
    report = visit(browser, folder / "report.html", width=390)
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
    assert box["y"] + box["height"] < card["y"]  # the card of a phone covers the lower half


def test_on_a_phone_a_link_leads_to_a_panel(browser: Browser, folder: Path) -> None:
    report = visit(browser, folder / "report.html", width=390)
    open_all(report)
    several = report.locator(".heat:not(.film *):has(.heat-table):has(.heat-panel + .heat-panel)").first
    several.locator(".heat-panel").nth(1).click()
    name = several.locator(".heat-name").first.inner_text()
    several = reopened(report).locator(".heat:not(.film *):has(.heat-table):has(.heat-panel + .heat-panel)").first
    expect(several.locator(".heat-panel").nth(1)).to_have_attribute("aria-pressed", "true")
    assert several.locator(".heat-name").first.inner_text() == name
    expect(report.locator(f"[id='{report.evaluate('lmcompare.address.place')}']")).to_be_in_viewport()


def test_a_link_to_a_panel_changes_no_other_map_of_its_figure(browser: Browser, tmp_path: Path) -> None:
    folder = part_of(tmp_path, ("unigram", "transformer"))
    change_measured(folder / "cells" / "transformer" / "0", "exhibits", lambda _: 2 * [to_json(heatmap())])
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
