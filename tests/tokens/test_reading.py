"""A tokenised file read at once is what the tokenizer and the vocabulary make of its lines."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lmcompare.corpora.sentences import line_sentences
from lmcompare.errors import LmcompareError
from lmcompare.tokens import Vocabulary, make_tokenizer, reading
from lmcompare.tokens.reading import read_tokenised

WORDS = st.sampled_from(["a", "b", "c", "dé", "日本", "<unk>", "</s>", "<s>", "x.y"])
BLANKS = st.sampled_from([" ", "  ", "\t", "\r", " \u00a0", "\u3000", "\u0085", "\x1c", "\x1f", "\u200b", "\u2028"])
# each of Unicode's white space that is not above, once in every run
OTHERS = "a" + "a".join("\u1680\u2000\u2005\u200a\u2029\u202f\u205f") + "a\u1681a\u2060a\u200b\u3001"
LINES = st.lists(st.lists(st.one_of(WORDS, BLANKS), max_size=9).map("".join), max_size=8)


def by_lines(text: str, min_count: int) -> tuple[Vocabulary, list[int]]:
    """Vocabulary and ids from the tokenizer, a line at a time."""
    tokenizer = make_tokenizer({"kind": "whitespace"})
    lines = [text[start:end] for start, end in line_sentences(text)] if text else []
    sentences = [tokenizer.tokenize(line)[0] for line in lines]
    vocabulary = Vocabulary.build(sentences, min_count=min_count)
    return vocabulary, [i for s in sentences for i in [*vocabulary.ids(s).tolist(), vocabulary.end]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.integers(1, 2), st.sampled_from([3, 16, 2**24]), st.booleans())
@example([OTHERS], 1, 2**24, True)
def test_the_same_as_line_by_line(tmp_path: Path, lines: list[str], min_count: int, block: int, closed: bool) -> None:
    text = "\n".join(lines) + "\n" * closed
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", block)
        try:
            vocabulary, ids = by_lines(text, min_count)
        except LmcompareError:
            with pytest.raises(LmcompareError, match=r"lower min_count|contains no tokens"):
                read_tokenised(path, min_count=min_count)
            return
        found = read_tokenised(path, min_count=min_count)
        assert found.ids.tolist() == ids
        assert found.vocabulary == vocabulary
        np.testing.assert_array_equal(found.vocabulary.counts, vocabulary.counts)
        assert read_tokenised(path, vocabulary).ids.tolist() == ids
    assert found.names == ("text.txt",)
    assert found.n_documents == 1


def test_words_that_the_vocabulary_lacks_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(codecs.BOM_UTF8 + b"a z b\n")
    vocabulary = Vocabulary.build([["a", "b"]])
    assert read_tokenised(path, vocabulary).ids.tolist() == [*vocabulary.ids(["a", "z", "b"]), vocabulary.end]


def test_what_is_wrong_with_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="can't be read"):
        read_tokenised(tmp_path / "none.txt")
    with pytest.raises(LmcompareError, match="can't be read"):
        read_tokenised(tmp_path)
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1") + b" a\n")
    with pytest.raises(LmcompareError, match="not UTF-8"):
        read_tokenised(tmp_path / "latin.txt")
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(LmcompareError, match="contains no tokens"):
        read_tokenised(tmp_path / "empty.txt")


@pytest.mark.parametrize("wrong", [{"min_count": 0}, {"min_count": 1.5}])
def test_arguments_that_make_no_sense(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a b\n")
    with pytest.raises(LmcompareError, match="whole number"):
        read_tokenised(path, **wrong)
    with pytest.raises(LmcompareError, match="leave one of them out"):
        read_tokenised(path, Vocabulary.build([["a"]]), min_count=2)
