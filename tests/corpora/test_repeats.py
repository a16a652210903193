"""Which held-out documents also occur in the training text."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import repeats as module
from lmcompare.corpora.document import Piece, Repeat
from lmcompare.corpora.repeats import ALIKE, ALIKE_BACK, HOLDERS, LEAST, MUCH, repeats, repeats_noted

TWENTY = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
OTHER = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau"
LONG = " ".join(f"w{n}" for n in range(100))


def split_of(train: Sequence[str], valid: Sequence[str], test: Sequence[str]) -> dict[str, list[Piece]]:
    return {
        which: [Piece(f"{which}{n}", text) for n, text in enumerate(texts)]
        for which, texts in (("train", train), ("valid", valid), ("test", test))
    }


def kinds(train: Sequence[str], test: Sequence[str]) -> list[str | None]:
    found = repeats(split_of(train, [OTHER], test))
    assert found["train"] == [None] * len(train)
    return [None if repeat is None else repeat.kind for repeat in found["test"]]


def changed(text: str, every: int) -> str:
    return " ".join(f"x{i}" if i % every == every // 2 else word for i, word in enumerate(text.split()))


def test_the_training_document_that_is_repeated_is_named() -> None:
    found = repeats(split_of([OTHER, TWENTY, LONG], [OTHER], [TWENTY, changed(LONG, 7), "no ."]))
    assert [repeat and repeat.of for repeat in found["test"]] == ["train1", "train2", None]
    assert [repeat and repeat.of for repeat in found["valid"]] == ["train0"]


def test_copies_whatever_their_length_case_and_white_space() -> None:
    assert kinds(["Yes .", TWENTY, OTHER], ["yes  .\n", TWENTY.upper(), f"{TWENTY} more", "no ."]) == [
        *("copy", "copy", "near copy", None)
    ]


@pytest.mark.parametrize(("every", "found"), [(20, True), (7, True), (6, True), (4, False)])
def test_a_near_copy_has_some_words_changed(every: int, found: bool) -> None:
    assert kinds([OTHER, LONG], [changed(LONG, every)]) == ["near copy" if found else None]


def test_a_passage_of_a_long_text_is_no_near_copy_of_it() -> None:
    book = " ".join([*(f"a{n}" for n in range(2000)), TWENTY, OTHER])
    assert kinds([book], [TWENTY]) == ["passages"]
    # It has nine runs of eight words; with nine more words they are half of all.
    for more, kind in ((9, "passages"), (10, None)):
        assert kinds([book], [" ".join([TWENTY, *LONG.split()[:more]])]) == [kind]


@pytest.mark.parametrize("copies", [1, HOLDERS, HOLDERS + 30])
def test_a_near_copy_of_many_documents_is_one(copies: int) -> None:
    train = [f"{changed(LONG, 15)} y{n}" for n in range(copies)]
    assert kinds(train, [changed(LONG, 11)]) == ["near copy"]


def test_of_short_documents_only_copies_count() -> None:
    words = TWENTY.split()
    assert kinds([" ".join(words[:7])], [" ".join([*words[:6], "else"])]) == [None]


def brute(train: Sequence[str], text: str) -> Repeat | None:
    """What the definition says, with sets of words."""

    def runs(of: str, width: int) -> set[tuple[str, ...]]:
        words = of.lower().split()
        return {tuple(words[i : i + width]) for i in range(len(words) - width + 1)}

    if text.split() and any(text.lower().split() == other.lower().split() for other in train):
        return Repeat("copy", 1.0)
    mine, seen = runs(text, 3), [runs(other, 3) for other in train]
    holders = {run: [n for n, other in enumerate(seen) if run in other][:HOLDERS] for run in mine}
    shared = [sum(n in holders[run] for run in mine) for n in range(len(train))]
    shares = [
        count / len(mine)
        for count, other in zip(shared, seen, strict=True)
        if len(mine) >= LEAST and count and count >= ALIKE_BACK * len(other)
    ]
    if max(shares, default=0.0) >= ALIKE:
        return Repeat("near copy", max(shares))
    long = runs(text, 8)
    known = set().union(*(runs(other, 8) for other in train))
    share = len(long & known) / max(len(long), 1)
    return Repeat("passages", share) if share >= MUCH else None


TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "C", "c", "d"]), max_size=45).map(" ".join), max_size=5)


@given(
    train=TEXTS,
    test=TEXTS,
    from_train=st.integers(0, 9),
    together=st.sampled_from([1, 40, 1 << 20]),
    batch=st.sampled_from([1, 60, 1 << 24]),
    held_out=st.sampled_from([1, 60, 1 << 24]),
)
def test_it_is_what_the_definition_says(
    train: list[str], test: list[str], from_train: int, together: int, batch: int, held_out: int
) -> None:
    test = [*test, *(changed(text, 2 + from_train) for text in train), f"{' '.join(train)} {LONG}"]
    with patch.multiple(module, TOGETHER=together, BATCH=batch, HELD_OUT=held_out):
        found = repeats(split_of(train, [], test))
    assert found["test"] == [brute(train, text) for text in test]


def test_what_is_found_is_counted_and_named() -> None:
    texts = [TWENTY, f"{TWENTY} x", OTHER.replace("tau", "x"), "fresh words all of them"]
    split = split_of([TWENTY, OTHER], [TWENTY] * 5, texts)
    valid, test = repeats_noted(split, repeats(split))
    assert valid.startswith("Of the 5 documents of valid, 5 also occur in the training text: 5 word for word (")
    assert "and 2 more" in valid
    assert test.startswith(
        "Of the 4 documents of test, 3 also occur in the training text: 1 word for word (test0 (100 %)); 2 "
    )
    assert (
        "nearly so, with 40 % or more of their runs of 3 words in one document (test2 (94 %), test1 (93 %))" in test
    )
    nothing = split_of([TWENTY], [OTHER], [OTHER])
    assert repeats_noted(nothing, repeats(nothing)) == []
