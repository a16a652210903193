"""Runs at the edges: one model, no model, few documents, other tokens alone, adaptive models, many models."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lmcompare.analysis import load_run
from lmcompare.report.page import Report
from tests.report.tree import Node, parse
from tests.run_folder import reseal, write_run_folder


def built(folder: Path, **options: object) -> Node:
    """Write such a run, build both reports, and return the page."""
    defaults: dict[str, object] = {"seeds": (0,), "documents": 8, "failed": (), "invalid": ()}
    run = load_run(write_run_folder(folder / "run", **{**defaults, **options}))  # type: ignore[arg-type]
    assert Report(run).markdown().startswith("# ")
    return parse(Report(run).html())


def sections(tree: Node) -> list[str]:
    return [s.attributes["id"] for s in tree.one("main").children if isinstance(s, Node)]


def test_one_model(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("ngram",))
    assert tree.one("h1").text == "The ngram is the only ranked model"
    assert "together" not in sections(tree)  # there is nothing to mix
    assert not tree.all(class_="picker")


def test_no_model_was_finished(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("unigram", "ngram"), failed=("unigram", "ngram"))
    assert tree.one("h1").text == "No model of this run can be ranked"
    assert "No model of this run can be ranked" in tree.one(id_="leaderboard").text
    assert [row[0] for row in tree.one(id_="failed").one("table").rows()] == ["unigram", "ngram"]
    assert sections(tree) == ["leaderboard", "text", "reproduce", "definitions"]


def test_no_model_is_valid(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("unigram", "leaky"), invalid=("unigram", "leaky"))
    assert "No model of this run can be ranked" in tree.one(id_="leaderboard").text
    assert len(tree.one(id_="not-ranked").one("table").rows()) == 2
    assert "cost" not in sections(tree)
    assert "unigram and leaky did not pass" in tree.one(id_="truth").text


def test_costs_on_different_machines_are_not_compared(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram"), seeds=(0,), documents=8)
    path = folder / "cells/ngram/0/cost.json"
    cost = json.loads(path.read_text(encoding="utf-8"))
    cost["machines"][0]["cpu"] = "Another processor"
    path.write_text(json.dumps(cost), encoding="utf-8")
    tree = parse(Report(load_run(reseal(folder))).html())
    shown = tree.one("section", id_="cost")
    assert "trained and scored on different machines" in shown.text
    assert {figure.one("h3").text for figure in shown.all("figure") if figure.all("h3")} <= {"Parameters"}
    assert "Another processor" in shown.text
    assert "Another processor" in tree.one("section", id_="reproduce").text


def test_control_characters_are_shown_as_pictures(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram"), seeds=(0,), documents=8)
    for path in (folder / "cells").rglob("examples.json"):
        path.write_text(path.read_text().replace("How to make Thai", "\\u001b[31mHow\\u202e"))
    run = load_run(reseal(folder))
    for page in (Report(run).html(), Report(run).markdown()):
        assert "\x1b" not in page
        assert "␛" in page
        assert "\u202e" not in page
        assert "\\u202e" in page


def test_too_little_text_for_intervals(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("unigram", "ngram"), documents=2, sentences=3)
    row = tree.one(id_="leaderboard").one("table").rows()[0]
    assert row[2] != "–"
    strip = tree.one(id_="leaderboard").one("tbody").one("svg", "strip")
    assert strip.attributes["aria-label"].endswith("95 % interval unknown")
    assert row[0] == "1–2"
    assert "too few to tell the models apart" in tree.one(id_="leaderboard").text


def test_one_seed_of_a_model_failed(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("unigram", "ngram"), seeds=(0, 1), failed=("ngram/1",))
    row = next(r for r in tree.one(id_="leaderboard").one("table").rows() if r[1].startswith("ngram"))
    assert "1 seed failed" in row[1]


def test_characters_alone(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("char-transformer", "char-other"))
    rows = tree.one(id_="leaderboard").one("table").rows()
    assert all(row[4] != "–" for row in rows)  # here these are the main tokens
    assert "␣" in tree.one(id_="reader").text


def test_a_model_of_scores_stands_apart_and_is_said_to_be_one(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram", "scores"), seeds=(0,), documents=8)
    path = folder / "cells" / "scores" / "0" / "cell.json"
    cell = json.loads(path.read_text())
    cell["traits"]["normalised"] = False
    cell["truth"]["checks"] = cell["truth"]["checks"][1:]  # a run does not look at the sums
    path.write_text(json.dumps(cell))
    run = load_run(reseal(folder))
    tree, markdown = parse(Report(run).html()), Report(run).markdown()
    (row,) = tree.one(id_="not-ranked").one("table").rows()
    assert row[0] == "scores"
    assert "need not sum to one" in row[1]
    assert "scores" not in [r[1].split()[0] for r in tree.one(id_="leaderboard").one("table").rows()]
    truth = tree.one(id_="truth").text
    assert "scores gives scores that need not sum to one" in truth
    assert "The other 2 models passed: their figures are valid probabilities" in truth
    assert "scores, not probabilities" in tree.one(id_="inside").text
    assert "### scores (not ranked)" in markdown
    assert "### ngram\n" in markdown


def test_adaptive_models_have_a_table_of_their_own(tmp_path: Path) -> None:
    tree = built(tmp_path, models=("unigram", "ngram", "cache"))
    first, second = tree.one(id_="leaderboard").all("table")[:2]
    assert [row[1].split()[0] for row in first.rows()] == ["ngram", "unigram"]
    assert [row[1].split()[0] for row in second.rows()] == ["cache"]
    costs = tree.one(id_="cost").one("table", "board").rows()
    assert [row[0].split() for row in costs] == [["ngram"], ["unigram"], ["cache", "adaptive"]]
    assert [row[1] for row in costs][2] == "–"  # what it costs may be compared, how good it is not
    assert "cache" not in "".join(chart.text for chart in tree.one(id_="cost").all("svg"))


def test_many_models_have_marks_of_their_own(tmp_path: Path) -> None:
    names = tuple(f"model-{i}" for i in range(9))
    tree = built(tmp_path, models=names, documents=3)
    marks = {}
    for chip in tree.one(id_="leaderboard").one("table").all(class_="chip"):
        key = chip.one("svg").one("g")
        shape = next(child for child in key.children if isinstance(child, Node))
        marks[chip.text] = (key.attributes["class"], shape.name, shape.attributes.get("points"))
    assert len(set(marks.values())) == 9


def test_a_model_that_gives_a_token_no_chance(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram"), seeds=(0,), documents=8)
    path = folder / "cells" / "ngram" / "0" / "scores.parquet"
    scores = pd.read_parquet(path)
    scores.loc[scores.index[-40:], "log_prob"] = -math.inf
    scores.loc[(scores["split"] == "test") & (scores["document"] == 0), "log_prob"] = -math.inf
    scores.to_parquet(path, index=False)
    tree = parse(Report(load_run(reseal(folder))).html())
    row = tree.one(id_="not-ranked").one("table").rows()[0]
    assert row[0] == "ngram"
    assert row[2] == "∞"
    assert "ngram not ranked ∞" in tree.one(id_="reader").text


def emptied(folder: Path) -> None:
    for path in folder.glob("cells/*/*/examples.json"):
        path.write_text('{"prompts": [], "sentences": []}', encoding="utf-8")
    for path in folder.glob("cells/*/*/exhibits.json"):
        path.write_text("[]", encoding="utf-8")
    for path in folder.glob("cells/*/*/curve.csv"):
        path.write_text("step,seconds,tokens,train_loss,valid_loss\n", encoding="utf-8")


def unmeasured(folder: Path) -> None:
    for path in folder.glob("cells/*/*/cost.json"):
        cost = dict.fromkeys(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(cost), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "gone"),
    [(emptied, {"next", "sentences", "learning"}), (unmeasured, set())],
)
def test_what_a_run_lacks_the_report_leaves_out(
    tmp_path: Path, change: Callable[[Path], None], gone: set[str]
) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram", "rnn-attention"), seeds=(0,), documents=6)
    change(folder)
    run = load_run(reseal(folder))
    tree = parse(Report(run).html())
    assert not gone & set(sections(tree))
    assert {"leaderboard", "wins", "reader", "inside", "text"} <= set(sections(tree))
    assert "None" not in tree.one("main").text
    assert Report(run).markdown()
