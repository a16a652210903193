"""The story: which sentence runs through it, and its figures against the stored tables."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from lmcompare.analysis import load_run
from lmcompare.report.build import write_reports
from lmcompare.report.data import Model, ReportData
from lmcompare.report.sections import story
from tests.report.browser import complaints, visit
from tests.report.tree import parse
from tests.run_folder import write_run_folder


def test_on_the_running_sentence_the_models_come_in_the_order_of_the_whole_text() -> None:
    def guesses(*bits: float) -> dict[tuple[int, int], dict[str, float]]:
        return {(0, place): {"bits": value} for place, value in enumerate(bits)}

    found = [guesses(9, 9, 9, 9), guesses(1, 6, 4, 5), guesses(0.5, 5, 5, 2)]
    assert story.running_sentence(found, [3, 2, 1]) == (0, 0)  # 8.5 bits; 3 has the order too, 7
    assert story.running_sentence(found, [3, 1, 2]) == (0, 2)
    assert story.running_sentence(found, [1, 2, 3]) == (0, 2)  # one pair of three, the others none
    assert story.running_sentence([guesses(9, 9), guesses(9)], [2, 1]) == (0, 0)
    assert story.running_sentence([guesses(9), {}], [2, 1]) is None
    assert story.running_sentence([], []) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("story")
    return write_run_folder(place, models=("transformer", "ngram", "unigram"), failed=(), invalid=(), seeds=(0,))


@pytest.fixture(scope="module")
def data(folder: Path) -> ReportData:
    return ReportData(load_run(folder))


def bits_of_sentences(model: Model) -> list[float]:
    """The bits of each test sentence, from the stored table, closed by its last token."""
    scores = pd.read_parquet(model.cell.path / "scores.parquet")
    test = scores[scores["split"] == "test"]
    number = (test["token"] == "</s>").cumsum().shift(fill_value=0)
    return [float(v) for v in (-test["log_prob"].astype(float) / np.log(2)).groupby(number).sum()]


def test_scenes_follow_the_generations_whatever_their_order_in_the_run(data: ReportData) -> None:
    section = story.build(data)
    assert section is not None
    shown = parse(str(section.html))
    assert [head.text for head in shown.all("h3")] == [
        f"{number}. {title}"
        for number, title in enumerate(
            ["You guess", "Count words", "Count phrases", "Attention alone", "Hide what comes later",
             "What it buys, and what it costs"], 1
        )
    ]  # fmt: skip


def test_the_figures_are_those_of_the_stored_scores(data: ReportData) -> None:
    models = [data.by_name[name] for name in ("unigram", "ngram", "transformer")]
    truth = [np.array(bits_of_sentences(model)) for model in models]
    for found, expected in zip(story.sentence_bits(data, models), truth, strict=True):
        assert found == pytest.approx(expected, abs=1e-3)
    section = story.build(data)
    assert section is not None
    text = parse(str(section.html)).text
    for earlier, later in pairwise(truth):
        assert f"{100 * (later < earlier).mean():.0f} % of the sentences" in text
    whole = [next(row.bits_per_byte for row in data.rows if row.name == model.name) or 0 for model in models]
    order = sorted(range(3), key=whole.__getitem__)
    same = [np.argsort(bits).tolist() == order for bits in np.stack(truth, axis=1)]
    assert f"{100 * np.mean(same):.0f} % of the {len(same)} test sentences" in text


def test_there_is_no_story_of_one_model_or_of_none_that_it_knows(tmp_path: Path) -> None:
    run = load_run(write_run_folder(tmp_path / "run", models=("ngram", "char-transformer"), seeds=(0,)))
    assert story.build(ReportData(run)) is None


def test_keys_lead_from_scene_to_scene_for_the_wall(folder: Path, browser: Browser) -> None:
    write_reports(folder)
    page = visit(browser, folder / "report.html", width=1600)
    page.goto(f"{(folder / 'report.html').as_uri()}?present")
    heads = page.locator(".scene h3")
    expect(heads.nth(0)).to_be_visible()
    expect(page.locator("#leaderboard")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(heads.nth(0)).to_be_hidden()
    expect(heads.nth(1)).to_be_focused()
    assert page.locator(".scene.now p").last.evaluate("p => parseFloat(getComputedStyle(p).fontSize)") >= 28
    page.keyboard.press("End")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(heads.last).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#leaderboard")).to_be_visible()
    assert "present" not in page.url
    assert complaints(page) == []
