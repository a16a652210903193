"""ARPA files in the dialects of the tools that write them, and what is wrong with those that are broken."""

from __future__ import annotations

import contextlib
import gzip
import re
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmcompare import memory
from lmcompare.counts import arpa
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.tokens import Encoded, Vocabulary
from tests.counts.random_tables import plainly, table_of, tables, vocabulary

# A bigram model of "a b": as KenLM writes it, and as the other tools do.
KENLM = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.2\t<unk>\t0
0\t<s>\t-0.3
-0.7\t</s>\t0
-0.5\ta\t-0.25
-0.6\tb\t-0.125

\\2-grams:
-0.2\t<s> a
-0.1\ta b
-0.05\tb </s>

\\end\\
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


def read(content: str | bytes, tmp_path: Path, name: str = "model.arpa") -> tuple[BackoffTable, Vocabulary]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return arpa.read(path)


def log10(content: str | bytes, tmp_path: Path, *sentences: str) -> list[float]:
    table, words = read(content, tmp_path)
    text = Encoded.from_documents([[*words.ids(s.split()), 1] for s in sentences], words)
    return list(np.round(table.score(text) / np.log(10), 6))


def test_a_file_worked_by_hand(tmp_path: Path) -> None:
    # "a b": <s> a, a b, b </s> are there. "b c a": <s> has no b, -0.3 - 0.6; b has no <unk>, -0.125 - 1.2; nothing
    # follows <unk>, whose weight is 1: -0.5; a has no </s>: -0.25 - 0.7.
    assert log10(KENLM, tmp_path, "a b", "b c a") == [-0.2, -0.1, -0.05, -0.9, -1.325, -0.5, -0.95]
    table, words = read(KENLM, tmp_path)
    assert words.tokens == ("<unk>", "</s>", "a", "b")
    assert (table.order, table.start) == (2, 4)


DIALECTS = {
    "blanks for tabs": KENLM.replace("\t", " "),
    "several": KENLM.replace("\t", "  \t "),
    "blanks at the ends": re.sub(r"(?m)$", " \t", KENLM),
    "windows": KENLM.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + KENLM,
    "words before": "made by hand\n\n" + KENLM,
    "blanks in the header": KENLM.replace("ngram 1=5", "ngram  1 = 5"),
    "no blank lines": re.sub(r"\n\n+", "\n", KENLM),
    "more blank lines": KENLM.replace("\n", "\n\n"),
    "no weight where it is 1": KENLM.replace("\t0\n", "\n"),
    "weights at the highest order": KENLM.replace("</s>\n\n\\end", "</s>\t0\n\n\\end"),
    "in capitals": KENLM.replace("<s>", "<S>").replace("</s>", "</S>").replace("<unk>", "<UNK>"),
    "the beginning impossible": KENLM.replace("0\t<s>", "-99\t<s>"),
    "the beginning infinitely so": KENLM.replace("0\t<s>", "-inf\t<s>"),
    "other numbers": KENLM.replace("-0.125", "-12.5E-2").replace("-0.1\t", "-.1\t").replace("-0.05", "-5e-02"),
    "many digits": KENLM.replace("-0.125", "-0.12500000000000000000000"),
    "in another order": KENLM.replace("-0.2\t<s> a\n-0.1\ta b\n", "-0.1\ta b\n-0.2\t<s> a\n"),
    "something after the end": KENLM + "and so on\n",
    "no newline at the end": KENLM.rstrip("\n"),
    "impossible n-grams": KENLM.replace("2=3", "2=5").replace("\\end", "-9 a <s>\n-9 <s> <s>\n\\end"),
}


def test_dialects(tmp_path: Path) -> None:
    expected = [-0.2, -0.1, -0.05, -0.9, -1.325, -0.5, -0.95]
    for name, content in DIALECTS.items():
        assert log10(content, tmp_path, "a b", "b c a") == expected, name


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    assert log10(gzip.compress(KENLM.encode()), tmp_path, "a b") == [-0.2, -0.1, -0.05]


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(KENLM.encode() + bytes(10**6))
    assert read(bomb, tmp_path)  # a megabyte does no harm
    monkeypatch.setattr(memory, "ALWAYS", 1000)
    with pytest.raises(LmcompareError, match="becomes more than 100 times as large"):
        read(bomb, tmp_path)


def test_capitals_beside_lower_case_are_a_word(tmp_path: Path) -> None:
    content = KENLM.replace("1=5", "1=6").replace("\n\n\\2", "\n-2\t<UNK>\n\n\\2")
    assert read(content, tmp_path)[1].tokens == ("<unk>", "</s>", "a", "b", "<UNK>")
    assert log10(content, tmp_path, "<UNK>")[0] == -2.3


