"""What each model saves by kind of token: the matrix against the analysis, and the title against its own cells."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lmcompare.analysis import Run
from lmcompare.report.data import ReportData
from lmcompare.report.passages import chosen
from lmcompare.studies.slices import section
from lmcompare.studies.slices import section as slice_finding
from lmcompare.studies.slices.differences import Divided, divided
from lmcompare.studies.slices.slices import token_places
from tests.report.browser import complaints
from tests.report.tree import Node

NAMES = ("b", "x", "y")
TOKENS = ("1", "2", "3", "4", "5")
WORDS = ("0", "1", "2–3", "over 10,000")


def made(labels: tuple[str, ...], counted: str) -> Divided:
    shape = len(NAMES), len(labels)
    nothing, share = np.zeros(shape), np.full(len(labels), 1 / len(labels))
    apart, places = np.zeros((3, *shape)), np.arange(len(labels))
    return Divided("context_order", "", counted, NAMES, places, labels, places, share, nothing, nothing, apart)


NAMED = {"b": "the base", "x": "the x", "y": "the y"}


def finding(labels: tuple[str, ...], x: list[int], y: list[int]) -> str:
    better = np.zeros((3, len(labels)), bool)
    better[1, x] = better[2, y] = True
    return slice_finding.finding(made(labels, "tokens" if labels == TOKENS else "words"), better, "b", NAMED)


@pytest.mark.parametrize(
    ("x", "y", "who", "where"),
    [
        ([], [], "No model is significantly better than the base", "after new phrases or after known ones"),
        ([0], [], "The x beats the base", "after new phrases; after known ones no model does"),
        ([0, 1, 2], [0], "The x beats the base", "after known phrases of at most 3 tokens; after longer ones no"),
        ([3, 4], [], "The x beats the base", "after known phrases of 4 or more tokens; after shorter ones no"),
        ([0, 1], [0, 1], "The x and the y beat the base", "after known phrases of at most 2 tokens; after longer"),
        ([0, 1], [4], "The x beats", "of at most 2 tokens; after known phrases of 3–4 tokens no"),
        ([0, 1, 2, 3, 4], [0], "The x beats the base", "after new phrases and after known ones"),
        (
            [1, 3],
            [],
            "The x beats",
            "after known phrases of 2 and 4 tokens; after known phrases of 1, 3 and 5 or more",
        ),
        ([0, 2, 3], [], "The x beats", "of 1 and 3–4 tokens; after known phrases of 2 and 5 or more tokens no model"),
    ],
)
def test_the_title_says_who_is_significantly_better_after_which_phrases(
    x: list[int], y: list[int], who: str, where: str
) -> None:
    found = finding(TOKENS, x, y)
    assert found.startswith(who)
    assert where in found


@pytest.mark.parametrize(
    ("x", "y", "where"),
    [
        ([], [], "the base on rare or on frequent words"),
        ([0], [], "on words that hardly occur in the training text; on more frequent ones"),
        ([0, 1, 2], [], "on words that occur at most 3 times in the training text; on more frequent ones"),
        ([1, 2], [0], "on words that occur 1–3 times in the training text; on words "),
        ([1], [], "on words that occur once in the training text; on words that occur 0 "),
        ([3], [], "on words that occur over 10,000 times in the training text; on less frequent ones"),
        ([0, 1, 2, 3], [], "The x beats the base on rare and on frequent words"),
    ],
)
def test_the_title_says_on_which_words(x: list[int], y: list[int], where: str) -> None:
    assert where in finding(WORDS, x, y)


@pytest.mark.parametrize(
    ("name", "x", "y", "said"),
    [
        (
            "seen_order",
            [3, 4],
            None,
            "base is ahead of it only on tokens that end known phrases of 4 or more tokens",
        ),
        ("repeated", [3, 4], None, "The x beats the base, but not in every group below"),
        ("seen_order", [], None, "The x beats the base after new phrases and after known ones"),
        ("seen_order", [3, 4], [3, 4], "ahead of them only on tokens that end known phrases of 4 or more tokens"),
        (
            "seen_order",
            [3, 4],
            [4],
            "some of them only on tokens that end known phrases of 4 or more tokens",
        ),
        ("seen_order", [], [4], "some of them only on tokens that end known phrases of 5 or more tokens"),
        ("seen_order", [2], [2], "known phrases of 3 tokens"),  # not of 4 and 5
        ("seen_order", [0], [0], "known phrases of at most 1 token"),
        ("seen_order", [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], "known phrases of any number of tokens"),
        ("seen_order", [2, 4], [2, 4], "known phrases of 3 and 5 or more tokens"),
    ],
)
def test_the_title_says_where_the_baseline_wins_although_it_is_behind_in_all_planned_groups(
    name: str, x: list[int], y: list[int] | None, said: str
) -> None:
    figures = np.zeros((3, 5))
    figures[1, x] = figures[2, y or []] = 0.3  # they need more bits there, and clearly so: the half widths are 0
    other = replace(made(TOKENS, "tokens"), name=name, figures=figures)
    better = np.repeat([[False], [True], [y is not None]], 5, axis=1)
    assert slice_finding.finding(made(TOKENS, "tokens"), better, "b", NAMED, [other]).endswith(said)


@pytest.mark.slow
def test_the_baseline_is_the_best_table_of_counts_or_else_the_best_model(run: Run) -> None:
    by_name = ReportData(run).by_name
    ranked = [by_name[name] for name in ("transformer", "ngram", "unigram")]
    assert section.baseline(ranked).name == "ngram"
    assert section.baseline(ranked[:1]).name == "transformer"


@pytest.mark.slow
def test_the_matrix_has_the_numbers_of_the_analysis(run: Run, tree: Node) -> None:
    data = ReportData(run)
    names = tuple(model.name for model in data.comparable)
    of_heading = slice_finding.PLANNED["word"]  # comes first
    found = sorted(divided(run, names, "word", names), key=lambda one: one.name != of_heading)
    own = names.index("ngram")
    tables = tree.all(class_="gains-table")  # the second one is folded
    assert [head.text for head in tables[0].one("thead").all("th")][2:] == list(names)
    rows = [row for table in tables for row in table.one("tbody").all("tr") if row.attributes.get("class") != "asked"]
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
            kind = "own" if m == own else "cool" if one.saved(own)[m, g].round(5) > 0 else "heat"
            assert kind in cell.attributes["class"].split()
            if m != own and np.isfinite(one.apart[own, m, g]):
                low = one.saved(own)[m, g] - one.apart[own, m, g]
                assert f"({low:.{places}f}".replace("-", "−").replace("(−0.00 ", "(0.00 ") in cell.attributes["title"]
    questions = [row.one("strong").text for table in tables for row in table.all("tr", "asked")]
    assert len(questions) == len(found)
    assert all(q.split("?")[0].startswith(("What", "How", "Where", "Has", "Documents")) for q in questions)


@pytest.mark.slow
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
        places = zip(at[::2], at[1::2], strict=True)
        keys = np.array([[of_tokens[p].number, of_tokens[p].first + i] for p, i in places]).reshape(-1, 2)
        assert set(token_places(run, data.main_tokens, keys)[name]) <= {group}


@pytest.mark.slow
def test_unknown_words_are_a_category_of_their_own(tree: Node) -> None:
    labels = [row[0] for row in tree.one(class_="gains-table").rows()]
    assert "unknown" in labels
    assert "0" not in labels


@pytest.mark.slow
def test_the_data_of_the_page_have_every_pair(tree: Node) -> None:
    source = tree.one("script", "gains-data")
    data = json.loads("".join(str(child) for child in source.children))
    size = len(data["models"])
    assert data["pairs"] == [[i, j] for i in range(size) for j in range(i + 1, size)]
    assert all(len(row["apart"]) == len(data["pairs"]) and len(row["figures"]) == size for row in data["rows"])


@pytest.mark.slow
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
def test_another_baseline_changes_every_cell_and_the_matrix_is_saved_as_a_table(report: Page, tree: Node) -> None:
    def texts() -> list[str]:
        found = report.locator(".gains-table td, .gains-details td, .own-name").all_text_contents()
        return [" ".join(text.split()) for text in found]

    static = texts()
    written = [
        cell.text for name in ("gains-table", "gains-details") for t in tree.all(class_=name) for cell in t.all("td")
    ]
    assert sorted(static) == sorted([*written, tree.one(class_="own-name").text]), "the script writes the same"
    choice = report.locator("#wins").get_by_label("Compare with")
    first = report.locator(".gains-table tbody tr:not(.asked)").first.locator("td")
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
    assert texts() == static

    with report.expect_download() as download:
        report.locator("#wins").get_by_role("button", name="Save as CSV").click()
    head, *rows = csv.reader(download.value.path().read_text(encoding="utf-8").splitlines())
    assert head[6] == "saved against ngram"
    shown = first.all_inner_texts()[1:]
    of_first = [row for row in rows if row[:2] == rows[0][:2]][: len(shown)]
    for text, row in zip(shown, of_first, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(float(row[3 if row[2] == "ngram" else 6]), abs=0.0051)
        assert float(row[4]) < float(row[3]) < float(row[5])


@pytest.mark.slow
def test_a_cell_opens_such_a_token_in_the_reader_and_going_back_leads_to_it(of_tokens: Page) -> None:
    page = of_tokens
    rows, reader, token = (
        page.locator(".gains-table tbody tr:not(.asked)"),
        page.locator(".reader"),
        page.locator(".reader .tok:focus"),
    )
    unknown = rows.filter(has=page.locator("th", has_text=re.compile("^unknown"))).first
    page.locator(".gains summary").first.click()  # this question is folded
    unknown.get_by_role("button").first.click()
    expect(token).to_have_class(re.compile("unknown"))
    expect(token).to_be_in_viewport()
    expect(page.locator(".card")).to_contain_text("Not in the vocabulary")
    assert reader.get_by_label("Surprisal in").input_value() == "0"
    assert reader.get_by_label("compared with").input_value() == "1"

    cells = page.locator(".gains-table").get_by_role("button")
    other = page.locator(".gains-table td:not(.own)").get_by_role("button").nth(1)
    name = other.get_attribute("aria-label")
    other.focus()
    page.keyboard.press("Enter")
    expect(token).to_be_in_viewport()
    shown, passage = token.get_attribute("data-i"), reader.locator("select[name=passage]").input_value()
    labels = reader.locator(".tok").evaluate_all("all => all.map(e => [e.dataset.i, e.getAttribute('aria-label')])")
    page.go_back()
    expect(page.locator(".gains-table button:focus")).to_have_attribute("aria-label", str(name))
    expect(page.locator(".gains-table td.now")).to_be_in_viewport()

    # the token that was shown is the one at which the model gains most or, if it loses, loses most
    found = re.search(r"baseline=(\d+)&cell=(\d+)\.(\d+)", page.url)
    assert found is not None
    own, r, m = map(int, found.groups())
    row = json.loads(page.locator(".gains-data").text_content() or "")["rows"][r]
    here = [str(i) for at, i in zip(row["at"][::2], row["at"][1::2], strict=True) if str(at) == passage]
    differences = {i: float(label.split(", ")[-1].split()[0].replace("−", "-")) for i, label in labels if i in here}
    assert len({*differences.values()}) > 1
    best = (max if row["figures"][m] > row["figures"][own] else min)(differences.values())
    assert differences[str(shown)] == best
    page.go_forward()
    expect(page.locator(".reader .tok.now")).to_be_in_viewport()

    assert page.locator(".gains-table button[tabindex='0']").count() == 1  # the cells are one stop of Tab
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cells.nth(3)).to_be_focused()  # of two models
    assert complaints(page) == []
