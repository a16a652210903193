"""One report of several runs: on one text a report as of one run, on several a page with a table for each."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from lmcompare.analysis import join, load_run, results
from lmcompare.errors import LmcompareError
from lmcompare.render import numbers
from lmcompare.report import write
from lmcompare.report.data import ReportData
from lmcompare.report.sections import summary
from lmcompare.report.several_texts import SeveralTexts
from lmcompare.report.write import write_joined_report
from lmcompare.runfolder.layout import JOINED
from lmcompare.studies.cost import section as cost
from tests.report.tree import Node, parse
from tests.run_folder import edit, reseal

pytestmark = pytest.mark.slow


def page(folder: Path) -> Node:
    return parse((folder / "report.html").read_text(encoding="utf-8"))


def test_runs_on_one_text_make_one_report(apart: Path) -> None:
    (joined,) = apart.glob("tables/1-*")
    tree = page(joined)
    assert tree.one("h1").text == "The transformer predicts this text best"
    assert "2 runs" in tree.one("header").text
    shown = next(t for t in tree.all("table") if "board" in t.attributes.get("class", "")).text
    for name in ("unigram", "ngram", "transformer", "char-transformer"):
        assert name in shown
    reproduce = next(s for s in tree.all("section") if s.attributes["id"] == "reproduce").text
    for name in ("counts", "neural"):
        assert f"lmcompare run {name}.toml" in reproduce
        assert f"lmcompare run {name}.toml" in (joined / "report.md").read_text()
    assert {m["name"] for m in json.loads((joined / "results.json").read_text())["models"]} == {
        *("unigram", "ngram", "transformer", "char-transformer")
    }


def test_texts_that_differ_have_tables_of_their_own(apart: Path, runs: dict[str, Path]) -> None:
    tree = page(apart)
    assert tree.one("h1").text == "3 runs, 2 texts"
    one, two = (next(s for s in tree.all("section") if s.attributes["id"] == f"table-{n}") for n in (1, 2))
    assert "Do not compare" not in one.text
    assert "Do not compare these figures with the first table." in two.text
    elsewhere = {m["name"]: m for m in results(load_run(runs["else"]))["models"]}
    figure = numbers.bits_per_byte(elsewhere["ngram"]["bits_per_byte"])
    assert figure in two.text
    assert all(figure not in cell.text.split() for cell in one.all("td", "n"))
    assert "char-transformer" in one.text
    assert "char-transformer" not in two.text
    assert "Not ranked" in two.text, "the leaky model is apart here too"


def test_a_model_has_one_colour_in_all_tables(apart: Path) -> None:
    def colours(tree: Node) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for chip in tree.all("span", class_="chip"):
            found.setdefault(chip.text, set()).add(chip.attributes["class"])
        return found

    all_together = colours(page(apart))
    names = ["unigram", "ngram", "transformer", "char-transformer", "leaky"]
    assert all_together == {name: {f"chip m m{i}"} for i, name in enumerate(names)}
    for table in sorted((apart / "tables").iterdir()):
        shown = colours(page(table))
        assert {name: all_together[name] for name in shown} == shown
    assert "leaky" in shown


def test_the_page_is_whole(apart: Path) -> None:
    tree = page(apart)
    ids = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    terms = [each for each in tree.one("section", id_="definitions").all("div") if "id" in each.attributes]
    linked = {a.attributes["href"][1:] for a in tree.all("a") if a.attributes["href"].startswith("#term-")}
    assert {each.attributes["id"] for each in terms} == linked
    assert linked
    for node in tree.all("a"):
        target = node.attributes["href"]
        assert target[1:] in ids if target.startswith("#") else (apart / target).is_file()
    for number in (1, 2):
        (full,) = apart.glob(f"tables/{number}-*")
        assert {path.name for path in full.iterdir()} == {
            *("report.html", "report.md", "charts", "results.json", "results.csv")
        }


def test_markdown_says_the_same(apart: Path) -> None:
    said = (apart / "report.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "# 3 runs, 2 texts" in said
    assert "Do not compare these figures with the first table." in said
    tables = json.loads((apart / "results.json").read_text(encoding="utf-8"))["tables"]
    assert [len(table["runs"]) for table in tables] == [2, 1]
    assert [bool(table["reasons"]) for table in tables] == [False, True]
    assert {row.partition(",")[0] for row in (apart / "results.csv").read_text().splitlines()[1:]} == {
        table["name"] for table in tables
    }
    for line in said.splitlines():
        for part in line.split("](")[1:]:
            target = part.split(")")[0]
            assert target.startswith("#") or (apart / target).is_file(), target


def test_costs_on_different_machines_are_not_drawn_together(runs: dict[str, Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(runs["neural"], tmp_path / "other"))
    for path in other.glob("cells/*/*/cost.json"):
        table = json.loads(path.read_text())
        machines = [{**table["machines"][0], "cpu": "Another processor", "cores": 64}]
        path.write_text(json.dumps({**table, "machines": machines}))
    (joined,) = join([load_run(runs["counts"]), load_run(reseal(other))])
    data = ReportData(joined.run)
    section = cost.build(data)
    assert section is not None
    assert list(section.charts) == ["cost-1.svg"]
    shown = parse(str(section.html))
    assert "different machines" in shown.text
    assert [figure.one("h3").text for figure in shown.all("figure") if figure.all("h3")] == ["Parameters"]
    assert "Another processor" in shown.text
    for said in ("Fastest within", "cheapest to train"):
        assert said not in summary.build(data).html


def test_a_long_name_in_another_script_is_cut(runs: dict[str, Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(runs["else"], tmp_path / "other"))
    manifest = json.loads((other / "manifest.json").read_text())
    edit(other, corpus={**manifest["corpus"], "name": "語" * 80})
    part = SeveralTexts(join([load_run(runs["counts"]), load_run(other)])).parts[1]
    assert part.name == "2. " + "語" * 80
    assert len(part.folder) == len("tables/2-") + 40


# Into which folder, and what stays there


@pytest.fixture
def out(apart: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(apart, tmp_path / "out"))


def test_the_only_report_stands_in_the_folder_itself(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("write_results", "write_report_of"):
        monkeypatch.setattr(write, name, lambda run, place, name=name: (place / f"{name}.html").touch())
    monkeypatch.setattr(write, "REPORT", ("write_results.html", "write_report_of.html"))
    write_joined_report([runs["counts"], runs["neural"]], tmp_path / "out")
    assert {"write_results.html", "write_report_of.html"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "out" / "tables").exists()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are a single file."""
    monkeypatch.setattr(write, "_write_tables", lambda tables, place: (place / "report.html").write_text("new"))