def test_without_unknown_word_it_is_next_to_impossible(tmp_path: Path) -> None:
    content = KENLM.replace("1=5", "1=4").replace("-1.2\t<unk>\t0\n", "")
    assert log10(content, tmp_path, "c") == [-100.3, -0.7]


def test_without_beginning_a_sentence_has_no_context(tmp_path: Path) -> None:
    content = KENLM.replace("1=5", "1=4").replace("2=3", "2=2").replace("0\t<s>\t-0.3\n", "")
    assert log10(content.replace("-0.2\t<s> a\n", ""), tmp_path, "a b") == [-0.5, -0.1, -0.05]


def test_missing_suffixes_and_contexts(tmp_path: Path) -> None:
    # "b </s>" is lacking, "a b </s>" is not, as after SRILM's pruning; and of "<s> b a b" not one context is there.
    # "a b": "<s> a" is there, "<s> a b" is not, so the weight of "<s> a" and "a b"; "a b </s>" is there.
    # "b a b": "<s> b" is lacking: -0.3 - 0.6; it was put in with weight 1. "b a" is lacking: b's weight, -0.125, and
    # a, -0.5. "<s> b a b" is there. At the end, after "b a b", which is not there, "a b </s>" is there.
    content = """\\data\\
ngram 1=5
ngram 2=2
ngram 3=1
ngram 4=1
\\1-grams:
-1.2 <unk>
-99 <s> -0.3
-0.7 </s>
-0.5 a -0.25
-0.6 b -0.125
\\2-grams:
-0.2 <s> a -0.4
-0.1 a b 0.1
\\3-grams:
-0.01 a b </s>
\\4-grams:
-0.03 <s> b a b
\\end\\
"""
    table, _ = read(content, tmp_path)
    assert [len(level) for level in table.levels] == [5, 3, 2, 1]
    expected = [-0.2, -0.5, -0.01, -0.9, -0.625, -0.03, -0.01]
    assert log10(content, tmp_path, "a b", "b a b") == expected


FAULTS: dict[str | bytes, str] = {
    "": "is not an ARPA file",
    "nothing of the kind": "is not an ARPA file",
    "iARPA\n" + KENLM: "line 1: iARPA",
    KENLM[:17]: "it is cut off within its header",
    KENLM[:100]: "line 11: it is cut off",
    KENLM[:-8]: "line 16: it is cut off",
    KENLM.replace("1=5", "1=x"): "line 2: after \\data\\ must come 'ngram 1='",
    KENLM.replace("ngram 1=5\n", ""): "line 2: after \\data\\ must come 'ngram 1='",
    KENLM.replace("ngram 1=5\nngram 2=3\n", ""): "the header announces no n-grams",
    KENLM.replace("1=5", "1=6"): "line 2: it announces 6 1-grams, but the section in line 5 has 5",
    KENLM.replace("2=3", "2=2"): "line 3: it announces 2 2-grams, but the section in line 12 has 3",
    KENLM.replace("2=3", f"2={10**17}"): f"line 3: it announces {10**17:,} 2-grams",
    KENLM.replace("ngram 2=3\n", ""): "line 11: this line must be \\end\\, not '\\\\2-grams:'",
    KENLM.replace("2=3", "2=3\nngram 3=1"): "this line must be \\3-grams:",
    KENLM.replace("\\1-grams", "\\one-grams"): "this line must be \\1-grams:",
    KENLM.replace("-0.5\ta", "-0.5.1\ta"): "line 9: the probability or the weight is not a number",
    KENLM.replace("-0.5\ta", "nan\ta"): "line 9: the probability or the weight is not a number",
    KENLM.replace("-0.25", "1e"): "line 9: the probability or the weight is not a number",
    KENLM.replace("-0.25", "inf"): "line 9: the probability or the weight is not a number",
    KENLM.replace("-0.5\ta", "0.5\ta"): "line 9: the probability is above 1",
    KENLM.replace("-0.5\ta", "inf\ta"): "line 9: the probability is above 1",
    KENLM.replace("-0.1\ta b", "-0.1\ta"): "line 14: a 2-gram must have a log10 probability and 2 words",
    KENLM.replace("-0.1\ta b", "-0.1\ta b b 0"): "line 14: a 2-gram must have a log10 probability, 2 words and a",
    KENLM.replace("-0.1\ta b", "-0.1\ta c"): "line 14: a word is not among the 1-grams",
    KENLM.replace("-0.1\ta b", "-0.1\t<s> a"): "line 14: the same n-gram is in line 13",
    KENLM.replace("-0.6\tb", "-0.6\ta"): "line 10: this word is twice among the 1-grams",
    KENLM.replace("</s>", "c"): "has no </s> among its words",
    KENLM.encode().replace(b"b", b"\xe9"): "line 10: a word is not UTF-8",
    gzip.compress(KENLM.encode())[:-9]: "is a damaged gzip file",
    gzip.compress(KENLM.encode()).replace(b"\x00", b"\x01"): "gzip",
}


