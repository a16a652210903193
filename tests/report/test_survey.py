"""The page of a corpus: complete, with the right figures in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmcompare.corpora import load
from lmcompare.report.survey.page import survey_page
from lmcompare.report.survey.words import encodings, facts, laws, remarks, share
from lmcompare.survey import Survey, survey
from tests.report.tree import parse

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey(load("lee"), min_count=2)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    path = tmp_path_factory.mktemp("text") / "tale.txt"
    path.write_text("Some line of a tale.\nAnother <b>line</b> of it.\r\n" * 30, encoding="utf-8")
    return survey(load(path))


def test_the_page_has_every_section_and_defines_the_terms_that_it_links(found: Survey, text_file: Survey) -> None:
    tree = parse(survey_page(found))
    ids = {node.attributes.get("id") for node in tree.all("section")}
    assert ids == {"sizes", "laws", "repetitions", "lines", "samples", "definitions"}  # and no files: lee is a scheme
    assert len(tree.all("svg", "chart")) == 2
    linked = {a.attributes["href"][1:] for a in tree.all("a") if a.attributes.get("href", "").startswith("#term")}
    assert linked
    assert linked <= {node.attributes.get("id") for node in tree.all("div")}
    page = survey_page(text_file)
    assert "<b>line" not in page
    assert "&lt;b&gt;line" in page


def test_words(found: Survey, text_file: Survey) -> None:
    values = {name: value for name, value, _, _ in facts(found)}
    assert values["Types"] == "6,924"
    assert values["Zipf's exponent"] == "0.94"
    assert values["Heaps' exponent"] == "0.75"
    assert len(laws(found)) == 2
    said = " ".join(remarks(text_file)).replace("\u00a0", " ")
    assert "end in two ways" in said
    assert "95.8 %" in said  # 46 of the 48 lines of train
    assert encodings(text_file).replace("\u00a0", " ") == "1 text file in ascii"
    assert encodings(found) == ""
    empty = replace(found, zipf=replace(found.zipf, exponent=None), heaps=replace(found.heaps, exponent=None))
    assert "too short" in laws(empty)[0]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, "–"), (0, 9, "0.0 %"), (1, 3, "33.3 %"), (1, 300, "0.33 %"), (1, 10**6, "< 0.01 %")],
)
def test_shares(part: int, whole: int, said: str) -> None:
    assert share(part, whole).replace("\u00a0", " ") == said
