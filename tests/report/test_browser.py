"""The page in a real browser: quiet, offline, usable by mouse and keyboard, and in the dark.

One visit sees many things, as opening the page takes longest. What a chart, attention, the film of a training, the
choice of a model and the matrix of groups do is in their own files; how it is laid out is in tests/full/browsers.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lmcompare.report.write import write_reports
from tests.report.browser import complaints, visit
from tests.report.part import part_of
from tests.report.test_hostile import poisoned  # noqa: F401 - a fixture
from tests.run_folder import reseal

pytestmark = pytest.mark.slow

WIDTH = "document.documentElement.scrollWidth"
FADED = re.compile(r"0\.[0-4]")


def test_tables_are_sorted_and_a_model_is_picked_out(report: Page) -> None:
    board = report.locator("#leaderboard .board").first
    head = board.locator("thead th")

    def names() -> list[str]:
        return [chip.inner_text() for chip in board.locator("tbody tr th .chip").all()]

    def row(model: int) -> Locator:
        return report.locator(f"#leaderboard tr[data-model='{model}']").first

    ranked = names()
    head.nth(1).get_by_role("button").click()
    assert names() == sorted(ranked) != ranked
    head.nth(2).get_by_role("button").click()
    assert names() == ranked
    expect(head.nth(2)).to_have_attribute("aria-sort", "ascending")
    head.nth(2).get_by_role("button").click()
    assert names() == ranked[::-1]
    # perplexity: the model of other tokens has none and stays last, both ways
    for _ in range(2):
        head.nth(4).get_by_role("button").click()
        assert names()[-1] == "char-transformer"
    head.nth(7).get_by_role("button").click()  # accuracy: more is better, so the best model comes first
    expect(head.nth(7)).to_have_attribute("aria-sort", "descending")

    pick = report.locator("[data-pick='1']")
    pick.click()
    expect(row(1)).to_have_css("opacity", "1")
    expect(row(4)).to_have_css("opacity", FADED)
    pick.click()
    expect(row(4)).to_have_css("opacity", "1")

    mark, tip = report.locator("#cost .chart .mark.m1").first, report.locator(".tip")  # of the same model
    expect(tip).to_be_hidden()
    mark.hover()
    expect(tip).to_be_visible()
    assert re.fullmatch(r"ngram: .+, \d\.\d\d\d", tip.inner_text())
    mark.click()
    expect(pick).to_have_attribute("aria-pressed", "true")
    expect(row(4)).to_have_css("opacity", FADED)
    mark.click()
    expect(pick).to_have_attribute("aria-pressed", "false")
    report.mouse.move(2, 2)
    expect(tip).to_be_hidden()


def test_the_way_around_the_page_its_definitions_and_its_colours(report: Page) -> None:
    for name in ("Leaderboard", "Reader", "Definitions"):
        expect(report.locator("nav").get_by_text(name, exact=True)).to_be_in_viewport()
    report.evaluate("location.hash = 'truth'")
    expect(report.locator("nav a[aria-current]")).to_have_attribute("href", "#truth")

    link, box = report.locator("#leaderboard a.what").first, report.locator(".definition")
    link.click()
    expect(box).to_contain_text("Rank")
    report.keyboard.press("Escape")
    expect(box).to_be_hidden()
    assert "term" not in report.evaluate("location.hash")
    link.focus()
    report.keyboard.press("Enter")
    expect(box).to_be_focused()
    expect(report.get_by_role("dialog", name="Rank")).to_be_visible()
    report.keyboard.press("Tab")
    expect(box.get_by_role("link", name="All definitions")).to_be_focused()
    report.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(link).to_be_focused()

    question, answer = (
        report.locator(".ask").get_by_text("How sure is the ranking?"),
        report.locator("#all-pairs table"),
    )
    for _ in range(2):  # it opens the fold again and again
        expect(answer).to_be_hidden()
        question.click()
        expect(answer).to_be_in_viewport()
        report.evaluate("document.querySelector('#all-pairs').closest('details').open = false")
    report.locator(".ask").get_by_text("What is perplexity?").click()
    expect(box).to_contain_text("2^3 = 8")
    report.keyboard.press("Escape")

    def paper() -> object:
        return report.evaluate("getComputedStyle(document.body).backgroundColor")

    button = report.get_by_role("button", name="Switch between light and dark")
    light = paper()
    report.emulate_media(color_scheme="dark")
    dark = paper()
    assert dark != light
    button.click()
    assert paper() == light
    report.emulate_media(color_scheme="light")
    button.click()
    assert paper() == dark

    assert {request.url for request in report.requests()} == {report.url.partition("#")[0]}
    assert complaints(report) == []


def see_an_unknown_one(page: Page, pieces: bool) -> None:
    """Its card says that it is not in the vocabulary, and a model that does not know it has said so."""
    card, reader = page.locator(".card").first, page.locator(".reader").first
    choice = reader.locator("select[name=passage]")
    for passage in range(choice.locator("option").count()):
        choice.select_option(index=passage)
        if reader.locator(".tok.unknown").count():
            break
    page.locator(".reader .tok.unknown").first.hover()
    expect(card).to_contain_text("ot in the vocabulary")
    for model in card.locator(".card-model").all():
        if not pieces or model.locator(".pieces span").first.get_attribute("class") == "unknown":
            assert all(hit.startswith("<unk>") for hit in model.locator("li.hit").all_inner_texts())
    page.locator(".reader .tok:not(.unknown)").first.hover()
    expect(card).not_to_contain_text("ot in the vocabulary")


def test_the_reader_of_words(report: Page) -> None:
    reader, card = report.locator(".reader").first, report.locator(".card").first
    now = report.locator(".tok:focus")

    def stands_at(i: int) -> None:
        expect(now).to_have_attribute("data-i", str(i))
        expect(card.locator("h3")).to_have_text(now.inner_text())

    report.locator(".skip-passage").first.focus()
    report.keyboard.press("Tab")
    stands_at(0)
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        report.keyboard.press(key)
    stands_at(2)
    report.keyboard.press("Tab")  # the passage is one stop
    expect(now).to_have_count(0)
    report.keyboard.press("Shift+Tab")
    stands_at(2)
    report.keyboard.press("Escape")
    expect(report.locator(".card h3")).to_have_count(0)

    word = report.locator(".reader .tok[data-i='2']").first
    word.hover()
    expect(card.locator("h3")).to_have_text(word.inner_text())
    for name in ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer", "char-transformer"):
        expect(card).to_contain_text(name)
    expect(card.locator(".card-model")).to_have_count(7)
    expect(card.locator("li")).to_have_count(35)
    of_characters = card.locator(".card-model", has_text="char-transformer").locator(".pieces span")
    assert "".join(of_characters.all_inner_texts()) == word.inner_text()

    token = reader.locator(".tok[data-i='0']")

    def label() -> str:
        return token.get_attribute("aria-label") or ""

    def bits() -> float:
        return float(label().split(", ")[1].split()[0].replace("−", "-"))

    reader.get_by_label("Surprisal in").select_option("0")
    floor = bits()
    reader.get_by_label("Surprisal in").select_option("4")
    best = bits()
    reader.get_by_label("compared with").select_option("0")
    assert label().endswith("bits of difference")
    assert bits() == pytest.approx(best - floor, abs=0.11)
    assert reader.locator(".tok.cool").count() > 0
    reader.get_by_label("Show the bits in numbers").check()
    stored = token.get_attribute("data-bits") or ""
    assert token.evaluate("e => getComputedStyle(e, '::after').content") == f'"{stored}"'
    assert float(stored.replace("−", "-")) == pytest.approx(bits(), abs=0.01)
    expect(reader.locator(".diff-scale")).to_be_visible()
    first = reader.locator(".passage").inner_text()
    reader.get_by_role("combobox", name="Passage").select_option("1")
    expect(reader.locator(".passage")).not_to_have_text(first)
    see_an_unknown_one(report, pieces=True)


def test_the_reader_of_tokens_and_the_game(of_tokens: Page) -> None:
    token, card = of_tokens.locator(".reader .tok[data-i='2']").first, of_tokens.locator(".card").first
    token.hover()
    expect(card.locator("h3")).to_have_text(token.inner_text())
    expect(card.locator(".card-model")).to_have_count(2)
    expect(card.locator("li")).to_have_count(10)
    expect(card.locator(".pieces")).to_have_count(0)
    see_an_unknown_one(of_tokens, pieces=False)

    game = of_tokens.locator(".game")
    data = json.loads(game.locator(".game-data").text_content() or "")
    words = [data["tokens"][at] for at in data["hidden"]]
    expect(game.locator(".gap")).to_have_text("_____")
    assert words[0] not in game.locator(".passage").inner_text().split()[-1]
    for turn, word in enumerate(words):
        game.locator("input").fill(word.upper() if turn % 2 else "no such word")
        game.locator("input").press("Enter")
        expect(game.locator(".said")).to_contain_text(f"“{word}”")
        places = [line[turn].index(word) for line in data["top"] if word in line[turn][1:] and word != line[turn][0]]
        told = re.findall(r"its guess (\d+)", game.locator(".said").inner_text())
        assert told == [str(place + 1) for place in places]
    own, hits = len(words) // 2, [sum(a[0] == b for a, b in zip(line, words, strict=True)) for line in data["top"]]
    score = game.locator(".score").inner_text()
    assert f"you {own}," in score
    assert re.findall(r" (\d+)(?=[,.])", score) == [str(n) for n in (own, *hits)]
    assert game.locator(".right").count() == own
    expect(game.locator("input")).to_be_disabled()
    game.locator(".again-button").click()
    expect(game.locator(".score")).to_contain_text("After 0 of")
    expect(game.locator("input")).to_be_focused()
    assert complaints(of_tokens) == []


def test_a_card_shows_the_digits_that_are_stored_and_infinite_bits(browser: Browser, tmp_path: Path) -> None:
    folder = part_of(tmp_path, ("unigram", "ngram"))
    expected = {"3.4 %": 0.034, "0.34 %": 0.0034, "0.03 %": 0.00032, "0.01 %": 0.00012, "< 0.01 %": 0.00003}
    for path in folder.glob("cells/*/0/top.parquet"):
        top = pd.read_parquet(path)
        top["token"] = top["place"].map(dict(enumerate("ABCDE", start=1)))
        top["log_prob"] = top["place"].map(dict(enumerate(np.log([*expected.values()]), start=1)))
        top.to_parquet(path, index=False)
    scores = pd.read_parquet(path := folder / "cells" / "ngram" / "0" / "scores.parquet")
    scores.loc[scores["split"] == "test", "log_prob"] = -np.inf
    scores.to_parquet(path, index=False)
    write_reports(reseal(folder))
    reader = visit(browser, folder / "report.html").locator(".reader")
    reader.locator(".tok").nth(2).hover()
    for model in reader.locator(".card-model").all():
        assert model.locator("li small").all_inner_texts() == [*expected]
    expect(reader.locator(".card-model", has_text="ngram")).to_contain_text("∞ bits (0 %)")
    expect(reader.locator(".summary")).to_contain_text("∞")
    reader.get_by_label("Surprisal in").select_option(label="ngram")
    for other, bits in {"unigram": "∞", "ngram": "0.0"}.items():
        reader.get_by_label("compared with").select_option(label=other)
        expect(reader.locator(".tok").nth(2)).to_have_attribute("data-bits", bits)


def test_text_that_wants_to_be_a_script_is_not_run(browser: Browser, poisoned: Path) -> None:  # noqa: F811
    page = visit(browser, poisoned / "report.html")
    page.locator(".reader .tok[data-i='2']").first.hover()
    expect(page.locator(".card").first).to_contain_text("<script>window.evil=1")
    assert page.evaluate("window.evil") is None
    assert complaints(page) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate(WIDTH) == 390
