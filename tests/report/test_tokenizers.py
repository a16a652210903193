"""What each tokenizer makes of the text, against sums over the stored tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.analysis import Run
from lmcompare.report.data import ReportData
from lmcompare.studies.corpus.section import cuts, longest_of
from tests.report.part import data_of
from tests.report.tree import Node


@pytest.mark.slow
def test_the_figures_are_sums_over_the_test_text(run: Run, tree: Node, tmp_path: Path) -> None:
    rows = cuts(ReportData(run))
    sizes = run.corpus.splits["test"]
    for row, (fingerprint, entry) in zip(rows, run.manifest.tokens.items(), strict=True):
        features = run.tokens[fingerprint].features("test", ["overhead_bits"])
        assert row.per_word == pytest.approx(entry.tokens["test"] / sizes.words)
        assert row.bytes_per_token == pytest.approx(sizes.bytes / entry.tokens["test"])
        assert row.overhead == pytest.approx(features["overhead_bits"].sum() / sizes.bytes)
        lengths = [len(token) for token in row.longest]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] == max(len(token) for token in run.tokens[fingerprint].vocabulary.tokens[2:])
    words, characters = rows
    assert len(characters.sentence) > len(words.sentence) > 1
    assert "".join(characters.sentence).replace(" ", "") == "".join(words.sentence)
    assert len(words.strawberry) == 1
    known = run.tokens[list(run.manifest.tokens)[1]].vocabulary
    assert list(characters.strawberry) == [letter if letter in known else "<unk>" for letter in "strawberry"]
    title = "What each tokenizer makes of the text"
    assert title in next(s for s in tree.all("section") if s.attributes["id"] == "text").text
    one = data_of(tmp_path, "unigram", "ngram")
    assert cuts(one) == [], "nothing to compare"


def test_a_byte_counts_once_however_it_is_written() -> None:
    tokens = ["<0x20><0xE1><0xBC>", "abcde", "ab", "abcd", "abc", "a", "b"]
    assert longest_of(tokens) == ("abcde", "abcd", "<0x20><0xE1><0xBC>", "abc", "ab")
