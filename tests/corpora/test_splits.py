"""Which documents go where, against arithmetic by hand and brute force."""

from __future__ import annotations

import hashlib
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import sentences
from lmcompare.corpora.document import Piece
from lmcompare.corpora.splits import (
    _ends_of_shares,
    _units,
    split_as_usual,
    split_by_hash,
    split_by_words,
    split_contiguously,
    valid_out_of_train,
)
from lmcompare.errors import LmcompareError


def pieces(*texts: str) -> list[Piece]:
    return [Piece(str(n), text) for n, text in enumerate(texts)]


@given(st.lists(st.integers(1, 30), min_size=3, max_size=25))
def test_test_then_valid_first_reach_a_tenth(sizes: list[int]) -> None:
    texts = [" ".join([f"w{n}"] * size) for n, size in enumerate(sizes)]  # all different
    split, _ = split_by_hash(pieces(*texts), "x")
    order = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).hexdigest())
    assert [p.text for which in ("test", "valid", "train") for p in split[which]] == order
    tenth = sum(sizes) / 10
    for which, left in (("test", 2), ("valid", 1)):
        words = [len(p.text.split()) for p in split[which]]
        assert sum(words[:-1]) < tenth  # not one document more than needed
        later = len(order) - sum(len(split[w]) for w in (("test",) if which == "test" else ("test", "valid")))
        assert sum(words) >= tenth or later == left  # enough, or the rest is kept for the others
    assert split["train"]


@pytest.mark.slow
def test_the_validation_text_of_a_long_text_has_250_000_words() -> None:
    # 2,900 documents of 1,000 words: a tenth is 290 documents, and 250 of them have 250,000 words.
    texts = pieces(*(f"word{n} " + "word " * 999 for n in range(2900)))
    split, notes = split_by_hash(texts, "a test")
    assert {which: len(held) for which, held in split.items()} == {"train": 2360, "valid": 250, "test": 290}
    kept, held, note = valid_out_of_train(texts, "a test")
    assert (len(kept), len(held)) == (2650, 250)
    assert ["250,000" in said for said in (notes[0], note)] == [True, True]
    split, _ = split_contiguously(Piece("one", "\n".join(p.text for p in texts)), "a test")
    words = {which: held[0].words for which, held in split.items()}
    assert words == {"train": 2_360_000, "valid": 250_000, "test": 290_000}


def test_copies_and_documents_alike_under_the_key_stay_together_and_are_counted() -> None:
    # Thirty documents of which each text occurs three times: wherever a text is, all its copies are.
    split, notes = split_by_hash(pieces(*[f"word{n % 10}" for n in range(30)]), "x")
    places = {p.text: which for which, part in split.items() for p in part}
    assert all(sum(p.text == text for p in split[which]) == 3 for text, which in places.items())
    assert "repeat the text of another: 20;" in notes[1]
    split, _ = split_by_hash(pieces("A", "a", "B", "b", "C", "c"), "x", key=str.lower)
    assert sorted("".join(sorted(p.text for p in part)) for part in split.values()) == ["Aa", "Bb", "Cc"]
    with pytest.raises(LmcompareError, match=r"x has only 2 different documents.*at least three"):
        split_by_hash(pieces("a", "b", "a", "b"), "x")


def test_notes_give_the_words_of_each_split() -> None:
    # Ten documents of one word: test takes one (a tenth), valid takes one, train keeps eight.
    _, notes = split_by_hash(pieces(*"abcdefghij"), "x")
    (note,) = notes
    assert note.startswith("The 10 documents were split by a hash")
    assert note.endswith("a tenth of the words: train 8 words (80.0 %), valid 1 word (10.0 %), test 1 word (10.0 %).")


def test_a_text_of_one_line_is_cut_between_words_or_characters() -> None:
    split, notes = split_contiguously(Piece("t", " ".join(f"w{n}" for n in range(20))), "t")
    assert [p.text.split() for p in split["valid"]] == [["w16", "w17"]]
    assert [p.text for p in split["test"]] == ["w18 w19"]
    assert "between words" in notes[0]
    dna, notes = split_contiguously(Piece("t", "ACGT" * 30 + "\n"), "t")
    # 120 letters: 96, 12 and the rest with the line end
    assert [len(part[0].text) for part in dna.values()] == [96, 12, 13]
    assert "".join(part[0].text for part in dna.values()) == "ACGT" * 30 + "\n"
    assert "between characters" in notes[0]
    with pytest.raises(LmcompareError, match="40 characters, too few"):
        split_contiguously(Piece("t", "ACGT" * 10 + "\n"), "t")


def test_one_text_is_cut_at_line_ends_by_words() -> None:
    # Twenty words in ten lines of two: 16 are eight lines, 18 are nine.
    text = "".join(f"w{n} v{n}\n" for n in range(10))
    split, notes = split_contiguously(Piece("f.txt", text), "f.txt")
    assert {which: [p.text for p in part] for which, part in split.items()} == {
        "train": ["".join(f"w{n} v{n}\n" for n in range(8))],
        "valid": ["w8 v8\n"],
        "test": ["w9 v9\n"],
    }
    assert [p.name for part in split.values() for p in part] == ["f.txt (train)", "f.txt (valid)", "f.txt (test)"]
    assert "train 16 words (80.0 %), valid 2 words (10.0 %), test 2 words (10.0 %)" in notes[0]


