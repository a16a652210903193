"""What each tokenizer makes of the text, against sums over the stored tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.report.data import ReportData
from lmcompare.report.sections.tokenizers import cuts, longest_of
from tests.report.tree import Node


def test_the_figures_are_sums_over_the_test_text(run: Run) -> None:
    rows = cuts(ReportData(run))
    assert len(rows) == 2
    sizes = run.corpus.splits["test"]
    for row, (fingerprint, entry) in zip(rows, run.manifest.tokens.items(), strict=True):
        features = run.tokens[fingerprint].features("test", ["overhead_bits"])
        assert row.per_word == pytest.approx(entry.tokens["test"] / sizes.words)
        assert row.bytes_per_token == pytest.approx(sizes.bytes / entry.tokens["test"])
        assert row.overhead == pytest.approx(features["overhead_bits"].sum() / sizes.bytes)
        lengths = [len(token) for token in row.longest]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] == max(len(token) for token in run.tokens[fingerprint].vocabulary.tokens[2:])


def test_a_byte_counts_once_however_it_is_written() -> None:
    tokens = ["<0x20><0xE1><0xBC>", "abcde", "ab", "abcd", "abc", "a", "b"]
    assert longest_of(tokens) == ("abcde", "abcd", "<0x20><0xE1><0xBC>", "abc", "ab")


def test_all_tokenizers_cut_the_same_sentence(run: Run) -> None:
    words, characters = (row.sentence for row in cuts(ReportData(run)))
    assert len(characters) > len(words) > 1
    assert "".join(characters).replace(" ", "") == "".join(words)


def test_the_table_is_shown_with_several_tokenizers_only(tree: Node, runs: dict[str, Path]) -> None:
    section = next(s for s in tree.all("section") if s.attributes["id"] == "text")
    assert "What each tokenizer makes of the text" in section.text
    assert cuts(ReportData(load_run(runs["counts"]))) == []


def test_of_strawberry_only_characters_have_letters(run: Run) -> None:
    words, characters = (row.strawberry for row in cuts(ReportData(run)))
    assert len(words) == 1
    assert len(characters) == len("strawberry")
    known = run.tokens[list(run.manifest.tokens)[1]].vocabulary
    assert list(characters) == [letter if letter in known else "<unk>" for letter in "strawberry"]
