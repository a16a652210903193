"""The page on a phone and on paper, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.report.browser import open_all, visit


def test_on_a_phone_the_figure_that_ranks_is_on_the_screen(browser: Browser, folder: Path) -> None:
    page = visit(browser, folder / "report.html", width=390)
    for cell in page.locator("#leaderboard .board").first.locator("tbody td").all():  # with its interval
        box = cell.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    cell = page.locator("#leaderboard .board td.n").nth(1)
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Perplexity"'


@pytest.mark.parametrize(
    ("table", "cells", "models"),
    [(".gains-table", "tbody tr:not(.asked) td:not(.part-of)", 6), (".gloss", "tbody tr td:nth-child(2)", 6)],
)
def test_on_a_phone_comparisons_show_all_models(
    browser: Browser, folder: Path, table: str, cells: str, models: int
) -> None:
    page = visit(browser, folder / "report.html", width=390)
    open_all(page)
    found = page.locator(table).first
    assert found.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    places = found.evaluate(
        "(table, cells) => Array.from(table.querySelectorAll(cells), cell => cell.getBoundingClientRect())"
        ".filter((box, _, all) => Math.abs(box.top - all[0].top) < 1).map(box => [box.left, box.right])",
        cells,
    )
    assert len(places) == models
    assert all(0 <= left < right <= 390 for left, right in places)


def test_on_a_phone_the_contents_open_and_close(browser: Browser, folder: Path) -> None:
    page = visit(browser, folder / "report.html", width=390)
    page.get_by_role("button", name="Contents").click()
    for name in ("Leaderboard", "Reader", "Inside the models", "Definitions"):
        expect(page.locator("nav").get_by_text(name, exact=True)).to_be_in_viewport()
    page.locator("nav").get_by_text("Definitions", exact=True).click()
    expect(page.locator("#definitions")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Contents")).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("key", ["not-comparable", "scene-heads"])
def test_on_a_phone_a_link_leads_to_its_place(browser: Browser, folder: Path, key: str) -> None:
    page = visit(browser, folder / "report.html", width=390)
    page.goto("about:blank")
    page.goto(f"{(folder / 'report.html').as_uri()}#{key}")
    expect(page.locator(f"#{key}")).to_be_in_viewport()


def test_on_a_phone_a_finger_finds_its_targets(browser: Browser, folder: Path) -> None:
    page = visit(browser, folder / "report.html", width=390)
    open_all(page)
    small = page.evaluate(
        "Array.from(document.querySelectorAll('button, select, summary, nav a, .ask a'))"
        ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.5)"
        ".map(e => e.outerHTML.slice(0, 120) + ' ' + e.getBoundingClientRect().height)"
    )
    assert small == []


@pytest.mark.parametrize("scripts", [True, False])
def test_on_paper_is_what_is_open_and_the_core_in_any_case(browser: Browser, folder: Path, scripts: bool) -> None:
    page = visit(browser, folder / "report.html", scripts=scripts)
    page.emulate_media(media="print")
    for core in (".sure p", "#leaderboard details table", "#reproduce details table", ".scene details table"):
        expect(page.locator(core).first).to_be_visible()
    expect(page.locator("#reproduce details > pre")).to_be_hidden()  # the experiment file
    expect(page.locator(".inside .kind-equation .formula").first).to_be_visible()
    expect(page.locator("#term-bits_per_byte dd")).to_be_visible()  # a word of this report
    expect(page.locator("#term-bits_per_byte .worked")).to_be_hidden()
    expect(page.locator("#live")).to_be_hidden()
    figure = page.locator("#inside-transformer h4").first
    expect(figure).to_be_hidden()
    fold = page.locator("#inside-transformer > details > summary")
    expect(fold).to_be_hidden()  # what is folded takes no place
    expect(page.locator(".sure > summary")).to_be_visible()
    if scripts:
        page.emulate_media(media="screen")
        page.get_by_role("button", name="Open all").click()
        page.emulate_media(media="print")
        expect(figure).to_be_visible()


def test_paper_is_saved_unless_all_is_opened(browser: Browser, folder: Path) -> None:
    def pages() -> int:
        return len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))

    page = visit(browser, folder / "report.html")
    closed = pages()
    page.get_by_role("button", name="Open all").click()
    assert 5 < closed < 20
    assert pages() > closed + 5
    page.get_by_role("button", name="Close all").click()
    assert closed - 1 <= pages() <= closed  # the table of checks, which is open at first as one failed, is closed too


def test_on_paper_nothing_is_cut_off(browser: Browser, folder: Path) -> None:
    page = visit(browser, folder / "report.html", width=703)  # A4 less its margins
    page.emulate_media(media="print")
    open_all(page)
    wide = page.evaluate(
        "Array.from(document.querySelectorAll('main :is(table, svg, pre, img)'))"
        ".filter(e => e.getBoundingClientRect().right > 704).map(e => e.outerHTML.slice(0, 200))"
    )
    assert wide == []
