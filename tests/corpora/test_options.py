"""Options that choose or change the text: their values, rare words, and shares of the training text."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import SPLITS, CorpusOptions, Document, load
from lmcompare.corpora.document import Piece
from lmcompare.corpora.loading import first_fraction, replace_rare
from lmcompare.corpora.sentences import line_sentences
from lmcompare.errors import LmcompareError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"documents": "lines"}, "'lines' of documents (did you mean 'line'?)"),
        ({"sentences": "punct"}, "'punct' of sentences (did you mean 'punkt'?)"),
        ({"encoding": "utf8x"}, "unknown encoding 'utf8x' (did you mean 'utf-8'?)"),
        ({"encoding": "hex"}, "unknown encoding 'hex'"),
        ({"encoding": "rot13"}, "unknown encoding 'rot13'"),
        ({"encoding": None}, "encoding is None"),
        ({"documents": True}, "documents is a bool"),
        ({"file_format": True}, "file_format is a bool"),
        ({"lowercase": 1}, "lowercase is an int"),
        ({"train_words": 10}, "train_words is given without valid_words"),
        ({"valid_words": 10}, "valid_words is given without train_words"),
        ({"train_words": 0, "valid_words": 10}, "train_words is 0; give a whole number of 1 or more"),
        ({"train_words": 10, "valid_words": -1}, "valid_words is -1"),
        ({"train_words": 0.8, "valid_words": 0.1}, "train_words is a float"),
        ({"train_words": True, "valid_words": 1}, "train_words is a bool"),
        ({"rare_count": 3}, "rare_count is given without rare_word"),
        ({"rare_word": "R"}, "rare_word is given without rare_count"),
        ({"rare_count": 0, "rare_word": "R"}, "rare_count is 0"),
        *(
            ({"rare_count": 3, "rare_word": word}, f"rare_word is {word!r}; give one word")
            for word in ("two words", "", " R", "\ud800", 7)
        ),
        ({"rare_count": 3, "rare_word": "</s>"}, "rare_word is </s>"),
        *(({"fraction": share}, "fraction is") for share in (0, -0.1, 1.5, True, "many", float("nan"))),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError) as caught:
        CorpusOptions(**options).check()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_right_options_pass() -> None:
    CorpusOptions().check()
    CorpusOptions("line", "punkt", True, True, "latin-1", "text", 800_000, 200_000, 3, "<unk_>", "csv").check()


def test_every_option_has_a_help_sentence_and_every_count_a_minimum() -> None:
    options = fields(CorpusOptions)
    assert len(options) == 13
    for option in options:
        assert option.metadata["help"].endswith(".")


def split(train: str, valid: str, test: str) -> dict[str, tuple[Document, ...]]:
    texts = {"train": train, "valid": valid, "test": test}
    return {which: (Document(which, text, line_sentences(text), {"genre": "x"}),) for which, text in texts.items()}


def test_words_are_counted_in_all_splits_together() -> None:
    # a occurs 4 times, c 3 times, b 2 times (once in train, once in valid), d once (in test): with a count of 2, b
    # and d are rare, three of the ten words and two of the four types.
    found, note = replace_rare(split("a a a b\nc c\n", "b c\n", "a d\n"), 2, "<unk_>")
    assert {which: documents[0].text for which, documents in found.items()} == {
        "train": "a a a <unk_>\nc c\n",
        "valid": "<unk_> c\n",
        "test": "a <unk_>\n",
    }
    assert "occur 2 times or less" in note
    assert "<unk_>: 3 of 10 words (30.0 %), 2 of 4 types" in note


def test_white_space_and_metadata_stay_and_sentences_move_with_the_text() -> None:
    text = " rare  a\ta \r\n\r\na rare2"
    found, _ = replace_rare({"train": (Document("d", text, line_sentences(text), {"genre": "x"}),)}, 1, "R")
    document = found["train"][0]
    assert document.text == " R  a\ta \r\n\r\na R"
    assert [document.text[start:end] for start, end in document.sentences] == [" R  a\ta ", "", "a R"]
    assert (document.name, document.metadata) == ("d", {"genre": "x"})


def test_case_matters_unless_letters_are_made_small(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("The the\nthe a\na a\n")
    options = CorpusOptions(rare_count=1, rare_word="R")
    assert load("t.txt", options, base=tmp_path).train[0].text == "R the\n"
    options = CorpusOptions(rare_count=1, rare_word="R", lowercase=True)
    assert load("t.txt", options, base=tmp_path).train[0].text == "the the\n"


def test_sentences_are_found_before_words_are_replaced() -> None:
    texts = [f"We came to {a}. They left {a} again." for a in ("Rome", "Oslo", "Bonn", "Bern")]
    plain = load(texts, CorpusOptions(sentences="punkt"))
    corpus = load(texts, CorpusOptions(sentences="punkt", rare_count=2, rare_word="<unk_>"))
    document = corpus.train[0]
    assert document.text == "We came to <unk_> They left <unk_> again."
    assert [document.text[start:end] for start, end in document.sentences] == [
        "We came to <unk_>",
        "They left <unk_> again.",
    ]
    assert corpus.fingerprint != plain.fingerprint
    assert corpus.notes[-1].startswith("Words that occur 2 times or less")


@given(st.lists(st.sampled_from(["a", "b b", "c c c", "d e", "", " f"]), min_size=3, max_size=30), st.integers(1, 4))
def test_the_same_as_word_by_word(lines: list[str], count: int) -> None:
    texts = {which: "\n".join(lines[n::3]) for n, which in enumerate(SPLITS)}
    counts = Counter(" ".join(texts.values()).split())
    before = split(**texts)
    if not counts or max(counts.values()) <= count:
        with pytest.raises(LmcompareError, match="no word occurs more than"):
            replace_rare(before, count, "R")
        return
    after, _ = replace_rare(before, count, "R")
    for which, text in texts.items():
        document = after[which][0]
        expected = [[w if counts[w] > count else "R" for w in line.split()] for line in text.split("\n")]
        assert [line.split() for line in document.text.split("\n")] == expected
        spans = [document.text[start:end] for start, end in document.sentences]
        assert [s.split() for s in spans] == [
            [w if counts[w] > count else "R" for w in text[start:end].split()]
            for start, end in before[which][0].sentences
        ]


def share_of(texts: list[str], share: float) -> list[str]:
    pieces = [Piece(str(n), text) for n, text in enumerate(texts)]
    found, _ = first_fraction(pieces, share, str, lambda piece: line_sentences(piece.text))
    return [piece.text for piece in found]


LINES = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1, max_size=8)


@given(LINES, st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_a_smaller_share_is_a_part_of_a_larger_one(sizes: list[list[int]], one: float, other: float) -> None:
    """Each document has lines of these numbers of words, and each word is found once."""
    texts = [
        "".join(" ".join(f"{d}.{n}.{w}" for w in range(words)) + "\n" for n, words in enumerate(lines))
        for d, lines in enumerate(sizes)
    ]
    less, more = (share_of(texts, share) for share in sorted((one, other)))
    assert all(any(longer.startswith(text) for longer in more) for text in less)
    words = len("".join(texts).split())
    held = sum(len(text.split()) for text in less)
    longest = max(max(lines) for lines in sizes)
    assert min(one, other) * words <= held + 1e-9
    assert held < min(one, other) * words + longest or len(less) == 1  # a line more at most


def test_documents_come_by_their_hash_and_the_last_ends_with_a_sentence() -> None:
    texts = [
        f"{letter} one two three\n{letter} four\n{letter} five six seven\n" for letter in "abcd"
    ]  # 10 words each
    first, second, *_ = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).hexdigest())
    assert share_of(texts, 0.25) == [first]
    cut = second[: second.index("\n") + 1]
    assert sorted(share_of(texts, 0.3)) == sorted([first, cut])  # two words more, and the sentence has four
    assert share_of(texts, 1.0) == texts


def test_a_document_of_one_sentence_is_cut_between_words() -> None:
    assert share_of(["one two three four five six seven eight nine ten"], 0.3) == ["one two three "]


def test_the_held_out_texts_stay_whole_and_all_of_the_text_is_the_text() -> None:
    texts = [f"text {n} has\nthese eight words, in two lines\n" for n in range(100)]
    whole, tenth, all_of_it = (load(texts, CorpusOptions(fraction=share)) for share in (None, 0.1, 1.0))
    assert (tenth.test, tenth.valid) == (whole.test, whole.valid)
    held, total = (sum(d.words for d in corpus.train) for corpus in (tenth, whole))
    assert 0.1 * total <= held < 0.1 * total + 7
    assert all_of_it.fingerprint == whole.fingerprint != tenth.fingerprint
    assert any(f"{held:,} of the {total:,} words" in note for note in tenth.notes)