def test_faults_are_told_with_their_line(tmp_path: Path) -> None:
    for content, said in FAULTS.items():
        with pytest.raises(LmcompareError, match=re.escape(said)):
            read(content, tmp_path)


def test_a_probability_just_above_one_is_rounding(tmp_path: Path) -> None:
    assert log10(KENLM.replace("-0.1\ta b", "3e-8\ta b"), tmp_path, "a b")[1] == 0


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="there is no file"):
        arpa.read(tmp_path / "none.arpa")
    with pytest.raises(LmcompareError, match="can't be read"):
        arpa.read(tmp_path)


@given(tables(), st.booleans())
def test_what_was_written_comes_back(folder: Path, table: BackoffTable, mix: bool) -> None:
    words, path = vocabulary(table.start), folder / "written.arpa"
    with patch.object(arpa, "BLOCK_LINES", 3):
        arpa.write(table, words, np.arange(table.start + 1), path)
    content = path.read_text(encoding="utf-8")
    if mix:  # all but the words back to front
        sections = re.split(r"(?m)^(\\\S+\n)", content)
        content = "".join(_reversed(part) if i > 5 and i % 2 == 0 else part for i, part in enumerate(sections))
    with patch.object(arpa, "BLOCK_BYTES", 40):
        again, same = read(content, folder)
    assert same == words
    assert plainly(again) == plainly(table)


def test_a_weight_of_minus_zero_is_written_without_its_sign(tmp_path: Path) -> None:
    table = table_of([{(w,): (-0.5, -0.0) for w in range(3)}, {(0, 1): (-0.0, 0)}], 3)
    arpa.write(table, Vocabulary(["<unk>", "</s>"]), np.arange(3), tmp_path / "a.arpa")
    lines = (tmp_path / "a.arpa").read_text().splitlines()
    assert "-0.5\t<unk>\t0" in lines
    assert "0\t<unk> </s>" in lines


def test_a_token_that_the_format_has_no_way_to_write(tmp_path: Path) -> None:
    table = table_of([{(w,): (-0.5, 0) for w in range(4)}], 4)
    for token in ("<s>", "a b", "a\u00a0b", ""):
        with pytest.raises(LmcompareError, match="can't be written in the ARPA format"):
            arpa.write(table, Vocabulary(["<unk>", "</s>", token]), np.arange(4), tmp_path / "none.arpa")
    with pytest.raises(LmcompareError, match="must begin with <unk> and </s>"):
        arpa.write(table, Vocabulary(["a", "</s>", "b"]), np.arange(4), tmp_path / "none.arpa")


def _reversed(section: str) -> str:
    lines = [line for line in section.split("\n") if line]
    return "\n".join([*lines[::-1], "", ""])


@given(st.data())
def test_a_damaged_file_is_an_error_and_no_crash(folder: Path, data: st.DataObject) -> None:
    content = bytearray(KENLM.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (content, content[:cut]):
        with contextlib.suppress(LmcompareError):
            table, words = read(bytes(damaged), folder)
            assert table.start == len(words)


def weight(text: str, folder: Path) -> float:
    """The weight of the word a that a file has as this text."""
    return float(read(KENLM.replace("-0.25", text), folder)[0].levels[0].log10_backoffs[2])


@given(st.floats(-200, 0))
@example(-99.5)
@example(-1e-30)
def test_numbers_are_those_of_python(folder: Path, number: float) -> None:
    for form in ("{!r}", "{:.7g}", "{:.6f}", "{:e}", "{:+.9E}", "{:.25f}", "{:.0f}."):
        text = form.format(number)
        assert weight(text, folder) == np.float32(float(text))


def test_what_is_no_number(tmp_path: Path) -> None:
    for text in ("-", ".", "-.", "1e", "1e+", "e5", "1.2.3", "0x1", "1_0", "in", "infi", "--1", "1-", "nan"):
        with pytest.raises(LmcompareError, match="line 9: the probability or the weight is not a number"):
            weight(text, tmp_path)
