"""The pages as axe-core judges them: contrast, names, roles, headings, what the keyboard and a finger reach."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from lmcompare.lab.page import write_page
from lmcompare.report.write import write_reports
from tests.lab.laboratory import write_lab
from tests.report.browser import open_all, visit

OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}

on_both_screens = pytest.mark.parametrize("width", [1280, 390])


def findings(page: Page, within: str | None = None, **options: Any) -> list[str]:
    """Return what axe objects to and what it is unsure of, of any impact."""
    found = Axe().run(page, within, {**OPTIONS, **options}).response
    # it can't tell what is behind text in drawings and on gradients: test_palette has those colours
    unsure = [rule for rule in found["incomplete"] if rule["id"] != "color-contrast"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in (*found["violations"], *unsure)
        for node in rule["nodes"]
        # a token is a target within a sentence, which may be small
        if rule["id"] != "target-size" or not node["html"].startswith('<span class="tok')
    ]


def see_that_all_is_well(page: Page, within: str | None = None) -> None:
    """Look for all findings in light colours, and for those of contrast in dark ones: the rest is the same.

    Colours do not depend on the width: the dark ones are looked at on the wide screen alone.
    """
    assert findings(page, within) == []
    if page.evaluate("innerWidth") < 600:
        return
    page.emulate_media(color_scheme="dark")
    assert findings(page, within, runOnly=["color-contrast"]) == []
    page.emulate_media(color_scheme="light")


@on_both_screens
def test_the_report(browser: Browser, folder: Path, width: int) -> None:
    page = visit(browser, folder / "report.html", width=width)
    open_all(page)
    see_that_all_is_well(page)
    page.locator(".reader .tok").first.hover()
    likely = page.locator(".card.open li")
    expect(likely).not_to_have_count(0)
    # as a model shows what it is sure of
    likely.evaluate_all("tokens => tokens.forEach(token => token.style.setProperty('--w', 1))")
    see_that_all_is_well(page, ".card.open")


@on_both_screens
def test_a_page_of_several_texts(browser: Browser, apart: Path, width: int) -> None:
    page = visit(browser, apart / "report.html", width=width)
    open_all(page)
    see_that_all_is_well(page)


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ("<p style='color: #aaa; background: #fff'>pale words</p>", "color-contrast (serious)"),
        ("<h5>too deep</h5>", "heading-order (moderate)"),
        ("<p aria-label='a name'>no role</p>", "aria-prohibited-attr (serious)"),
        ("<button>a</button><button style='all: unset'>i</button><button>b</button>", "target-size (serious)"),
    ],
)
def test_what_is_wrong_is_found(browser: Browser, planted: str, rule: str) -> None:
    page = browser.new_context().new_page()
    page.set_content(f"<html lang=en><title>t</title><main><h1>A page</h1>{planted}</main></html>")
    assert {finding.split(":")[0] for finding in findings(page)} == {rule}


@pytest.fixture(scope="module")
def laboratory(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The page of a laboratory, and the report beside it."""
    both = Path(shutil.copytree(folder, tmp_path_factory.mktemp("laboratory") / "both"))
    return write_page(write_lab(both, folder), {}), write_reports(both)[0]


@on_both_screens
def test_the_laboratory(browser: Browser, laboratory: tuple[Path, Path], width: int) -> None:
    page_of_lab, report = laboratory
    page = visit(browser, page_of_lab, width=width)
    open_all(page)
    see_that_all_is_well(page)
    page = visit(browser, report, width=width)
    open_all(page)
    see_that_all_is_well(page, "#ideas")
