"""What a survey measures: figures by hand, and the laws of Zipf and Heaps from texts made by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.corpora import ReadFile, load
from lmcompare.errors import LmcompareError
from lmcompare.survey import LEAST_COUNT, Survey, heaps, survey, zipf

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


TRAIN = ["the cat sat\nthe cat ran", "the cat sat\nthe cat ran", f"{LONG} sixteen"]


@pytest.fixture
def found() -> Survey:
    corpus = load({"train": TRAIN, "valid": ["the dog sat"], "test": ["the cat sat\nthe cat ran", f"{LONG} . . ."]})
    return survey(corpus, "whitespace")


def test_sizes(found: Survey) -> None:
    train, test = found.splits["train"], found.splits["test"]
    assert (train.documents, train.sentences, train.words, train.tokens) == (3, 5, 28, 28 + 5)
    assert train.types == 4 + 16
    assert train.bytes == train.characters == sum(map(len, TRAIN))
    assert (train.unseen, train.copies) == (None, 1)
    assert (test.types, test.unseen, test.unknown) == (4 + 16, 3, 3)
    assert found.splits["valid"].unseen == 1
    assert found.vocabulary == 20 + 2
    assert found.once == 16


def test_rare_types_are_unknown_but_not_unseen() -> None:
    corpus = load({"train": TRAIN, "valid": ["the dog sat"], "test": [LONG]})
    test = survey(corpus, "whitespace", min_count=2).splits["test"]
    assert (test.unseen, test.unknown) == (0, 15)
    with pytest.raises(LmcompareError, match="choose a smaller size"):
        survey(corpus, "whitespace", size=100)


def test_words_and_lines(found: Survey) -> None:
    assert found.frequent[:3] == (("the", 4), ("cat", 4), ("sat", 2))
    assert found.repeated_lines == (("the cat sat", 2), ("the cat ran", 2))
    assert (found.lines, found.again) == (5, 2)
    assert found.longest[0].characters == len(f"{LONG} sixteen")
    assert (found.longest[0].split, found.longest[0].number) == ("train", 1)
    assert len(found.heaps.x) == len(found.heaps.y)
    assert found.heaps.y[-1] == 20


def test_empty_lines_are_no_long_lines() -> None:
    corpus = load({"train": ["a b\n\n\nc\n"], "valid": ["d\n\n"], "test": ["e\n\n"]})
    assert [line.characters for line in survey(corpus, "whitespace").longest] == [3, 1, 1, 1]


def test_what_repeats_the_training_text_names_its_document(found: Survey) -> None:
    (near,) = found.repeated
    assert (near.split, near.repeat.of) == ("test", "train document 3")
    assert near.bytes == len(LONG)  # without the three points after it


def test_a_sample_of_each_split_is_from_the_middle(found: Survey) -> None:
    assert [sample.split for sample in found.samples] == ["train", "valid", "test"]
    assert found.samples[1].text == "the dog sat"
    assert found.samples[0].text == "the cat sat\nthe cat ran"
    lines = [f"sentence number {n:03}." for n in range(100)]  # 21 characters each: 19 of them are 400
    last = [*lines[:30], "z" * 380]
    corpus = load({"train": ["\n".join(lines)], "valid": ["\n".join(last)], "test": ["y" * 1000]})
    train, valid, test = (sample.text for sample in survey(corpus, "whitespace").samples)
    assert train == "\n".join(lines[50:69])
    assert valid == "\n".join(lines[15:30])  # as the last line would make it too long
    assert test == "y" * 400 + " …"


def test_files_encodings_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes("\ufeffder bär\r\nläuft\n".encode("utf-16"))
    (tmp_path / "valid.txt").write_text("ein ba\u0308r\n", encoding="utf-8")
    (tmp_path / "test.txt").write_text("der rabe\n", encoding="utf-8")
    found = survey(load(tmp_path), "whitespace")
    assert found.files == (
        ReadFile("train.txt", "text", "utf-16", 34),
        ReadFile("valid.txt", "text", "utf-8", 10),
        ReadFile("test.txt", "text", "ascii", 9),
    )
    assert found.encodings == {"utf-16": 1, "utf-8": 1, "ascii": 1}
    assert found.line_ends == {"\\n": 3, "\\r\\n": 1}
    assert found.not_nfc == 1
    assert "is split already" in found.said[0]


@pytest.mark.slow
def test_a_real_text_in_words_characters_and_pieces() -> None:
    corpus = load("lee")
    train, test = (survey(corpus, min_count=2).splits[which] for which in ("train", "test"))
    assert (train.documents, train.sentences, train.words, train.bytes) == (227, 2064, 45890, 275453)
    assert test.unknown / test.tokens == pytest.approx(0.1238, abs=0.0005)
    assert survey(corpus, "char").splits["train"].types == 80
    said: list[str] = []
    pieces = survey(corpus, {"kind": "bpe", "pieces": 400}, say=said.append)
    assert pieces.splits["test"].unseen is not None
    assert said


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.3])
def test_an_exact_power_law_is_recovered(exponent: float) -> None:
    counts = np.round(1e6 * np.arange(1, 5001) ** -exponent).astype(np.int64)
    law = zipf(np.random.default_rng(0).permutation(counts))
    assert law.exponent == pytest.approx(-exponent, abs=0.01)
    assert law.at(10) == pytest.approx(1e6 * 10**-exponent, rel=0.05)
    assert law.y[0] == counts[0]
    assert law.x[-1] == len(counts[counts > 0])


def test_rare_types_are_drawn_but_not_fitted() -> None:
    law = zipf([1000, 500, 333, 250, *[1] * 10_000])
    assert law.fitted == (1.0, 4.0)
    assert law.exponent == pytest.approx(-1, abs=0.01)
    assert min(law.y) == 1 < LEAST_COUNT


def test_growth_counts_the_types_of_each_beginning() -> None:
    tokens = [3, 3, 9, 1, 9, 2, 3, 7]
    law = heaps(tokens)
    assert law.y == tuple(len(set(tokens[: int(n)])) for n in law.x)
    assert law.x[0] == 1
    assert law.x[-1] == 8
    assert law.exponent is None  # fewer tokens than the fit begins with


def test_the_exponent_of_growth() -> None:
    lengths = np.arange(1, 200_001)
    types = np.floor(3 * lengths**0.6).astype(np.int64)
    new = np.diff(types, prepend=0) > 0
    tokens = np.where(new, np.cumsum(new), 1)  # a new type where the vocabulary grows, else an old one
    assert heaps(tokens).exponent == pytest.approx(0.6, abs=0.02)


def test_a_text_of_new_types_only_grows_linearly() -> None:
    assert heaps(np.arange(1000)).exponent == pytest.approx(1)


def test_nothing_is_fitted_to_nothing() -> None:
    assert zipf([]).x == heaps([]).x == ()
    assert zipf([1, 1, 1]).exponent is None
