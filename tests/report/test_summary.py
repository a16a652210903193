"""The first screen: what it calls the corpus, and findings at equal tokens beside the finding as run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, expect

from lmcompare.analysis import compare_models, load_run, results, rows
from lmcompare.analysis.verdict import verdict
from lmcompare.report.data import ReportData
from lmcompare.report.sections import summary
from lmcompare.report.sections.summary import View, _corpus
from tests.analysis.tiny import bits, tiny_run
from tests.report.browser import visit
from tests.report.tree import Node, parse
from tests.run_folder import edit, write_report, write_run_folder

NETWORKS = ("transformer", "rnn-attention")


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two networks as they are, the same two at equal tokens, and a model that only counts."""
    models = ("ngram", *NETWORKS, *(f"{name}-equal" for name in NETWORKS))
    folder = write_run_folder(tmp_path_factory.mktemp("matched") / "run", models=models, failed=(), invalid=())
    rows = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["models"]
    for row in rows:
        if row["name"].endswith("-equal"):
            row["plugin"] = row["name"].removesuffix("-equal")
            row["settings"]["budget"] = {"tokens": 1_000_000}
    edit(folder, models=rows)
    write_report(folder)
    return folder


def shown(view: Node) -> set[str]:
    return {text.text for text in view.one("svg").all("text")} & {
        *("ngram", *NETWORKS, *(f"{name}-equal" for name in NETWORKS))
    }


def test_trainings_at_equal_tokens_have_a_finding_of_their_own(matched: Path) -> None:
    tree = parse((matched / "report.html").read_text(encoding="utf-8"))
    as_run, equal = tree.all("div", "view")
    assert shown(as_run) == {"ngram", *NETWORKS}
    assert shown(equal) == {"ngram", *(f"{name}-equal" for name in NETWORKS)}
    assert equal.one("h2").text.startswith("At equal tokens")
    label, finding = equal.one("h2").text.split(": ")
    assert f"{label}, {finding[:1].lower()}{finding[1:]}." in as_run.one("p", "verdict").text
    assert as_run.one("h1").text in tree.one("title").text


def test_a_click_shows_the_other_finding(browser: Browser, matched: Path) -> None:
    page = visit(browser, matched / "report.html")
    as_run, equal = page.locator(".view").all()
    expect(equal).to_be_hidden()
    page.get_by_role("button", name="At equal tokens").click()
    expect(equal).to_be_visible()
    expect(as_run).to_be_hidden()
    for view in visit(browser, matched / "report.html", scripts=False).locator(".view").all():
        expect(view).to_be_visible()


def test_trainings_of_one_kind_have_one_finding(tree: Node) -> None:
    assert len(tree.all("div", "view")) == 1
    assert not tree.all("div", "views")


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"tokens": 1_000_000}, "limited to 1 M tokens. The text that "),
        ({"seconds": 60.0}, "limited to 1 min. The "),
        ({"steps": 500}, "--match tokens=… or"),  # steps of different batches are no equal training
        ({}, "--match tokens=… or"),
    ],
)
def test_a_limit_that_all_trainings_had_is_said_in_place_of_how_to_make_them_equal(
    tmp_path: Path, budget: dict[str, float], said: str
) -> None:
    folder = write_run_folder(tmp_path, models=("ngram", *NETWORKS), seeds=(0,), failed=(), invalid=())
    models = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["models"]
    edit(folder, models=[row | {"settings": row["settings"] | {"budget": budget}} for row in models])
    data = ReportData(load_run(folder))
    curve = data.by_name["transformer"].cell.curve
    curve["tokens"] *= 3
    cast("dict[str, Any]", data.by_name["transformer"].cell.cost)["tokens_before"] = 2e5
    html = parse(str(summary.build(data).html))
    (fair,) = (text.text for text in html.all("p") if text.text.startswith("Was it fair?"))
    assert said in fair.replace("\u00a0", " ")
    assert ("--match" in fair) == ("--match" in said)


def test_networks_that_were_trained_equally_long_had_no_unequal_training(tmp_path: Path) -> None:
    models = {"net": bits(2, 0), "counts": bits(2.1, 1), "other": bits(2.2, 2)}
    run = tiny_run(tmp_path, models, documents=[[10]] * 40)
    judged = verdict(rows(results(run)), compare_models(run), timed=True)

    def title(**seconds: float) -> str:
        titles = {name: name for name in models}
        return View("", titles, judged, {"net": 2e6, "other": 1e6}, seconds, 0, (), (), None).title

    assert title(net=60, other=20).endswith("best, after unequal amounts of training")
    assert title(net=60, other=60).endswith("best")


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("lee", "300 news texts of gensim", "lee, 300 news texts of gensim"),
        ("book.txt", "my texts/book.txt", "book.txt"),
        ("book.txt", "book.txt", "book.txt"),
    ],
)
def test_a_corpus_says_what_it_is(folder: Path, name: str, source: str, said: str) -> None:
    data = ReportData(load_run(folder))
    manifest = data.run.manifest
    data.run.manifest = replace(manifest, corpus=replace(manifest.corpus, name=name, source=source))
    assert _corpus(data) == said
