"""Minimal pairs: files, and the pairs that come with lmcompare."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.probes import Pair, read_pairs

LINE = {"sentence_good": "a b", "sentence_bad": "b a"}


def test_the_shipped_pairs() -> None:
    pairs = read_pairs("english").pairs
    assert len(pairs) == 60
    counts = Counter(pair.phenomenon for pair in pairs)
    assert set(counts.values()) == {10}
    assert len(counts) == 6
    assert len({pair.good for pair in pairs} | {pair.bad for pair in pairs}) == 120
    for pair in pairs:  # they differ in little
        assert len(set(pair.good.split()) ^ set(pair.bad.split())) <= 4


def test_a_file_in_the_format_of_blimp(tmp_path: Path) -> None:
    rows = [
        {**LINE, "UID": "order", "linguistics_term": "syntax", "field": "syntax", "pairID": "0"},
        {**LINE, "UID": "order"},
        LINE,
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    found = read_pairs(str(tmp_path / "p.jsonl"))
    assert found.name == "p"
    assert found.pairs == (
        Pair("a b", "b a", "syntax"),
        Pair("a b", "b a", "order"),
        Pair("a b", "b a", "all pairs"),
    )


def test_the_files_of_a_folder_are_read_together(tmp_path: Path) -> None:
    folder = tmp_path / "blimp"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.jsonl").write_text(json.dumps({**LINE, "UID": name}) + "\n")
    found = read_pairs(str(folder))
    assert (found.name, [pair.phenomenon for pair in found.pairs]) == ("blimp", ["a", "b"])
    (folder / "b.jsonl").write_text("no json\n")
    with pytest.raises(LmcompareError, match=r"line 1 of .*b\.jsonl is not JSON"):
        read_pairs(str(folder))


def test_the_digest_is_that_of_the_pairs_alone(tmp_path: Path) -> None:
    for name, row in (("a", LINE), ("b", {**LINE, "pairID": "7"}), ("c", {**LINE, "UID": "order"})):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    first, same, other = (read_pairs(str(tmp_path / f"{name}.jsonl")).digest for name in "abc")
    assert first == same != other


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no minimal pair in it"),
        ("{}\n", "line 1 of .* has no text under 'sentence_good'"),
        (json.dumps(LINE) + "\nno json\n", "line 2 of .* is not JSON"),
        ("[1]\n", "line 1 of .* is not a JSON object"),
        (json.dumps({**LINE, "sentence_bad": " "}), "line 1 of .* has no text under 'sentence_bad'"),
        (json.dumps({**LINE, "sentence_bad": "a b"}), "has the same sentence twice"),
        ('{"sentence_good": "\\ud800", "sentence_bad": "a"}', "has no text under 'sentence_good'"),
    ],
)
def test_broken_files(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(LmcompareError, match=message):
        read_pairs(str(tmp_path / "p.jsonl"))


def test_a_missing_file_suggests_the_shipped_pairs(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="did you mean 'english'"):
        read_pairs("englsh")
    with pytest.raises(LmcompareError, match=r"is a folder without \.jsonl files of minimal pairs; give PAIRS first"):
        read_pairs(str(tmp_path))
