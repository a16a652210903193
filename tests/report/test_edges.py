"""Runs at the edges: one model, no model, few documents, other tokens alone, adaptive models, missing parts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lmcompare.analysis import load_run
from lmcompare.report.page import Report
from lmcompare.runfolder.files import write_table
from tests.report.part import part_of
from tests.report.tree import Node, parse
from tests.run_folder import made_run_folder, reseal, write_run_folder

pytestmark = pytest.mark.slow

TWO = ("unigram", "ngram")
SMALL: dict[str, Any] = {"models": TWO, "seeds": (0,), "documents": 8, "failed": (), "invalid": ()}


def built(folder: Path) -> tuple[Node, str]:
    """Return the page of a run and its Markdown."""
    report = Report(load_run(folder))
    markdown = report.markdown()
    assert markdown.startswith("# ")
    return parse(report.html()), markdown


def page_of(**kind: object) -> Node:
    return built(made_run_folder(**{**SMALL, **kind}))[0]


def sections(tree: Node) -> list[str]:
    return [s.attributes["id"] for s in tree.one("main").children if isinstance(s, Node)]


def change(path: Path, **changes: object) -> None:
    """Change what a JSON file holds."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_one_model(tmp_path: Path) -> None:
    tree, _ = built(part_of(tmp_path, ("ngram",)))
    assert re.fullmatch(r"The ngram needs \d\.\d\d bits per byte", tree.one("h1").text)
    assert "together" not in sections(tree)  # there is nothing to mix
    assert not tree.all(class_="picker")


@pytest.mark.parametrize(("share", "title"), [(0.2, "on the rest, the ngram predicts"), (0.8, "No ranking: 8")])
def test_test_text_that_is_also_training_text(tmp_path: Path, share: float, title: str) -> None:
    folder = part_of(tmp_path, TWO)
    for path in folder.glob("tokens/*/documents.parquet"):
        documents = pd.read_parquet(path)
        of_test = documents["split"] == "test"
        first = [json.dumps([[0, int(share * size)]]) for size in documents["bytes"][of_test]]
        documents.loc[of_test, "repeated_spans"] = first
        write_table(path, documents)
    tree, markdown = built(reseal(folder))
    assert title in tree.one("h1").text
    assert f"{round(100 * share)}" in tree.one("h1").text
    assert "also occurs in the training or validation text" in tree.one(class_="verdict").text
    board = tree.one(id_="leaderboard").text
    assert ("Bits per byte with the repeated text" in board) == (share < 0.5)
    assert "Dashed: file compressors" not in markdown


def test_no_model_was_finished() -> None:
    tree = page_of(failed=TWO)
    assert tree.one("h1").text == "No model of this run can be ranked"
    assert "No model of this run can be ranked" in tree.one(id_="leaderboard").text
    assert [row[0] for row in tree.one(id_="failed").one("table").rows()] == ["unigram", "ngram"]
    assert sections(tree) == ["leaderboard", "text", "reproduce", "definitions"]


def test_no_model_is_valid() -> None:
    tree = page_of(models=("unigram", "leaky"), invalid=("unigram", "leaky"))
    assert "No model of this run can be ranked" in tree.one(id_="leaderboard").text
    assert len(tree.one(id_="not-ranked").one("table").rows()) == 2
    assert "cost" not in sections(tree)
    assert "unigram and leaky did not pass" in tree.one(id_="truth").text


def test_too_little_text_for_intervals() -> None:
    tree = page_of(documents=2, sentences=3)
    row = tree.one(id_="leaderboard").one("table").rows()[0]
    assert row[2] != "–"
    strip = tree.one(id_="leaderboard").one("tbody").one("svg", "strip")
    assert strip.attributes["aria-label"].endswith("95 % interval unknown")
    assert row[0] == "1–2"
    assert "too few to tell the models apart" in tree.one(id_="leaderboard").text


def test_characters_alone(tmp_path: Path) -> None:
    tree, _ = built(part_of(tmp_path, ("char-transformer",)))
    rows = tree.one(id_="leaderboard").one("table").rows()
    assert all(row[4] != "–" for row in rows)  # here these are the main tokens
    assert "␣" in tree.one(id_="reader").text


