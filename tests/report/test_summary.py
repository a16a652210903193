"""The first screen: what it calls the corpus, and findings at equal tokens beside the finding as run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.report.sections.summary import _corpus
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
