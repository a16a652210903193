"""``lmcompare corpora``: the list, and what is in one corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.console import lmcompare

TEXT = "".join(f"Line {n} of the tale begins here. It ends here.\n" for n in range(40))


def test_the_list_has_two_names(tmp_path: Path) -> None:
    alone = lmcompare("corpora", cwd=tmp_path)
    assert alone.returncode == 0
    assert "nltk:NAME" in alone.stdout
    assert lmcompare("corpora", "list", cwd=tmp_path).stdout == alone.stdout


def test_a_corpus_is_shown_in_plain_lines_and_as_a_page(tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    done = lmcompare("corpora", "show", "tale.txt", "--tokens", "whitespace", "--out", "tale.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {cells[0]: cells[1:] for line in done.stdout.splitlines() if (cells := line.split())}
    assert rows["train"][:4] == ["1", "32", "320", "352"]
    assert rows["test"][-2:] == ["9.1", "%"]  # the numbers of its lines: 4 of 44 tokens
    assert "1 text file in ascii" in done.stdout.replace("\u00a0", " ")
    assert "Heaps' law" in done.stdout
    assert "One text without document marks was cut at line ends" in done.stdout
    assert "\x1b" not in done.stdout
    assert "Reading tale.txt" in done.stderr
    page = (tmp_path / "tale.html").read_text()
    assert "The corpus tale" in page


@pytest.mark.slow
def test_options_of_corpus_and_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    options = ("--documents", "line", "--lowercase", "--sentences", "punkt", "--tokens", "bpe:300")
    done = lmcompare("corpora", "show", "tale.txt", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of the tale begins here. it ends here." in done.stdout
    done = lmcompare("corpora", "show", "tale.txt", "--min-count", "2", cwd=tmp_path)
    assert "unknown" in done.stdout.splitlines()[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tale.tx",), "did you mean 'tale.txt'"),
        (("tale.txt", "--out", "page.pdf"), "--out must name a file that ends in .html, not 'page.pdf'"),
        (("tale.txt", "--out", "tale.txt/page.html"), "can't be written"),
        (("tale.txt", "--tokens", "words"), "did you mean 'word'"),
        (("tale.txt", "--tokens", "byte", "--min-count", "3"), "always has the same vocabulary"),
        (("tale.txt", "--sentences", "lines"), "did you mean 'line'"),
        (("series:statsmodels:nile",), "the report of 'lmcompare run --corpus series:statsmodels:nile'"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    done = lmcompare("corpora", "show", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    (tmp_path / "own.html").write_text("<p>mine</p>")
    done = lmcompare("corpora", "show", "tale.txt", "--out", "own.html", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "own.html").read_text()) == (2, "<p>mine</p>")
    assert "own.html is there already" in done.stderr
    for _ in range(2):  # its own page may be written anew
        assert lmcompare("corpora", "show", "tale.txt", "--out", "page.html", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("corpus", ["page.html", ".", "*.html", "train=tale.txt,test=page.html"])
def test_a_page_that_is_read_is_not_replaced(tmp_path: Path, corpus: str) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    page = '<meta name="generator" content="lmcompare 1">'
    (tmp_path / "page.html").write_text(page)
    done = lmcompare("corpora", "show", corpus, "--out", "page.html", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "page.html").read_text()) == (2, page)
    assert "page.html would be a part of the corpus" in done.stderr


def test_a_new_page_is_not_written_into_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "tale.txt").write_text(TEXT)
    done = lmcompare("corpora", "show", "texts", "--out", "texts/page.html", cwd=tmp_path)
    assert (done.returncode, list((tmp_path / "texts").iterdir())) == (2, [tmp_path / "texts" / "tale.txt"])
    assert "would be a part of the corpus" in done.stderr
