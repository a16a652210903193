"""The page in a real browser: quiet, offline, usable by mouse and keyboard, in the dark and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.report import picture
from tests.report.browser import CHROMIUM, Browser
from tests.report.test_hostile import poisoned  # noqa: F401 - a fixture
from tests.report.test_overview import apart, runs  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def at(browser: Browser, folder: Path) -> Browser:
    """The page freshly opened, wide and light."""
    browser.errors.clear()
    browser.requests.clear()
    browser.resize(1280, 900)
    browser.prefer("light")
    browser.open((folder / "report.html").as_uri())
    browser.evaluate("localStorage.clear()")
    return browser


def test_no_request_leaves_the_page_and_nothing_complains(at: Browser) -> None:
    at.evaluate("new Promise(done => setTimeout(done, 200))")
    assert [r for r in at.requests if not r.startswith(("file:///", "data:"))] == []
    assert len([r for r in at.requests if r.startswith("file:")]) == 1
    assert at.errors == []


def test_sorting(at: Browser) -> None:
    names = (
        "Array.from(document.querySelectorAll('#leaderboard .board tbody tr'), r => r.cells[1].dataset.v).slice(0, 6)"
    )
    head = "document.querySelector('#leaderboard .board thead th:nth-child(3)')"
    ranked = at.evaluate(names)
    at.point("#leaderboard .board thead th:nth-child(2) button", click=True)
    assert at.evaluate(names) == sorted(ranked)
    at.point("#leaderboard .board thead th:nth-child(3) button", click=True)
    assert at.evaluate(names) == ranked
    assert at.evaluate(f"{head}.getAttribute('aria-sort')") == "ascending"
    at.point("#leaderboard .board thead th:nth-child(3) button", click=True)
    assert at.evaluate(names) == ranked[::-1]
    # perplexity: the model of other tokens has none and stays last, both ways
    for _ in range(2):
        at.point("#leaderboard .board thead th:nth-child(5) button", click=True)
        assert at.evaluate(names)[-1] == "char-transformer"


def test_picking_out_a_model_fades_the_others(at: Browser) -> None:
    opacity = "getComputedStyle(document.querySelector('#leaderboard tr[data-model=\"{}\"]')).opacity"
    at.point("[data-pick='1']", click=True)
    assert at.evaluate(opacity.format(1)) == "1"
    assert float(at.evaluate(opacity.format(4))) < 0.5
    at.point("[data-pick='1']", click=True)
    assert at.evaluate(opacity.format(4)) == "1"


def test_pointing_at_a_token_opens_its_card(at: Browser) -> None:
    at.point(".reader .tok[data-i='2']")
    card = at.evaluate("document.querySelector('.card').innerText")
    word = at.evaluate("document.querySelector(\".reader .tok[data-i='2']\").textContent")
    assert word in card
    for name in ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer"):
        assert name in card
    assert at.evaluate("document.querySelectorAll('.card .card-model').length") == 6
    assert at.evaluate("document.querySelectorAll('.card li').length") == 30


def test_an_unknown_word_says_so(at: Browser) -> None:
    at.point(".reader .tok.unknown")
    assert "Not in the vocabulary" in at.evaluate("document.querySelector('.card').innerText")
    hits = at.evaluate("Array.from(document.querySelectorAll('.card li.hit'), e => e.textContent)")
    assert all(hit.startswith("<unk>") for hit in hits)
    at.point(".reader .tok:not(.unknown)")
    assert "Not in the vocabulary" not in at.evaluate("document.querySelector('.card').innerText")


def test_stepping_through_tokens_by_keyboard(at: Browser) -> None:
    focus = "document.activeElement.dataset.i"
    card = "document.querySelector('.card h4').textContent"
    token = "'“' + document.activeElement.textContent + '”'"
    at.evaluate("document.querySelector('.skip-passage').focus()")
    at.press("Tab")
    assert at.evaluate(focus) == "0"
    assert at.evaluate(card) == at.evaluate(token)
    at.press("Tab")
    assert at.evaluate(focus) == "1"
    assert at.evaluate(card) == at.evaluate(token)
    at.press("ArrowRight")
    at.press("ArrowRight")
    at.press("ArrowLeft")
    assert at.evaluate(focus) == "2"
    at.press("Escape")
    assert at.evaluate("document.querySelector('.card h4')") is None


def test_choosing_models_colours_by_surprisal_or_difference(at: Browser) -> None:
    label = "document.querySelector(\".reader .tok[data-i='0']\").getAttribute('aria-label')"
    choose = "(() => {{ const s = document.querySelector('.reader select[name={}]'); s.value = '{}';" + (
        "s.dispatchEvent(new Event('change', {{bubbles: true}})); }})()"
    )
    at.evaluate(choose.format("model", 0))
    floor = float(at.evaluate(label).split(", ")[1].split()[0])
    at.evaluate(choose.format("model", 4))
    best = float(at.evaluate(label).split(", ")[1].split()[0])
    at.evaluate(choose.format("minus", 0))
    difference = at.evaluate(label)
    assert difference.endswith("bits of difference")
    assert float(difference.split(", ")[1].split()[0].replace("−", "-")) == pytest.approx(best - floor, abs=0.11)
    assert at.evaluate("document.querySelectorAll('.reader .tok.cool').length") > 0
    assert at.evaluate("document.querySelector('.diff-scale').hidden") is False
    first = at.evaluate("document.querySelector('.passage').textContent")
    at.evaluate(choose.format("passage", 1))
    assert at.evaluate("document.querySelector('.passage').textContent") != first


def test_choosing_a_head(at: Browser) -> None:
    cells = (
        "Array.from(document.querySelectorAll('#inside-transformer .heat-table tbody td'), c => c.textContent).join()"
    )
    before = at.evaluate(cells)
    at.point("#inside-transformer .heat-panel:nth-child(3)", click=True)
    assert at.evaluate(cells) != before
    assert at.evaluate("document.querySelector('#inside-transformer .heat-name').textContent") == "head 3"
    at.point("#inside-transformer .heat-panel:nth-child(1)", click=True)
    assert at.evaluate(cells) == before


def test_dark_follows_the_system_and_the_button(at: Browser) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = at.evaluate(paper)
    at.prefer("dark")
    dark = at.evaluate(paper)
    assert dark != light
    at.point("#theme", click=True)
    assert at.evaluate(paper) == light
    at.prefer("light")
    at.point("#theme", click=True)
    assert at.evaluate(paper) == dark


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_nothing_sticks_out_sideways(at: Browser, width: int) -> None:
    at.resize(width, 800)
    assert at.evaluate("document.documentElement.scrollWidth") <= width
    at.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert at.evaluate("document.documentElement.scrollWidth") <= width
    out = at.evaluate(
        "Array.from(document.querySelectorAll('main *')).filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('.scroll, pre, .out, .skip-passage')).map(e => e.outerHTML.slice(0, 100))"
    )
    assert out == []


def test_reads_without_scripts(at: Browser, folder: Path, tmp_path: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    (tmp_path / "bare.html").write_text(page.replace("<script>", "<script type='text/plain'>"), encoding="utf-8")
    at.open((tmp_path / "bare.html").as_uri())
    assert at.evaluate("document.querySelectorAll('.reader .passage .tok').length") > 50
    assert at.evaluate("document.querySelectorAll('.reader .passage .tok')[1].title").endswith("bits")
    assert at.evaluate("Array.from(document.querySelectorAll('.js')).every(e => e.getClientRects().length === 0)")


def test_text_that_wants_to_be_a_script_is_not_run(browser: Browser, poisoned: Path) -> None:  # noqa: F811
    browser.errors.clear()
    browser.open((poisoned / "report.html").as_uri())
    browser.point(".reader .tok[data-i='2']")
    assert "<script>window.evil=1" in browser.evaluate("document.querySelector('.card').innerText")
    assert browser.evaluate("window.evil") is None
    assert browser.errors == []
    browser.resize(390, 800)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_page_of_several_texts_is_quiet_and_narrow_and_can_be_sorted(
    browser: Browser,
    apart: Path,  # noqa: F811
) -> None:
    browser.errors.clear()
    browser.requests.clear()
    browser.resize(390, 800)
    browser.open((apart / "report.html").as_uri())
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    browser.resize(1280, 900)
    names = "Array.from(document.querySelectorAll('#table-1 .board tbody tr'), r => r.cells[1].dataset.v).slice(0, 4)"
    ranked = browser.evaluate(names)
    browser.point("#table-1 .board thead th:nth-child(2) button", click=True)
    assert browser.evaluate(names) == sorted(ranked) != ranked
    assert [r for r in browser.requests if not r.startswith(("file:///", "data:"))] == []
    assert browser.errors == []


def test_a_picture_for_a_readme(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.png"
    assert picture.main([str(folder / "report.html"), str(path), "--width", "1000", "--height", "700"]) == 0
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (1000, 700)
    assert str(path) in capsys.readouterr().out


def test_a_picture_of_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="there is no page"):
        picture.take(tmp_path / "report.html", tmp_path / "x.png")


def test_no_browser_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert picture.main([str(tmp_path / "report.html"), str(tmp_path / "x.png")]) == 2