@given(st.lists(st.sampled_from(["", " ", "a", "a b c", "a b c d e f g h i j k l"]), min_size=1, max_size=40))
def test_a_cut_text_loses_nothing_and_leaves_no_split_empty(lines: list[str]) -> None:
    text = "\r\n".join(lines)
    if len("".join(text.split())) < 3:
        with pytest.raises(LmcompareError, match="too few to cut"):
            split_contiguously(Piece("f", text), "f")
        return
    split, _ = split_contiguously(Piece("f", text), "f")
    parts = [split[which][0].text for which in ("train", "valid", "test")]
    assert "".join(parts) == text
    assert all(part.strip() for part in parts)
    if sum(bool(line.strip()) for line in lines) >= 3:
        assert all(part.endswith("\n") for part in parts[:2])


def test_documents_are_joined_and_cut_by_words() -> None:
    # Lines of 2, 3, 1, 2, 2 and 1 words: train first holds 4 with its second line (5), valid 3 with the fourth (3).
    joined = pieces("a b\nc d e\n", "f", "g h\n\ni j\nk")
    split, notes = split_by_words(joined, 4, 3, "mine", "there")
    assert {which: [(p.name, p.text) for p in part] for which, part in split.items()} == {
        "train": [("mine (train)", "a b\nc d e\n")],
        "valid": [("mine (valid)", "f\ng h\n")],
        "test": [("mine (test)", "\ni j\nk")],
    }
    (note,) = notes
    assert note.startswith("The 3 documents were joined in their order")
    assert note.endswith("train 5 words (45.5 %), valid 3 words (27.3 %), test 3 words (27.3 %).")
    # One text keeps its metadata, and is not called joined.
    split, notes = split_by_words([Piece("f", "a\nb\nc\n", {"genre": "x"})], 1, 1, "f", "f")
    assert [p.metadata for part in split.values() for p in part] == [{"genre": "x"}] * 3
    assert notes[0].startswith("The text was cut at the line ends")


@given(
    st.lists(st.sampled_from(["", " ", "a", "a b c", "a b c d e f g"]), min_size=1, max_size=30),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_train_then_valid_end_with_the_line_that_fills_them(lines: list[str], train: int, valid: int) -> None:
    left = [f"{line}\n" for line in lines]
    expected = []
    for size in (train, valid):  # by hand: line after line until there is enough
        taken: list[str] = []
        while left and sum(len(line.split()) for line in taken) < size:
            taken.append(left.pop(0))
        expected.append("".join(taken))
    if not "".join(left).strip():
        said = rf"there has only .* train_words .{train}., valid_words .{valid}. and at least one"
        with pytest.raises(LmcompareError, match=said):
            split_by_words(pieces(*(f"{line}\n" for line in lines)), train, valid, "f", "there")
        return
    split, _ = split_by_words(pieces(*lines[:-1], f"{lines[-1]}\n"), train, valid, "f", "f")
    assert [split[which][0].text for which in ("train", "valid", "test")] == [*expected, "".join(left)]


@pytest.mark.parametrize(
    ("name", "text", "sizes"),
    [
        ("text8", "abcd efgh " * 100, (900, 50, 50)),
        ("text8.txt", "abcd efgh " * 100, (900, 50, 50)),
        ("enwik8", "<mediawiki>\n" * 100, (1080, 60, 60)),
        ("enwik8", "ä" * 1005, (905, 50, 50)),  # 2,010 bytes: 1,809 and 1,909 are in the middle of a character
        ("tinyshakespeare.txt", "First Citizen:\n" * 100, (1215, 135, 150)),
        ("tiny_shakespeare.txt", "First Citizen:\n" * 100, (1215, 135, 150)),
        ("input.txt", ("First Citizen:\n" * 80_000)[:1_115_394], (903_469, 100_385, 111_540)),  # nanoGPT's numbers
    ],
)
def test_texts_with_a_usual_split(name: str, text: str, sizes: tuple[int, int, int]) -> None:
    found = split_as_usual(Piece(name, text))
    assert found is not None
    split, notes = found
    assert tuple(len(parts[0].text) for parts in split.values()) == sizes
    assert "".join(parts[0].text for parts in split.values()) == text
    assert "as usual" in notes[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [("text9", "a b " * 99), ("text8", "short"), ("input.txt", "a " * 999), ("text_8.txt", "a b " * 99)],
)
def test_other_texts_have_no_usual_split(name: str, text: str) -> None:
    assert split_as_usual(Piece(name, text)) is None


@given(
    words=st.lists(st.integers(1, 5), min_size=3, max_size=40),
    shares=st.sampled_from([(0.8, 0.9), (0.9,), (0.1, 0.2)]),
)
def test_a_text_is_cut_where_a_share_of_its_words_is_first_reached(
    words: list[int], shares: tuple[float, ...]
) -> None:
    lines = ["x " * n + "\n" for n in words]
    expected: list[int] = []
    for number in range(1, len(lines) + 1):
        others = len(shares) - len(expected)
        enough = others and sum(words[:number]) >= shares[-others] * sum(words) - 1e-9
        if enough or (others and len(lines) - number == others):
            expected.append(sum(map(len, lines[:number])))
    units = _units(Piece("x", "".join(lines)), 3)
    assert (units.kind, _ends_of_shares(units, shares)) == ("lines", expected)
    with patch.object(sentences, "PART", 3):
        units = _units(Piece("x", "".join(lines).replace("\n", "")), 3)
        assert units.kind == ("words" if sum(words) >= 3 else "characters")
        assert [units.end(n) for n in range(units.number)] == [2 * n for n in range(1, sum(words) + 1)]
