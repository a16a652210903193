"""What each model saves by kind of token: the matrix against the analysis, and the title against its own cells."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lmcompare.analysis import Run
from lmcompare.analysis.slice_differences import Divided, divided
from lmcompare.analysis.slices import token_places
from lmcompare.report.data import ReportData
from lmcompare.report.passages import chosen
from lmcompare.report.sections import slice_finding
from lmcompare.report.sections import slices as section
from tests.report.browser import complaints, visit
from tests.report.tree import Node

NAMES = ("b", "x", "y")
TOKENS = ("1", "2", "3", "4", "5")
WORDS = ("0", "1", "2–3", "over 10,000")


def made(labels: tuple[str, ...], counted: str) -> Divided:
    shape = len(NAMES), len(labels)
    nothing, share = np.zeros(shape), np.full(len(labels), 1 / len(labels))
    apart, places = np.zeros((3, *shape)), np.arange(len(labels))
    return Divided("context_order", "", counted, NAMES, places, labels, places, share, nothing, nothing, apart)


def finding(labels: tuple[str, ...], x: list[int], y: list[int], counted: str = "tokens") -> str:
    better = np.zeros((3, len(labels)), bool)
    better[1, x] = better[2, y] = True
    return slice_finding.finding(made(labels, counted), better, "b", {"b": "the base", "x": "the x", "y": "the y"})


@pytest.mark.parametrize(
    ("labels", "x", "y", "said"),
    [
        (TOKENS, [], [], "No model is significantly better than the base after new phrases or after known ones"),
        (TOKENS, [0], [], "The x beats the base after new phrases; after known ones no model does"),
        (TOKENS, [0, 1, 2], [0], "The x beats the base after known phrases of at most 3 tokens; after longer ones "),
        (
            TOKENS,
            [3, 4],
            [],
            "The x beats the base after known phrases of 4 or more tokens; after shorter ones no model ",
        ),
        (TOKENS, [0, 1], [0, 1], "The x and the y beat the base after known phrases of at most 2 tokens; "),
        (
            TOKENS,
            [0, 1],
            [4],
            "The x beats the base after known phrases of at most 2 tokens; after known phrases of 3–4 ",
        ),
        (TOKENS, [0, 1, 2, 3, 4], [0], "The x beats the base after new phrases and after known ones"),
        (
            TOKENS,
            [1, 3],
            [],
            "The x beats the base after known phrases of 2 and 4 tokens; after known phrases of 1, 3 ",
        ),
        (
            TOKENS,
            [0, 2, 3],
            [],
            "The x beats the base after known phrases of 1 and 3–4 tokens; after known phrases of 2 and 5 or more ",
        ),
        (WORDS, [], [], "No model is significantly better than the base on rare or on frequent words"),
        (
            WORDS,
            [0],
            [],
            "The x beats the base on words that hardly occur in the training text; on more frequent ones",
        ),
        (
            WORDS,
            [0, 1, 2],
            [],
            "The x beats the base on words that occur at most 3 times in the training text; on more",
        ),
        (WORDS, [1, 2], [0], "The x beats the base on words that occur 1–3 times in the training text; on words "),
        (
            WORDS,
            [1],
            [],
            "The x beats the base on words that occur once in the training text; on words that occur 0 ",
        ),
        (WORDS, [3], [], "The x beats the base on words that occur over 10,000 times in the training text; on less "),
        (WORDS, [0, 1, 2, 3], [], "The x beats the base on rare and on frequent words"),
    ],
)
def test_the_title_says_who_is_significantly_better_where(
    labels: tuple[str, ...], x: list[int], y: list[int], said: str
) -> None:
    assert finding(labels, x, y, "tokens" if labels == TOKENS else "words").startswith(said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "seen_order",
            "The x beats the base after new phrases and after known ones; the base is ahead of it only on tokens that"
            " end known phrases of 4 or more tokens",
        ),
        ("repeated", "The x beats the base, but not in every group below"),
    ],
)
def test_the_title_says_if_the_baseline_wins_in_a_group_that_the_token_decides(name: str, said: str) -> None:
    figures = np.zeros((3, 5))
    figures[1, 3:] = 0.3  # the x needs more bits there, and clearly so: the half widths are 0
    other, better = (
        replace(made(TOKENS, "tokens"), name=name, figures=figures),
        np.repeat([[False], [True], [False]], 5, axis=1),
    )
    named = {"b": "the base", "x": "the x", "y": "the y"}
    found = slice_finding.finding(made(TOKENS, "tokens"), better, "b", named, [other])
    assert found == said
    found = slice_finding.finding(made(TOKENS, "tokens"), better, "b", named, [made(TOKENS, "tokens")])
    assert found == "The x beats the base after new phrases and after known ones"


@pytest.mark.parametrize(
    ("x", "y", "whom", "said"),
    [
        ([3, 4], [3, 4], "them", "4 or more tokens"),
        ([3, 4], [4], "some of them", "4 or more tokens"),
        ([], [4], "some of them", "5 or more tokens"),
        ([2], [2], "them", "3 tokens"),  # not of 4 and 5
        ([0], [0], "them", "at most 1 token"),
        ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], "them", "any number of tokens"),
        ([2, 4], [2, 4], "them", "3 and 5 or more tokens"),
    ],
)
def test_the_title_says_where_the_baseline_is_ahead_of_all_and_where_of_some(
    x: list[int], y: list[int], whom: str, said: str
) -> None:
    figures = np.zeros((3, 5))
    figures[1, x] = figures[2, y] = 0.3
    other = replace(made(TOKENS, "tokens"), name="seen_order", figures=figures)
    better = np.repeat([[False], [True], [True]], 5, axis=1)
    named = {"b": "the base", "x": "the x", "y": "the y"}
    found = slice_finding.finding(made(TOKENS, "tokens"), better, "b", named, [other])
    where = f"on tokens that end known phrases of {said}"
    assert found.endswith(f"; the base is ahead of {whom} only {where}")


def test_the_baseline_is_the_best_table_of_counts_or_else_the_best_model(run: Run) -> None:
    by_name = ReportData(run).by_name
    ranked = [by_name[name] for name in ("transformer", "ngram", "unigram")]
    assert section.baseline(ranked).name == "ngram"
    assert section.baseline(ranked[:1]).name == "transformer"


def test_the_matrix_has_the_numbers_of_the_analysis(run: Run, tree: Node) -> None:
    data = ReportData(run)
    names = tuple(model.name for model in data.comparable)
    of_heading = slice_finding.PLANNED["word"]  # comes first
    found = sorted(divided(run, names, "word", names), key=lambda one: one.name != of_heading)
    own = names.index("ngram")
    tables = tree.all(class_="gains-table")  # the second one is folded
    assert [head.text for head in tables[0].one("thead").all("th")][2:] == list(names)
    rows = [row for table in tables for row in table.all("tr") if "data-row" in row.attributes]
    expected = [(one, g) for one in found for g in range(len(one.labels))]
    assert len(rows) == len(expected)
    for row, (one, g) in zip(rows, expected, strict=True):
        cells = row.all("td")
        places = 3 if one.counted == "documents" else 2
        assert float(cells[0].attributes["style"].removeprefix("--w:")) == pytest.approx(one.share[g], abs=6e-4)
        for m, cell in enumerate(cells[1:]):
            number = float(cell.text.replace("−", "-"))
            shown = one.figures[m, g] if m == own else one.saved(own)[m, g]
            assert number == pytest.approx(shown, abs=0.51 * 10**-places)
            assert bool(cell.all("strong")) == bool(one.clear(own)[m, g])
            if m != own and np.isfinite(one.apart[own, m, g]):
                low = one.saved(own)[m, g] - one.apart[own, m, g]
                assert f"({low:.{places}f}".replace("-", "−").replace("(−0.00 ", "(0.00 ") in cell.attributes["title"]
    questions = [row.one("strong").text for table in tables for row in table.all("tr", "asked")]
    assert len(questions) == len(found)
    assert all(q.split("?")[0].startswith(("What", "How", "Where", "Has", "Documents")) for q in questions)


def test_tokens_of_a_group_that_the_reader_holds(run: Run) -> None:
    data = ReportData(run)
    of_tokens = chosen(data, data.groups[data.main_tokens])
    data.__dict__["passages"] = ("token", of_tokens)  # as if all models had the same tokens
    models = tuple(m.name for m in data.groups[data.main_tokens] if m.name not in data.unranked)
    found = divided(run, models, "token", ("ngram",))
    examples = section._examples(data, found, "token")
    assert any(examples.values())
    for (name, group), at in examples.items():
        assert len(at) <= 2 * section.EXAMPLES
        for p, i in zip(at[::2], at[1::2], strict=True):
            key = np.array([[of_tokens[p].number, of_tokens[p].first + i]])
            assert token_places(run, data.main_tokens, key)[name] == [group]


def test_unknown_words_are_a_category_of_their_own(tree: Node) -> None:
    labels = [row[0] for row in tree.one(class_="gains-table").rows()]
    assert "unknown" in labels
    assert "0" not in labels


def test_markdown_has_the_matrix(markdown: str, tree: Node) -> None:
    part = markdown.partition("\n| Group | part of the text |")[2].partition("\n\n")[0]
    table = tree.one(class_="gains-table")
    lines = part.splitlines()[2:]
    assert len(lines) == len(table.rows())
    for line, row in zip(lines, table.rows(), strict=True):
        cells = [cell.replace("**", "").strip() for cell in line.strip("|").split("|")]
        assert len(cells) == 2 + len(table.one("thead").all("th")) - 2
        if len(row) > 1:
            assert [cell.replace("\u00a0", " ") for cell in cells[1:]] == row[1:]


def test_the_data_of_the_page_have_every_pair(tree: Node) -> None:
    source = tree.one("script", "gains-data")
    data = json.loads("".join(str(child) for child in source.children))
    size = len(data["models"])
    assert data["pairs"] == [[i, j] for i in range(size) for j in range(i + 1, size)]
    assert all(len(row["apart"]) == len(data["pairs"]) and len(row["figures"]) == size for row in data["rows"])


def test_of_many_models_the_finding_is_that_against_the_first_baseline_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def titles() -> dict[str, str]:
        built = section.build(ReportData(run))
        assert built is not None
        given = json.loads(re.findall(r'gains-data">(.*?)</script>', built.html)[0])
        assert built.title in given["titles"].values()
        found: dict[str, str] = given["titles"]
        return found

    models = len(ReportData(run).comparable)
    assert len(titles()) == models > 1
    monkeypatch.setattr(section, "MOST_TITLED", models - 1)
    assert len(titles()) == 1


@pytest.mark.slow
def test_another_baseline_changes_every_cell_and_back(report: Page, browser: Browser, folder: Path) -> None:
    def texts(page: Page) -> list[str]:
        return page.locator(".gains-table td, .gains-details td, .own-name").all_text_contents()

    static = texts(visit(browser, folder / "report.html", scripts=False))
    assert texts(report) == static, "the script writes what the page already says"
    choice = report.locator("#wins").get_by_label("Compare with")
    first = report.locator(".gains-table [data-row]").first.locator("td")
    names = report.locator(".gains-table thead th").all_inner_texts()
    own, other = names.index("ngram") - 1, names.index("transformer") - 1
    saved, figure = first.nth(other).inner_text(), float(first.nth(own).inner_text())
    choice.select_option(label="transformer")
    turned = {"+": "−", "−": "+"}[saved[0]] + saved[1:]
    assert first.nth(own).inner_text() == turned
    expect(first.nth(own)).to_have_attribute(
        "title", re.compile(r"ngram, .+: \d+\.\d\d bits per word; saved against transformer: .+")
    )
    assert float(first.nth(other).inner_text()) == pytest.approx(figure - float(saved.replace("−", "-")), abs=0.011)
    expect(report.locator(".own-name")).to_have_text("transformer")
    expect(report.locator("#wins h2")).to_contain_text("the transformer")  # the finding is that of the baseline
    choice.select_option(label="ngram")
    assert texts(report) == static


@pytest.mark.slow
@pytest.mark.parametrize("key", ["", "Enter"])
def test_a_cell_opens_such_a_token_in_the_reader(of_tokens: Page, key: str) -> None:
    rows = of_tokens.locator(".gains-table [data-row]")
    row = rows.filter(has=of_tokens.locator("th", has_text=re.compile("^unknown"))).first
    of_tokens.locator(".gains summary").first.click()  # this question is folded
    cell = row.get_by_role("button").first
    if key:
        cell.focus()
        of_tokens.keyboard.press(key)
    else:
        cell.click()
    token = of_tokens.locator(".reader .tok:focus")
    expect(token).to_have_class(re.compile("unknown"))
    expect(token).to_be_in_viewport()
    expect(of_tokens.locator(".card")).to_contain_text("Not in the vocabulary")
    reader = of_tokens.locator(".reader")
    assert reader.get_by_label("Surprisal in").input_value() == "0"
    assert reader.get_by_label("compared with").input_value() == "1"
    assert complaints(of_tokens) == []


@pytest.mark.slow
def test_going_back_from_the_reader_leads_to_the_cell(of_tokens: Page) -> None:
    cell = of_tokens.locator(".gains-table [data-row] button").nth(3)
    name = cell.get_attribute("aria-label")
    cell.click()
    expect(of_tokens.locator(".reader .tok:focus")).to_be_in_viewport()
    of_tokens.go_back()
    expect(of_tokens.locator(".gains-table button:focus")).to_have_attribute("aria-label", str(name))
    expect(of_tokens.locator(".gains-table td.now")).to_be_in_viewport()
    of_tokens.go_forward()
    expect(of_tokens.locator(".reader .tok.now")).to_be_in_viewport()
    assert complaints(of_tokens) == []


@pytest.mark.slow
def test_the_cells_are_one_stop_and_the_arrows_go_on(of_tokens: Page) -> None:
    cells = of_tokens.locator(".gains-table").get_by_role("button")
    assert of_tokens.locator(".gains-table button[tabindex='0']").count() == 1
    cells.first.focus()
    of_tokens.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    of_tokens.keyboard.press("ArrowDown")
    expect(cells.nth(3)).to_be_focused()  # of two models


@pytest.mark.slow
def test_the_matrix_is_saved_as_a_table(report: Page) -> None:
    with report.expect_download() as download:
        report.locator("#wins").get_by_role("button", name="Save as CSV").click()
    head, *rows = csv.reader(download.value.path().read_text(encoding="utf-8").splitlines())
    assert head[6] == "saved against ngram"
    shown = report.locator(".gains-table [data-row]").first.locator("td").all_inner_texts()[1:]
    first = [row for row in rows if row[:2] == rows[0][:2]][: len(shown)]
    for text, row in zip(shown, first, strict=True):
        number = float(text.replace("−", "-"))
        assert number == pytest.approx(float(row[3] if row[2] == "ngram" else row[6]), abs=0.0051)
        assert float(row[4]) < float(row[3]) < float(row[5])
