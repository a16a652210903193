"""What the page does with its scripts, in Firefox; in detail it is tested in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lmcompare
from lmcompare.api import Comparison
from lmcompare.report.write import write_reports
from tests.full.browsers.firefox import Firefox, firefox

pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture
def page(opened: Firefox, folder: Path) -> Iterator[Firefox]:
    """The report, newly opened; in the end it has asked for nothing and the console is empty."""
    address = (folder / "report.html").as_uri()
    opened.visit("about:blank")
    opened.visit(address)
    opened.addresses.clear()
    yield opened
    assert [seen for seen in opened.addresses if not seen.startswith(("data:", "blob:", address))] == []
    assert opened.complaints == []


def texts(page: Firefox, selector: str) -> list[str]:
    found: list[str] = page.value(f"[...document.querySelectorAll({selector!r})].map(e => e.innerText.trim())")
    return found


def test_a_table_is_sorted(page: Firefox) -> None:
    def names() -> list[str]:
        table = "document.querySelector('#leaderboard .board')"
        found: list[str] = page.value(f"[...{table}.querySelectorAll('tbody th .chip')].map(e => e.innerText)")
        return found

    ranked = names()
    page.click("#leaderboard .board thead th:nth-child(2) button")
    assert names() == sorted(ranked) != ranked


def test_a_chart_answers_to_the_mouse_and_the_keyboard(page: Firefox) -> None:
    page.click("#cost .chart .mark.m1")
    assert page.value("document.querySelector('[data-pick=\"1\"]').getAttribute('aria-pressed')") == "true"
    page.value("document.querySelector('#learning .chart').focus()")
    page.press("End")
    first = page.value("document.querySelector('.out[role=status]').innerText")
    page.press("ArrowLeft")
    assert page.value("document.querySelector('.out[role=status]').innerText") not in ("", first)


def test_a_word_opens_its_card_and_is_in_the_address(page: Firefox) -> None:
    page.click(".reader .tok[data-i='5']")
    card = page.value("document.querySelector('.reader .card').innerText")
    assert texts(page, ".reader .tok")[5] in card
    address = page.value("location.href")
    page.visit("about:blank")
    page.visit(address)
    page.until("document.querySelector('.reader .tok.now')?.dataset.i === '5'")
    assert page.value("document.querySelector('.reader .card').innerText") == card


def test_the_scenes_of_the_story_are_led_by_keys(page: Firefox, folder: Path) -> None:
    page.visit(f"{(folder / 'report.html').as_uri()}?present")
    heads = texts(page, ".scene.now h3")
    page.press("ArrowRight")  # the answer
    page.press("ArrowRight")
    assert texts(page, ".scene.now h3") != heads
    page.press("Escape")
    page.until("document.querySelector('#leaderboard').offsetHeight > 0")


def test_a_head_is_computed_for_the_word_that_is_chosen(page: Firefox) -> None:
    page.click("#inside-transformer > details > summary")
    box = "#inside-transformer .att"
    page.click(f"{box} .att-heads button:nth-child(2)")
    page.click(f"{box} .att-words [role=radio]:not([aria-checked=true])")
    table = f"document.querySelector('{box} .att-scores')"
    shares = page.value(
        f"[...{table}.querySelectorAll('td.part:not(.unseen)')].map(cell => parseFloat(cell.innerText) || 0)"
    )
    assert sum(shares) == pytest.approx(1, abs=0.01)


def test_another_baseline_changes_the_matrix(page: Firefox) -> None:
    cells = ".gains-table tbody td"
    before = texts(page, cells)
    page.value(
        """(() => {
            const choice = document.querySelector("#wins select");
            choice.selectedIndex = (choice.selectedIndex + 1) % choice.options.length;
            choice.dispatchEvent(new Event("change", { bubbles: true }));
        })()"""
    )
    assert texts(page, cells) != before


def test_dark_and_a_definition_in_place(page: Firefox) -> None:
    page.click("#leaderboard a.what")
    page.until("document.querySelector('.definition').offsetHeight > 0")
    page.press("Escape")
    page.until("!document.querySelector('.definition')?.offsetHeight")
    light = page.value("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    page.until(f"getComputedStyle(document.body).backgroundColor !== {light!r}")
    page.click("#theme")


def test_nothing_sticks_out_sideways_on_a_phone(page: Firefox) -> None:
    page.narrow(390)
    assert page.value("document.documentElement.scrollWidth") <= 390
    page.narrow(1280)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    documents = [f"The cat saw {n} dogs.\nA {n} bird sang to the cat." for n in ("two", "three", "some", "big")] * 5
    models: list[Any] = ["ngram", {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 20, "batch": 4, "length": 16}]
    found = lmcompare.compare(documents, models=models, out=tmp_path_factory.mktemp("live") / "run", quiet=True)
    write_reports(found.folder, {"live_text": True})
    return found


def test_typed_text_is_scored_as_python_scores_it(opened: Firefox, compared: Comparison) -> None:
    opened.visit((compared.folder / "report.html").as_uri())
    opened.value("document.querySelector('#live').scrollIntoView()")
    opened.until("document.querySelector('.live[data-shown]')")
    opened.value("document.querySelector('.live textarea').select()")
    opened.press(*"the big cat")
    opened.until("document.querySelector('.live').dataset.shown === 'the big cat'")
    wanted = dict(compared.model("ngram").next_tokens("the big cat", None))
    guesses = texts(opened, ".scroll + .live-model .next-words li")
    assert len(guesses) == 10
    for guess in guesses:
        word, share = guess.split()[:2]
        assert float(share) == pytest.approx(100 * wanted["</s>" if word == "¶" else word], abs=0.51)
    assert opened.complaints == []