def test_a_folder_that_holds_anything_else_is_left_alone(runs: dict[str, Path], tmp_path: Path) -> None:
    both = [runs["counts"], runs["else"]]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "mine.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    for place, why in (
        (tmp_path, "contains other files"),
        (runs["counts"], "contains other files"),
        (tmp_path / "file", "is a file, not a folder"),
    ):
        with pytest.raises(LmcompareError, match=why):
            write_joined_report(both, place)
    assert (tmp_path / "tables" / "mine.txt").read_text() == "dear"


@pytest.mark.usefixtures("quick")
def test_what_others_put_beside_a_report_stops_the_next(runs: dict[str, Path], out: Path) -> None:
    for mine in (
        out / "notes.txt",
        out / "tables" / "notes.txt",
        out / "tables" / "1-synthetic" / "notes.txt",
        out / "tables" / "1-synthetic" / "charts" / "notes.svg",
        out / ".new-mine",
    ):
        mine.write_text("dear")
        with pytest.raises(LmcompareError, match=rf"contains other files .*{mine.name}"):
            write_joined_report(list(runs.values()), out)
        assert mine.read_text() == "dear"
        mine.unlink()
    write_joined_report(list(runs.values()), out)


@pytest.mark.usefixtures("quick")
def test_written_again_nothing_of_the_last_one_stays_nor_of_a_killed_one(runs: dict[str, Path], out: Path) -> None:
    (out / ".new-left1234" / "tables").mkdir(parents=True)
    assert (out / "tables").exists()
    assert write_joined_report([runs["counts"], runs["neural"]], out) == out / "report.html"
    assert {path.name for path in out.iterdir()} <= {"report.html", JOINED, ".lock", ".holder"}
    assert (out / "report.html").read_text() == "new"


def test_a_report_that_fails_leaves_the_last_one_whole(
    runs: dict[str, Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(tables: object, place: Path) -> None:
        (place / "report.html").write_text("new")
        raise KeyError("a fault")

    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    before = content()
    monkeypatch.setattr(write, "_write_tables", fails)
    with pytest.raises(LmcompareError, match=r"a fault.*fault of lmcompare") as told:
        write_joined_report([runs["counts"], runs["else"]], out)
    assert str(runs["counts"]) in str(told.value)
    assert content() == before


@pytest.mark.usefixtures("quick")
def test_where_the_new_report_cannot_be_moved_the_last_one_is_put_back(
    runs: dict[str, Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, replace, failed = (out / "report.html").read_text(), os.replace, list[Path]()

    def fails_once(old: Path, new: Path) -> None:
        if new == out / "report.html" and not failed:
            failed.append(old)
            raise OSError(28, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(os, "replace", fails_once)
    with pytest.raises((LmcompareError, OSError), match="No space"):
        write_joined_report(list(runs.values()), out)
    assert failed
    assert (out / "report.html").read_text() == before


def test_runs_that_cannot_be_joined_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    odd = Path(shutil.copytree(runs["else"], tmp_path / "odd"))
    manifest = json.loads((odd / "manifest.json").read_text())
    edit(odd, corpus={**manifest["corpus"], "notes": 5})
    for other, why in (
        (runs["counts"] / ".." / "counts", "is given twice"),
        (tmp_path, "is not a run folder"),
        (odd, str(odd)),
    ):
        with pytest.raises(LmcompareError, match=why):
            write_joined_report([runs["counts"], other], tmp_path / "out")
