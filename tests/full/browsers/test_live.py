"""What is typed into the page, in the second tier: more texts, more tokens, and a browser that is slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lmcompare.errors import LmcompareError
from tests.models.neural_cases import CASES, trained
from tests.report.test_live import (  # noqa: F401
    FAMILIES,
    MARKS,
    PLAIN,
    compared,
    given_away,
    see_smaller_tokens,
    see_that_it_is_cut_alike,
    see_their_log_probabilities,
)
from tests.report.typed import strings
from tests.training.texts import chain

pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.mark.parametrize("train", [MARKS, PLAIN], ids=["marks", "plain"])
@pytest.mark.parametrize("kind", ["word", "whitespace", "char", "byte"])
def test_a_text_is_cut_into_the_ids_of_python(engine: Page, kind: str, train: list[str]) -> None:
    see_that_it_is_cut_alike(engine, kind, train, strings())


@pytest.mark.parametrize("kind", ["char", "byte"])
def test_tokens_smaller_than_words_are_scored_traced_and_typed(browser: Browser, kind: str, tmp_path: Path) -> None:
    see_smaller_tokens(browser, tmp_path, {"kind": kind})


WITHOUT = {"wordnet-bag", "encoder-decoder", "overlapping-chunks"}  # networks that the page can't compute


@pytest.mark.parametrize(
    "case", sorted(CASES.keys() - WITHOUT - {case for cases in FAMILIES.values() for case in cases})
)
def test_networks_give_the_log_probabilities_of_their_copies(
    engine: Page, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_their_log_probabilities(engine, [case], monkeypatch)


@pytest.mark.parametrize("case", sorted(WITHOUT))
def test_a_network_that_the_page_can_not_compute_says_so(case: str) -> None:
    with pytest.raises(LmcompareError, match="the page "):
        trained(case).in_page(chain(1, 2, 50))


def test_what_is_typed_before_the_models_are_ready_is_scored_when_they_are(
    browser: Browser,
    given_away: Path,  # noqa: F811
) -> None:
    page = browser.new_page()
    page.add_init_script("""
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (asked) {
            setTimeout(() => post.call(this, asked), asked.type === "open" ? 1500 : 0);
        };
    """)
    page.goto(given_away.as_uri())
    page.locator("#live").scroll_into_view_if_needed()
    page.locator(".live textarea").first.fill("the dog")
    page.wait_for_timeout(500)
    expect(page.locator(".live-state")).to_contain_text("prepared")
    expect(page.locator(".live")).to_have_attribute("data-shown", "the dog", timeout=20_000)
    expect(page.locator(".live-state")).to_have_text("")
    page.close()
