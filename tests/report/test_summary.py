"""The first screen: what it calls the corpus, and findings at equal tokens beside the finding as run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lmcompare.analysis import compare_models, load_run, results, rows
from lmcompare.analysis.leaderboard import verdict
from lmcompare.report.data import ReportData, _told_apart
from lmcompare.report.sections import summary
from lmcompare.report.sections.summary import View, _corpus
from tests.analysis.tiny import bits, tiny_run
from tests.report.part import part_of
from tests.report.tree import Node, parse
from tests.run_folder import edit

pytestmark = pytest.mark.slow

NETWORKS = ("transformer", "rnn-attention")


def summary_of(folder: Path) -> Node:
    return parse(str(summary.build(ReportData(load_run(folder))).html))


def matched(place: Path) -> Path:
    """A folder with two networks as they are, the same two at equal tokens, and a model that only counts."""
    folder = part_of(place, ("ngram", *NETWORKS))
    models = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["models"]
    for row in models[1:]:
        equal = {"name": f"{row['name']}-equal", "seeds": [1], "cells": [f"cells/{row['name']}/1"]}
        models.append(row | equal | {"settings": row["settings"] | {"budget": {"tokens": 1_000_000}}})
        cell = folder / "cells" / row["name"] / "1" / "cell.json"
        cell.write_text(json.dumps(json.loads(cell.read_text()) | {"title": equal["name"]}), encoding="utf-8")
    edit(folder, models=models)
    return folder


def test_trainings_at_equal_tokens_have_a_finding_of_their_own(tmp_path: Path) -> None:
    shown = summary_of(matched(tmp_path))
    as_run, equal = shown.all("div", "view")
    names = {"ngram", *NETWORKS, *(f"{name}-equal" for name in NETWORKS)}
    for view, others in ((as_run, NETWORKS), (equal, [f"{name}-equal" for name in NETWORKS])):
        assert {text.text for text in view.one("svg").all("text")} & names == {"ngram", *others}
    label, finding = equal.one("h2").text.split(": ")
    assert label == "At equal tokens (1 M)"
    assert f"{label}, {finding[:1].lower()}{finding[1:]}." in as_run.one("p", "verdict").text


def test_trainings_of_one_kind_have_one_finding(tree: Node) -> None:
    assert len(tree.all("div", "view")) == 1
    assert not tree.all("div", "views")


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"tokens": 1_000_000}, "limited to 1 M tokens. The text that "),
        ({"seconds": 60.0}, "limited to 1 min. The "),
        ({"steps": 500}, "--match tokens=… or"),  # steps of different batches are no equal training
    ],
)
def test_a_limit_that_all_trainings_had_is_said_in_place_of_how_to_make_them_equal(
    tmp_path: Path, budget: dict[str, float], said: str
) -> None:
    folder = part_of(tmp_path, ("ngram", *NETWORKS))
    models = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["models"]
    edit(folder, models=[row | {"settings": row["settings"] | {"budget": budget}} for row in models])
    data = ReportData(load_run(folder))
    data.by_name["transformer"].cell.curve["tokens"] *= 3
    cast("dict[str, Any]", data.by_name["transformer"].cell.cost)["tokens_before"] = 2e5
    html = parse(str(summary.build(data).html))
    (fair,) = (text.text for text in html.all("p") if text.text.startswith("Was it fair?"))
    assert said in fair
    assert ("--match" in fair) == ("--match" in said)


def test_networks_that_were_trained_equally_long_had_no_unequal_training(tmp_path: Path) -> None:
    models = {"net": bits(2, 0), "counts": bits(2.1, 1), "other": bits(2.2, 2)}
    run = tiny_run(tmp_path, models, documents=[[10]] * 40)
    table = results(run)
    judged = verdict(rows(run), compare_models(run), timed=True)

    def title(**seconds: float) -> str:
        titles = {name: name for name in models}
        return View("", titles, judged, table, {"net": 2e6, "other": 1e6}, seconds, 0, (), (), None).title

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
def test_a_corpus_says_what_it_is(name: str, source: str, said: str) -> None:
    data: Any = SimpleNamespace(run=SimpleNamespace(corpus=SimpleNamespace(name=name, source=source)))
    assert _corpus(data) == said


def test_models_of_one_title_have_their_names_beside_it() -> None:
    def told(name: str, title: str) -> str:
        return _told_apart(SimpleNamespace(name=name, title=title))  # type: ignore[arg-type]

    assert told("transformer", "Transformer") == "Transformer"
    assert told("rnn-attention", "RNN attention") == "RNN attention"
    assert told("small", "Transformer") == "Transformer (small)"
