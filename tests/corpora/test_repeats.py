"""What of the held-out documents stands in train."""

from __future__ import annotations

from lmcompare.corpora.pieces import Piece
from lmcompare.corpora.repeats import repeated_shares, repeats_noted

TWENTY = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
OTHER = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau"


def notes(train: list[str], valid: list[str], test: list[str]) -> list[str]:
    split = {
        which: [Piece(f"{which}{n}", text) for n, text in enumerate(texts)]
        for which, texts in (("train", train), ("valid", valid), ("test", test))
    }
    return repeats_noted(split, repeated_shares(split))


def test_a_document_that_half_stands_in_train_is_named() -> None:
    # sixteen words hold nine runs of eight; with the last word changed eight of them, 89 %, stand in train
    changed = TWENTY.replace("sixteen", "changed")
    (said,) = notes([TWENTY], [OTHER], [changed, OTHER])
    assert said.startswith("Documents of test of whose runs of 8 words half or more stand in train as well: 1 of 2")
    assert "(test0 (89 %))" in said


def test_many_are_counted_and_some_named() -> None:
    (said,) = notes([TWENTY], [f"{TWENTY} {n}" for n in range(8)], [OTHER])
    assert "8 of 8" in said
    assert "and 3 more" in said


def test_chance_and_short_texts_say_nothing() -> None:
    half = " ".join(TWENTY.split()[:9])  # two runs of the nine
    assert notes([half], [OTHER], [f"{TWENTY} {OTHER}"]) == []
    assert notes(["one two three"], ["one two three"], ["one two three"]) == []
