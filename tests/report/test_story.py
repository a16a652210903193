"""The story: which sentence runs through it, and its figures against the stored tables."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from lmcompare.analysis import load_run
from lmcompare.lab.contract import Figures, Findings, Row
from lmcompare.lab.findings import write_findings
from lmcompare.lab.folder import path_of
from lmcompare.report.build import write_reports
from lmcompare.report.charts.strips import HIGH
from lmcompare.report.data import Model, ReportData
from lmcompare.report.sections import story
from lmcompare.report.sections.story_scene import Scene
from lmcompare.report.tokens import visible
from tests.lab.laboratory import ABOUT
from tests.report.browser import complaints, open_all, visit
from tests.report.scenes import scene
from tests.report.tree import parse
from tests.run_folder import reseal, write_run_folder


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
             "What is gained, and what it costs"], 1
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


def test_another_order_and_fading_are_as_the_tables_say(tmp_path: Path) -> None:
    names = ("unigram", "word2vec-bow", "rnn-attention")
    data = ReportData(load_run(write_run_folder(tmp_path, models=names, failed=(), invalid=(), seeds=(0,))))
    section = story.build(data)
    assert section is not None
    shown = parse(str(section.html))
    tables = [data.by_name[name].cell.examples["influences"] for name in names]
    words = shown.one("p", "running").text.removesuffix(" _____")
    found = [next(t for t in table if " ".join(t["tokens"][:-1]) == words) for table in tables]
    after = shown.one("div", "after")
    assert after.one("p", "running").text == " ".join([*found[0]["shuffled"]["tokens"][:-1], "_____"])
    assert [(row[2], row[4]) for row in after.rows()] == [
        (f"{one['bits']:.1f}", f"{one['shuffled']['bits']:.1f}") for one in found
    ]
    for row, one in zip(after.rows(), found, strict=True):
        assert visible(one["next"][0]["token"]) in row[1]
        assert visible(one["shuffled"]["next"][0]["token"]) in row[3]
    said = after.one("p", "needs").text
    for one, name in zip(found, names, strict=True):
        change = one["shuffled"]["bits"] - one["bits"]
        told = f"{data.spoken(name)} ({f'{change:+.1f}'.replace('-', '−')})"
        assert (told in said) == (abs(change) >= story.SAME)
    last = np.mean([t["replaced"][-1] for t in tables[2]])
    assert f"another last word changes the guess by {last:.1f} bits" in shown.text


def test_a_state_without_attention_is_drawn_on_one_scale(tmp_path: Path) -> None:
    path = write_run_folder(tmp_path, models=("unigram", "rnn-attention"), failed=(), invalid=(), seeds=(0,))
    data = ReportData(load_run(path))
    for one in data.by_name["rnn-attention"].cell.examples["influences"]:
        one.pop("attention", None)
        one["states"] = [[place / 8, -1.0] for place in range(len(one["tokens"]) - 1)]
    section = story.build(data)
    assert section is not None
    shown = parse(str(section.html))
    words = shown.one("p", "running").text.removesuffix(" _____").split()
    table = shown.one("table", "state")
    assert [row[0] for row in table.rows()] == words
    drawn = table.all("svg")
    assert [one.attributes["aria-label"] for one in drawn] == [
        f"numbers from −1.00 to {place / 8:.2f}" for place in range(len(words))
    ]
    full = max(1.0, (len(words) - 1) / 8)  # the largest number of all has the full height
    for place, one in enumerate(drawn):
        up, down = (path.attributes.get("d") or "" for path in one.all("path"))
        assert f"v{round(HIGH / full, 1):g}h" in down
        assert not place or f"v{round(HIGH * place / 8 / full, 1):g}h" in up


def test_attention_is_shown_in_numbers_that_add_up(tmp_path: Path) -> None:
    names = ("unigram", "rnn-attention", "transformer")
    data = ReportData(load_run(write_run_folder(tmp_path, models=names, failed=(), invalid=(), seeds=(0,))))
    section = story.build(data)
    assert section is not None
    shown = parse(str(section.html))
    words = shown.one("p", "running").text.removesuffix(" _____").split()
    scenes = [one for one in shown.all("article") if one.all("table", "att-scores")]
    assert len(scenes) == 2
    for shown_one, name in zip(scenes, names[1:], strict=True):
        tables = data.by_name[name].cell.examples["influences"]
        (stored,) = (t["attention"] for t in tables if t["tokens"][:-1] == words)
        looked = [span for span in shown_one.one("p", "looked").all("span") if "asks" not in span.attributes.values()]
        assert [span.one("bdi").text for span in looked] == stored["words"]
        *rows, total = shown_one.one("table", "att-scores").rows()
        assert sum(float(row[-3]) for row in rows) == pytest.approx(1, abs=2e-3)
        mixed = float(np.dot(stored["weights"], stored["values"]))
        assert float(total[-1].replace("−", "-")) == pytest.approx(mixed, abs=1e-3)
        for row in rows[:-1]:  # the last line has the other words
            at = stored["words"].index(row[0])
            score, weight = stored["scores"][at], stored["weights"][at]
            assert row[1:-3][-1] == f"{score:.3f}".replace("-", "−")
            assert weight == pytest.approx(np.exp(score) / np.exp(stored["scores"]).sum(), abs=1e-4)
            assert row[-3] == f"{weight:.3f}"
        strips = [row[-1] for row in shown_one.one("table", "att-strips").rows()]
        most = int(np.argmax(stored["weights"]))
        assert strips[2].startswith(f"sum {stored['products'][most]:.2f}".replace("-", "−"))
        weight = float(strips[2].rpartition("weight ")[2].rstrip("\u00a0 %"))
        assert weight == pytest.approx(100 * stored["weights"][most], abs=0.51)
        came = next(t["tokens"][-1] for t in tables if t["tokens"][:-1] == words)
        added = {visible(one["token"]): float(one["logit"]) for one in stored["adds"]}
        assert (came in added) == (f"the odds of “{came}”" in shown_one.text)
        if came in added:
            assert f"adds {added[came]:.2f} to the logit".replace("-", "−") in shown_one.text
        most = max((one for one in stored["adds"] if one["token"] != came), key=lambda one: abs(one["logit"]))
        if came in added:
            assert f"these words most: “{visible(most['token'])}” (× " in shown_one.text
    mask = [line.all("td") for line in shown.one("table", "mask").one("tbody").all("tr")]
    assert len(mask) == len(words) + 1  # <s> looks, too
    for i, cells in enumerate(mask):
        assert ["off" in cell.attributes.get("class", "") for cell in cells] == [j > i for j in range(len(mask))]


def test_state_and_attention_of_one_model_have_a_scene_each(tmp_path: Path) -> None:
    names = ("unigram", "rnn-attention")
    data = ReportData(load_run(write_run_folder(tmp_path, models=names, failed=(), invalid=(), seeds=(0,))))
    section = story.build(data)
    assert section is not None
    title = data.title("rnn-attention")
    scenes = [one for one in parse(str(section.html)).all("article") if one.all("p", "which")]
    told = [one for one in scenes if one.one("p", "which").text == title]
    assert [one.one("h3").text for one in told] == ["3. Carry a state", "4. Look back: attention"]
    assert [bool(one.all("table", "att-scores")) for one in told] == [False, True]
    assert [bool(one.all("table", "state")) for one in told] == [True, False]


def test_each_scene_shows_the_figures_so_far(data: ReportData) -> None:
    section = story.build(data)
    assert section is not None
    rows = {row.name: row for row in data.rows}
    figures = [f"{rows[name].bits_per_byte:.3f}" for name in ("unigram", "ngram", "transformer")]
    shown = [[line[-1] for line in one.rows()] for one in parse(str(section.html)).all("table", "so-far")]
    assert shown == [figures[:1], figures[:2], figures]


def test_the_sentence_that_needs_far_words_has_a_scene_with_all_models(folder: Path) -> None:
    data = ReportData(load_run(folder))
    for model in data.models:
        for one in model.cell.examples["influences"]:
            far = model.name == "transformer"
            one["replaced"] = [float(far)] * (len(one["replaced"]) - 1) + [2.0]
            one["bits"] = 1.0 if far else 6.0
    section = story.build(data)
    assert section is not None
    (shown,) = (one for one in parse(str(section.html)).all("article") if "Where words far back matter" in one.text)
    assert [row[-1] for row in shown.rows()] == ["6.0", "6.0", "1.0"]
    assert "depends on at most 1 token before it" in shown.text


def test_the_story_ends_with_how_far_counting_leads_and_what_the_rest_costs() -> None:
    def one(title: str, bits: float, seconds: float | None) -> Scene:
        row = SimpleNamespace(bits=bits, bits_per_byte=bits, train_seconds=seconds)
        return replace(scene(bits, 0.0, 1e6), row=row, model=SimpleNamespace(title=title))  # type: ignore[arg-type]

    first, table, net = one("Unigram", 2.4, 0.01), one("5-gram", 2.1, 0.1), one("Transformer", 1.9, 90.0)
    said = story.result([first, table, net], table).replace("\u00a0", " ")
    for part in ("unigram (2.400 bits per byte)", "transformer (1.900)", "21 %", "60 %", "100 ms", "1 min 30 s"):
        assert part in said, part
    assert "Counting" not in story.result([first, net], None)
    assert "Counting" not in story.result([first, table], table)  # the table is the best
    assert "no model of the story does better" in story.result([table, first], None)


def test_means_by_distance_reach_as_far_as_half_of_the_sentences() -> None:
    assert story.by_distance([[1, 2], [3, 4, 6], [9, 8, 7, 6, 5]]) == pytest.approx([13 / 3, 11 / 3, 5])


def test_a_run_of_an_older_version_has_no_other_order(tmp_path: Path) -> None:
    models = ("unigram", "word2vec-bow")
    folder = write_run_folder(tmp_path, models=models, failed=(), invalid=(), seeds=(0,))
    for path in folder.glob("cells/*/*/examples.json"):
        table = json.loads(path.read_text(encoding="utf-8"))
        for one in table["influences"]:
            del one["shuffled"], one["near"]
        path.write_text(json.dumps(table), encoding="utf-8")
    section = story.build(ReportData(load_run(reseal(folder))))
    assert section is not None
    assert "Shuffle" not in section.html


def test_without_its_mask_a_network_claims_what_the_laboratory_found(folder: Path, tmp_path: Path) -> None:
    both = Path(shutil.copytree(folder, tmp_path / "both"))
    shutil.copytree(folder, both / "run")
    rows = (
        Row("No mask, honestly", "", 0.5, 0.4, 0.6, 0.01, 2.448),
        Row("No mask, its claim", "", -1.4, figure=0.585),
    )
    table = Figures(title="Claims", rows=rows, unit="bits per byte", floor=0.518)
    found = Findings("It claims 0.585.", {}, (table,))
    write_findings(path_of(both, "mask"), found, {"name": "mask", **ABOUT, "seeds": 1, "decides": False})
    section = story.build(ReportData(load_run(both)))
    assert section is not None
    shown = parse(str(section.html))
    (scene,) = (one for one in shown.all("article") if "Take the mask off" in one.text)
    assert [row[-1] for row in scene.rows()] == ["1.948", "0.585", "2.448"]
    floors = [float(bar.attributes["style"].strip("width:%")) for bar in scene.all("i", "floor")]
    assert floors == pytest.approx([100 * 0.518 / 2.448] * 3, abs=0.1)  # the longest bar is 100 % wide
    assert "preview: 1 training" in scene.text
    without = story.build(ReportData(load_run(folder)))
    assert without is not None
    assert "Take the mask off" not in without.html


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
    count, scenes = page.locator(".count"), heads.count()
    expect(count).to_have_text(f"1 of {scenes}")
    answer = page.locator(".guess + details table")
    expect(answer).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(count).to_have_text(f"1 of {scenes}, the answer")
    expect(answer).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(count).to_have_text(f"2 of {scenes}")
    expect(heads.nth(0)).to_be_hidden()
    expect(heads.nth(1)).to_be_focused()
    assert page.locator(".scene.now p").last.evaluate("p => parseFloat(getComputedStyle(p).fontSize)") >= 28
    while not page.locator(".scene.now .att-scores").count():
        page.keyboard.press("ArrowRight")
    number = (page.locator(".scene.now h3").text_content() or "").partition(".")[0]
    expect(count).to_have_text(f"{number} of {scenes}")  # the number of the heading
    table, guess = page.locator(".scene.now .att-scores"), page.locator(".scene.now .next")
    expect(table).to_be_hidden()
    expect(guess).to_be_visible()
    shown = []
    while (text := count.text_content() or "").startswith(f"{number} of"):
        shown.append(text.partition(", ")[2])
        pictures = page.locator(".scene.now .picture:visible")
        assert pictures.evaluate_all("all => all.map(one => one.dataset.name)") == [
            name for name in shown[-1:] if name
        ]
        expect(guess).to_be_visible(visible=not shown[-1])
        expect(table).to_be_visible(visible=shown[-1] == "in numbers")
        page.keyboard.press("ArrowRight")
    assert shown[:3] == ["", "in small", "where it looks"]
    assert shown[-2:] == ["in numbers", "on the whole text"]
    page.keyboard.press("End")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(count).to_have_text("the result")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".scene:visible, nav:visible, .ask:visible")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(heads.last).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#leaderboard")).to_be_visible()
    expect(count).to_be_hidden()
    assert "present" not in page.url
    assert complaints(page) == []


def test_buttons_and_fingers_lead_too_and_the_exit_leads_back_to_the_scene(folder: Path, browser: Browser) -> None:
    write_reports(folder)
    page = visit(browser, folder / "report.html", width=390)
    page.goto(f"{(folder / 'report.html').as_uri()}?present")
    count, turn = page.locator(".count"), page.locator(".turn")
    expect(turn.get_by_role("button", name="Back")).to_be_disabled()
    turn.get_by_role("button", name="Next").click()
    expect(count).to_contain_text("the answer")
    turn.get_by_role("button", name="Next").click()
    expect(count).to_contain_text("2 of")
    page.evaluate(
        """() => {
            const finger = (x) => new Touch({ identifier: 1, target: document.body, clientX: x, clientY: 300 });
            const send = (type, touches, changedTouches) =>
                document.body.dispatchEvent(new TouchEvent(type, { bubbles: true, touches, changedTouches }));
            send("touchstart", [finger(300)], [finger(300)]);
            send("touchend", [], [finger(100)]);
        }"""
    )
    expect(count).to_contain_text("3 of")
    page.keyboard.press("End")
    expect(turn.get_by_role("button", name="Next")).to_be_disabled()
    turn.get_by_role("button", name="Back").click()
    last = page.locator(".scene.now h3").inner_text()
    turn.get_by_role("button", name="Exit").click()
    expect(turn).to_be_hidden()
    head = page.locator(".scene h3", has_text=last)
    expect(head).to_be_focused()
    expect(head).to_be_in_viewport()
    assert complaints(page) == []


def test_the_reader_guesses_before_the_models_show_theirs(folder: Path, browser: Browser) -> None:
    page = visit(browser, write_reports(folder)[0])
    form, fold = page.locator(".guess"), page.locator(".guess + details")
    expect(fold.locator("table")).to_be_hidden()
    form.locator("input").fill("no such word")
    form.locator("input").press("Enter")
    expect(form).to_contain_text("Not “no such word”")
    expect(fold.locator("tbody tr")).to_have_count(3)
    right = fold.locator("td", has_text="✓").count()
    expect(fold).to_contain_text(f"{right} of 3 models guessed it")
    form.locator("input").fill((fold.locator("b").first.text_content() or "").upper())
    form.locator("input").press("Enter")
    expect(form).to_contain_text("Right")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".scene h3").nth(1)).to_be_focused()
    assert complaints(page) == []


def test_the_button_shows_another_order(tmp_path: Path, browser: Browser) -> None:
    models = ("unigram", "word2vec-bow", "rnn-attention")
    folder = write_run_folder(tmp_path, models=models, failed=(), invalid=(), seeds=(0,))
    page = visit(browser, write_reports(folder)[0], width=390)
    open_all(page)
    button, after = page.locator(".shuffle button"), page.locator(".shuffle .after")
    expect(after).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(after).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(after).to_be_hidden()
    assert complaints(page) == []
