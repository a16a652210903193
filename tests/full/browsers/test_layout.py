"""How pages are laid out: nothing sticks out of them, on a phone neither, and they can be read without scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.report.browser import REQUIRED, complaints, executable, open_all, visit

WIDTH = "document.documentElement.scrollWidth"


def test_without_a_browser_tests_are_skipped_or_fail_where_one_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium on the PATH"):
        executable()
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium on the PATH"):
        executable()


@pytest.mark.parametrize("widths", [(1280, 768), (390, 320)])  # the narrow ones as a phone
def test_nothing_sticks_out_sideways(browser: Browser, folder: Path, widths: tuple[int, int]) -> None:
    page = visit(browser, folder / "report.html", width=widths[0])
    assert page.evaluate(WIDTH) == widths[0]
    open_all(page)
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(WIDTH) == width
        out = page.evaluate(
            "width => Array.from(document.querySelectorAll('main *'))"
            ".filter(e => !e.closest('.scroll, pre, .out, .skip-passage'))"
            ".filter(e => e.getBoundingClientRect().right > width + 1)"
            ".map(e => e.outerHTML.slice(0, 100))",
            width,
        )
        assert out == []
        for mark in page.locator("#meaning .chart .mark").all()[:3]:  # nor do the words of a mark at the edge
            mark.hover()
            box = page.locator(".tip").bounding_box()
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= page.evaluate(WIDTH) == width
    for place in ("h3", "h4", "figcaption", "p.reading", "p.fine", "p.verdict"):  # a word without an end
        page.locator(place).first.evaluate("(e, word) => e.prepend(word)", f"{'x' * 5000} ")
    assert page.evaluate(WIDTH) == widths[1]


def test_reads_without_scripts(browser: Browser, folder: Path) -> None:
    report = visit(browser, folder / "report.html", scripts=False)
    tokens = report.locator(".reader .passage .tok")
    assert tokens.count() > 50
    expect(tokens.nth(1)).to_have_attribute("title", re.compile("bits$"))
    assert report.locator(".js").count() > 0
    assert report.locator(".js:visible").count() == 0


def test_a_page_of_several_texts_is_quiet_and_narrow_and_can_be_sorted(browser: Browser, apart: Path) -> None:
    page = visit(browser, apart / "report.html")
    board = page.locator("#table-1 .board").first
    names = board.locator("tbody tr th .chip")
    ranked = names.all_inner_texts()
    board.locator("thead th").nth(1).get_by_role("button").click()
    assert names.all_inner_texts() == sorted(ranked) != ranked
    assert [request.url for request in page.requests()] == [(apart / "report.html").as_uri()]
    assert complaints(page) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate(WIDTH) == 390
