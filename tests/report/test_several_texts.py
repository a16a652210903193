"""One report of several runs: on one text a report as of one run, on several a page with a table for each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lmcompare.analysis import load_run, results
from lmcompare.errors import LmcompareError
from lmcompare.report import numbers
from lmcompare.report.write import write_joined_report
from tests.report.tree import Node, parse
from tests.run_folder import edit, reseal


@pytest.fixture(scope="module")
def joined(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the two on one text."""
    return write_joined_report([runs["counts"], runs["neural"]], tmp_path_factory.mktemp("joined") / "out").parent


def page(folder: Path) -> Node:
    return parse((folder / "report.html").read_text(encoding="utf-8"))


def test_runs_on_one_text_make_one_report(joined: Path) -> None:
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
    assert not (joined / "tables").exists()


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


def test_it_has_the_definitions_of_the_words_that_it_uses(apart: Path) -> None:
    tree = page(apart)
    terms = [each for each in tree.one("section", id_="definitions").all("div") if "id" in each.attributes]
    defined = {each.attributes["id"] for each in terms}
    linked = {a.attributes["href"][1:] for a in tree.all("a") if a.attributes["href"].startswith("#term-")}
    assert defined == linked
    assert defined


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
    for line in said.splitlines():
        for part in line.split("](")[1:]:
            target = part.split(")")[0]
            assert target.startswith("#") or (apart / target).is_file(), target


def test_costs_on_different_machines_are_not_drawn_together(runs: dict[str, Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(runs["neural"], tmp_path / "other"))
    for path in other.glob("cells/*/*/cost.json"):
        cost = json.loads(path.read_text())
        machines = [{**cost["machines"][0], "cpu": "Another processor", "cores": 64}]
        path.write_text(json.dumps({**cost, "machines": machines}))
    reseal(other)
    out = write_joined_report([runs["counts"], other], tmp_path / "out").parent
    tree = page(out)
    cost = next(s for s in tree.all("section") if s.attributes["id"] == "cost")
    assert "trained and scored on different machines" in cost.text
    assert [figure.one("h3").text for figure in cost.all("figure") if figure.all("h3")] == ["Parameters"]
    assert "Another processor" in cost.text
    assert "Fastest within" not in tree.one("header").text
    assert "cheapest to train" not in tree.one("header").text
    assert not list(out.glob("charts/cost-train*"))


def test_a_folder_that_holds_anything_else_is_left_alone(runs: dict[str, Path], tmp_path: Path) -> None:
    both = [runs["counts"], runs["else"]]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "mine.txt").write_text("dear")
    with pytest.raises(LmcompareError, match="contains other files"):
        write_joined_report(both, tmp_path)
    assert (tmp_path / "tables" / "mine.txt").read_text() == "dear"
    with pytest.raises(LmcompareError, match="contains other files"):
        write_joined_report(both, runs["counts"])
    (tmp_path / "file").write_text("")
    with pytest.raises(LmcompareError, match="is a file, not a folder"):
        write_joined_report(both, tmp_path / "file")


def test_what_others_put_beside_a_report_stops_the_next(runs: dict[str, Path], apart: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(apart, tmp_path / "out"))
    for mine in (out / "tables" / "notes.txt", out / "tables" / "1-synthetic" / "notes.txt", out / "notes.txt"):
        mine.write_text("dear")
        with pytest.raises(LmcompareError, match=r"contains other files .*notes\.txt"):
            write_joined_report(list(runs.values()), out)
        assert mine.read_text() == "dear"
        mine.unlink()
    write_joined_report(list(runs.values()), out)


def test_what_a_killed_report_left_aside_goes(runs: dict[str, Path], tmp_path: Path) -> None:
    out = write_joined_report([runs["counts"], runs["else"]], tmp_path / "out").parent
    (out / ".new-left1234" / "tables").mkdir(parents=True)
    write_joined_report([runs["counts"], runs["else"]], out)
    assert not [path.name for path in out.iterdir() if path.name.startswith(".new-")]
    mine = out / ".new-mine"
    mine.mkdir()
    for place in (out, tmp_path / "empty"):
        shutil.copytree(mine, place / ".new-mine", dirs_exist_ok=True)
        with pytest.raises(LmcompareError, match=r"contains other files \(\.new-mine"):
            write_joined_report([runs["counts"], runs["else"]], place)
        assert (place / ".new-mine").is_dir()


def test_a_report_that_fails_leaves_the_last_one_whole(runs: dict[str, Path], apart: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(apart, tmp_path / "out"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    lost = Path(shutil.copytree(runs["else"], tmp_path / "lost"))
    shutil.rmtree(lost / "tokens")
    with pytest.raises(LmcompareError):
        write_joined_report([runs["counts"], lost], out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("corpus", [{"notes": 5}, {"splits": "x"}])
def test_a_manifest_of_another_make_is_one_sentence(
    runs: dict[str, Path], tmp_path: Path, corpus: dict[str, object]
) -> None:
    odd = Path(shutil.copytree(runs["else"], tmp_path / "odd"))
    manifest = json.loads((odd / "manifest.json").read_text())
    edit(odd, corpus={**manifest["corpus"], **corpus})
    with pytest.raises(LmcompareError) as told:
        write_joined_report([runs["counts"], odd], tmp_path / "out")
    assert str(odd) in str(told.value)


def test_a_long_name_in_another_script_is_cut(runs: dict[str, Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(runs["else"], tmp_path / "other"))
    manifest = json.loads((other / "manifest.json").read_text())
    edit(other, corpus={**manifest["corpus"], "name": "語" * 80})
    out = write_joined_report([runs["counts"], other], tmp_path / "out").parent
    assert "語" * 80 in (out / "report.html").read_text(encoding="utf-8")
    assert len(list(out.glob("tables/2-*/report.html"))) == 1


def test_written_again_nothing_of_the_last_one_stays(runs: dict[str, Path], apart: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(apart, tmp_path / "out"))
    assert len(list((out / "tables").iterdir())) == 2
    write_joined_report([runs["counts"], runs["neural"]], out)
    assert not (out / "tables").exists()
    assert page(out).one("h1").text == "The transformer predicts this text best"


def test_a_run_given_twice_and_what_is_no_run_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="is given twice"):
        write_joined_report([runs["counts"], runs["counts"] / ".." / "counts"], tmp_path / "out")
    with pytest.raises(LmcompareError, match="is not a run folder"):
        write_joined_report([runs["counts"], tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()
