"""The pages as axe-core judges them: contrast, names, roles, headings, what the keyboard and a finger reach."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from lmcompare.lab.page import write_page
from lmcompare.report.build import write_reports
from tests.lab.laboratory import write_lab
from tests.report.browser import open_all, visit

pytestmark = pytest.mark.slow

OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}

everywhere = pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)


def findings(page: Page, within: str | None = None) -> list[str]:
    """Return what axe objects to and what it is unsure of, of any impact."""
    found = Axe().run(page, within, OPTIONS).response
    # it can't tell what is behind text in drawings and on gradients: test_palette has those colours
    unsure = [rule for rule in found["incomplete"] if rule["id"] != "color-contrast"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in (*found["violations"], *unsure)
        for node in rule["nodes"]
        # a token is a target within a sentence, which may be small
        if rule["id"] != "target-size" or not node["html"].startswith('<span class="tok')
    ]


@everywhere
def test_the_report(browser: Browser, folder: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    page = visit(browser, folder / "report.html", width=width, scheme=scheme)
    open_all(page)
    assert findings(page) == []
    page.locator(".reader .tok").first.hover()
    likely = page.locator(".card.open li")
    expect(likely).not_to_have_count(0)
    # as a model shows what it is sure of
    likely.evaluate_all("tokens => tokens.forEach(token => token.style.setProperty('--w', 1))")
    assert findings(page, ".card.open") == []


@everywhere
def test_a_page_of_several_texts(
    browser: Browser,
    apart: Path,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    page = visit(browser, apart / "report.html", width=width, scheme=scheme)
    open_all(page)
    assert findings(page) == []


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


@everywhere
def test_the_laboratory(
    browser: Browser, folder: Path, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    shutil.copytree(folder, tmp_path / "both")
    written = write_page(write_lab(tmp_path / "both", folder), {})
    page = visit(browser, written, width=width, scheme=scheme)
    open_all(page)
    assert findings(page) == []
    page = visit(browser, write_reports(tmp_path / "both")[0], width=width, scheme=scheme)  # beside it
    open_all(page)
    assert findings(page, "#ideas") == []
