"""The laboratory's findings in the report of a run: its figures against the JSON, and what is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lmcompare.analysis.findings import digest_of
from lmcompare.analysis.joined import join
from lmcompare.lab.findings import path_of
from lmcompare.lab.page import write_page
from lmcompare.report.data import SERVED, ReportData, Section
from lmcompare.report.write import write_reports
from lmcompare.runfolder.run import load_run
from lmcompare.studies.ideas import section as ideas
from tests.lab.laboratory import write_lab
from tests.report.part import part_of
from tests.report.tree import parse
from tests.run_folder import edit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of(tmp_path_factory.mktemp("counts") / "run", ("unigram", "ngram"))


@pytest.fixture
def both(counts: Path, tmp_path: Path) -> Path:
    """A run's folder in which the laboratory was run, too."""
    return write_lab(Path(shutil.copytree(counts, tmp_path / "both")), counts)


def section(folder: Path, **page: str) -> Section:
    built = ideas.build(ReportData(load_run(folder), page=page))
    assert built is not None
    return built


def change(folder: Path, name: str, **changes: object) -> None:
    """Change stored findings as if they had been written so."""
    path = path_of(folder, name)
    table = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(table | {"checksum": digest_of(table)}), encoding="utf-8")


def test_the_figures_are_those_of_the_file(both: Path) -> None:
    built = section(both)
    assert "+0.021" in built.markdown
    assert "charts/ideas-1.svg" in built.markdown
    assert list(built.charts) == ["ideas-1.svg"]
    shown = parse(str(built.html))
    table = json.loads(path_of(both, "ideas").read_text(encoding="utf-8"))
    assert [head.text for head in shown.all("h3")] == [table["title"], "The other"]
    for said in (table["question"], table["verdict"], "preview: 1 training of each", "perhaps by chance"):
        assert said in shown.text

    def number(text: str) -> float | None:
        return None if text == "–" else float(text.replace("−", "-"))

    for row, (name, value, interval, p, figure) in zip(
        table["tables"][0]["rows"], shown.one("table").rows(), strict=True
    ):
        low, _, high = interval.partition(" to ")
        remark = f" {row['remark']}" if row["remark"] else ""
        saying = f" {row['saying']}" if row["saying"] else ""
        assert name.startswith(f"{row['name']}{saying}{remark}")
        stored = [row[key] for key in ("value", "low", "high", "figure")]
        written = [number(text) for text in (value, low, high or low, figure)]
        assert written == [None if each is None else pytest.approx(each, abs=5e-4) for each in stored]
        assert (p == "–") == (row["p_holm"] is None)


def test_what_is_written_is_text(both: Path) -> None:
    change(both, "ideas", verdict="<script>evil</script>", question="<img src=x>")
    html = str(section(both).html)
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;b&gt;the order" in html


def test_findings_that_were_damaged_are_one_sentence(both: Path) -> None:
    path = path_of(both, "ideas")
    path.write_text(path.read_text(encoding="utf-8").replace("0.0214", "0.2140"), encoding="utf-8")
    path_of(both, "nested").write_text("[" * 100_000, encoding="utf-8")
    text = parse(str(section(both).html)).text
    for name in ("ideas", "nested"):
        assert f"findings/{name}.json" in text
    assert "perhaps by chance" in text  # the other findings
    assert "0.2" not in text


@pytest.mark.parametrize("stored", [True, False])
def test_findings_of_another_text_are_left_out(both: Path, stored: bool) -> None:
    if stored:
        change(both, "ideas", text="of others")
    else:  # by an older version: the text is that of the trained models
        manifest = json.loads((both / "run" / "manifest.json").read_text(encoding="utf-8"))
        edit(both / "run", corpus=manifest["corpus"] | {"fingerprint": "of others"})
        change(both, "other", text=load_run(both).corpus_fingerprint)
    text = parse(str(section(both).html)).text
    assert "What was found by ideas is left out" in text
    assert "+0.021" not in text
    assert "perhaps by chance" in text


def test_the_page_of_the_laboratory_is_linked_where_it_lies_beside(both: Path, counts: Path) -> None:
    def links(built: Section | None) -> bool:
        assert built is not None
        return 'href="lab.html"' in str(built.html)

    assert not links(section(both))
    (both / "lab.html").touch()
    assert links(section(both))
    assert not links(section(both, live=SERVED))
    (table,) = join([load_run(both), load_run(counts)])  # their report is somewhere else
    assert not links(ideas.build(ReportData(table.run)))
    assert ideas.build(ReportData(load_run(counts))) is None  # a run without a laboratory


def test_the_charts_of_the_laboratory_stay_when_the_report_is_written(both: Path) -> None:
    write_page(both, {})
    write_reports(both)
    write_reports(both)
    assert {"lab-ideas-1.svg", "ideas-1.svg"} <= {path.name for path in (both / "charts").iterdir()}