def test_other_machines_and_control_characters(tmp_path: Path) -> None:
    folder = part_of(tmp_path, TWO)
    path = folder / "cells/ngram/0/cost.json"
    machine, *_ = json.loads(path.read_text(encoding="utf-8"))["machines"]
    change(path, machines=[{**machine, "cpu": "Another processor"}])
    for path in (folder / "cells").rglob("studies.json"):
        path.write_text(path.read_text().replace("How to make Thai", "\\u001b[31mHow\\u202e"))
    report = Report(load_run(reseal(folder)))
    tree = parse(page := report.html())
    shown = tree.one("section", id_="cost")
    assert "trained and scored on different machines" in shown.text
    assert {figure.one("h3").text for figure in shown.all("figure") if figure.all("h3")} <= {"Parameters"}
    assert "Another processor" in shown.text
    assert "Another processor" in tree.one("section", id_="reproduce").text
    for text in (page, report.markdown()):
        assert "\x1b" not in text
        assert "␛" in text  # a picture of it
        assert "\u202e" not in text
        assert "\\u202e" in text


def test_models_of_other_kinds_stand_apart(tmp_path: Path) -> None:
    """An adaptive one, one of scores that need not sum to one, and one of two seeds with a failure."""
    kind = {**SMALL, "models": ("unigram", "ngram", "cache", "scores"), "seeds": (0, 1), "failed": ("ngram/1",)}
    folder = write_run_folder(tmp_path / "run", **kind)
    for path in (folder / "cells" / "scores").glob("*/cell.json"):
        cell = json.loads(path.read_text(encoding="utf-8"))
        cell["traits"]["normalised"] = False
        cell["truth"]["checks"] = cell["truth"]["checks"][1:]  # a run does not look at the sums
        path.write_text(json.dumps(cell), encoding="utf-8")
    tree, markdown = built(reseal(folder))
    first, second = (table.rows() for table in tree.one(id_="leaderboard").all("table")[:2])
    assert [row[1].split()[0] for row in first] == ["ngram", "unigram"]
    assert "1 seed failed" in first[0][1]
    assert [row[1].split()[0] for row in second] == ["cache"]
    costs = tree.one(id_="cost").one("table", "board").rows()
    assert [row[0].split() for row in costs] == [["ngram"], ["unigram"], ["cache", "adaptive"]]
    assert [row[1] for row in costs][2] == "–"  # what it costs may be compared, how good it is not
    assert "cache" not in "".join(chart.text for chart in tree.one(id_="cost").all("svg"))
    (row,) = tree.one(id_="not-ranked").one("table").rows()
    assert row[0] == "scores"
    assert "need not sum to one" in row[1]
    truth = tree.one(id_="truth").text
    assert "scores gives scores that need not sum to one" in truth
    assert "The other 3 models passed: their figures are valid probabilities" in truth
    assert "scores, not probabilities" in tree.one(id_="inside").text
    assert "\n### scores (not ranked) (scores, not probabilities)\n" in markdown
    assert "\n### ngram\n" in markdown


def test_a_model_that_gives_a_token_no_chance(tmp_path: Path) -> None:
    folder = part_of(tmp_path, TWO)
    path = folder / "cells" / "ngram" / "0" / "scores.parquet"
    scores = pd.read_parquet(path)
    scores.loc[scores["split"] == "test", "log_prob"] = -math.inf
    scores.to_parquet(path, index=False)
    tree, _ = built(reseal(folder))
    row = tree.one(id_="not-ranked").one("table").rows()[0]
    assert (row[0], row[2]) == ("ngram", "∞")
    assert "ngram not ranked ∞" in tree.one(id_="reader").text


def emptied(folder: Path) -> None:
    for path in folder.glob("cells/*/*/studies.json"):
        path.write_text("{}", encoding="utf-8")
    for path in folder.glob("cells/*/*/curve.csv"):
        path.write_text("step,seconds,tokens,train_loss,valid_loss\n", encoding="utf-8")


def unmeasured(folder: Path) -> None:
    for path in folder.glob("cells/*/*/cost.json"):
        change(path, **dict.fromkeys(json.loads(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("changed", "gone"),
    [(emptied, {"next", "sentences", "learning"}), (unmeasured, set())],
)
def test_what_a_run_lacks_the_report_leaves_out(
    tmp_path: Path, changed: Callable[[Path], None], gone: set[str]
) -> None:
    folder = part_of(tmp_path, (*TWO, "rnn-attention"))
    changed(folder)
    tree, _ = built(reseal(folder))
    assert not gone & set(sections(tree))
    assert {"leaderboard", "wins", "reader", "inside", "text", "together"} <= set(sections(tree))
    assert "None" not in tree.one("main").text
