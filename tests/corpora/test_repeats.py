"""Which parts of held-out documents also occur in earlier text, against texts in which they were put."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice, pairwise
from unicodedata import normalize
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import repeats as module
from lmcompare.corpora.document import Document, Repeat
from lmcompare.corpora.repeats import repeats, repeats_noted

WORDS = [f"w{n}" for n in range(5000)]


def written(words: int, seed: int) -> list[str]:
    """Words with frequencies like those of a language."""
    return random.Random(seed).choices(WORDS, [1 / n for n in range(1, 5001)], k=words)


def documents(texts: Sequence[str], name: str = "") -> list[Document]:
    return [Document(f"{name}{n}", text, ((0, len(text)),)) for n, text in enumerate(texts)]


def found(train: Sequence[str], test: Sequence[str], valid: Sequence[str] = ()) -> list[Repeat | None]:
    return repeats(
        {"train": documents(train, "train"), "valid": documents(valid, "valid"), "test": documents(test, "test")}
    )["test"]


def changed(words: Sequence[str], every: int, seed: int = 0) -> list[str]:
    """Every so-manieth word is another one."""
    drawn = written(len(words), seed)
    return [drawn[n] if n % every == every - 1 else word for n, word in enumerate(words)]


TRAIN = [" ".join(written(2000, seed)) for seed in range(10)]
TEST = [" ".join(written(1000, seed)) for seed in range(100, 104)]


def test_texts_that_have_nothing_to_do_with_each_other_repeat_nothing() -> None:
    assert found(TRAIN, TEST) == [None] * 4


@pytest.mark.parametrize("every", [3, 4, 5, 10, 10**6])
@pytest.mark.parametrize("copies", [1, 12])
def test_a_passage_is_found_where_it_is_though_words_were_changed(every: int, copies: int) -> None:
    passage = written(40, 207)
    inside = [
        " ".join([*written(500, 50 + n), *changed(passage, every), *written(500, 80 + n)]) for n in range(copies)
    ]
    text = " ".join([*written(300, 208), *passage, *written(300, 209)])
    (repeat,) = found([*TRAIN, *inside], [text])
    assert repeat is not None
    begin = text.index(" ".join(passage))
    covered = sum(min(e, begin + len(" ".join(passage))) - max(s, begin) for s, e in repeat.spans)
    outside = sum(e - s for s, e in repeat.spans) - covered
    assert covered >= 0.9 * len(" ".join(passage))
    assert outside <= 0.3 * len(" ".join(passage))
    assert repeat.share == pytest.approx(sum(e - s for s, e in repeat.spans) / len(text))


def test_the_document_with_most_of_it_is_named_whatever_the_case_and_white_space() -> None:
    text = TEST[0]
    words = text.split()
    (repeat,) = found([*TRAIN, " ".join(words[:300]).upper(), " \n ".join(words[300:])], [text])
    assert repeat is not None
    assert repeat.spans == ((0, len(text)),)
    assert (repeat.share, repeat.of) == (1.0, "train11")


def test_the_same_document_again_and_again_is_one_copy() -> None:
    (repeat,) = found([*TRAIN, *[TEST[0]] * 50], [TEST[0]])
    assert repeat is not None
    assert repeat.share == 1.0


def test_a_short_document_that_is_the_same_is_a_copy_and_a_part_of_one_is_none() -> None:
    short = " ".join(WORDS[1000:1004])
    for train, share in ((short, 1.0), (f"{short} w1", None), (f"w1 {short}", None)):
        (repeat,) = found([*TRAIN, train], [short])
        assert (repeat and repeat.share) == share


def test_what_is_said_often_is_no_repetition() -> None:
    phrase = " ".join(WORDS[1000:1006])
    often = [f"{' '.join(written(50, n))} {phrase} {' '.join(written(50, 900 + n))}" for n in range(40)]
    assert found([*TRAIN, *often], [f"{TEST[0]} {phrase} {TEST[1]}"]) == [None]


def test_test_text_may_repeat_validation_text_and_that_may_repeat_training_text() -> None:
    split = {"train": TRAIN, "valid": [TRAIN[2], TEST[0]], "test": [TEST[0], TEST[1]]}
    both = repeats({which: documents(texts, which) for which, texts in split.items()})
    assert [r and (r.share, r.of) for r in both["valid"]] == [(1.0, "train2"), None]
    assert [r and (r.share, r.of) for r in both["test"]] == [(1.0, "valid1"), None]


def test_languages_without_spaces() -> None:
    draw = random.Random(0)
    letters = [chr(0x4E00 + n) for n in range(2000)]
    weights = [1 / n for n in range(1, 2001)]
    train = ["".join(draw.choices(letters, weights, k=3000)) for _ in range(5)]
    sentence = "".join(draw.choices(letters, weights, k=30))
    text = "".join(draw.choices(letters, weights, k=200)) + sentence + "".join(draw.choices(letters, weights, k=200))
    assert found(train, [text]) == [None]
    (repeat,) = found([*train, train[0][:900] + sentence + train[1][:900]], [text])
    assert repeat is not None
    ((start, end),) = repeat.spans
    assert sentence in text[start:end]
    assert repeat.share == (end - start) / len(text)


@pytest.mark.parametrize(
    ("as_trained", "as_tested"),
    [
        ("{0} , {1} {2} . ", "{0}, {1} {2}. "),  # cut into tokens
        ("{0},{1},{2}\n", "{0}\t{1}\t{2}\n"),
        ("{0} {1} {2} ", "“{0}” ({1}) – {2}! "),
    ],
)
def test_a_copy_is_found_whatever_marks_are_between_its_words(as_trained: str, as_tested: str) -> None:
    words = written(60, 300)
    train, test = (
        "".join(form.format(*words[n : n + 3]) for n in range(0, 60, 3)) for form in (as_trained, as_tested)
    )
    (repeat,) = found([*TRAIN, train], [test])
    assert repeat is not None
    assert repeat.share > 0.9


def test_accents_are_the_same_letters_whether_they_are_combined_or_not() -> None:
    words = [word.replace("w", "\u1ec7") for word in written(60, 301)]
    (repeat,) = found([*TRAIN, normalize("NFD", " ".join(words))], [" ".join(words)])
    assert repeat is not None
    assert repeat.share > 0.9


@pytest.mark.parametrize("between", [1, 2])
def test_forms_with_other_values_are_no_copies(between: int) -> None:
    def forms(number: int, seed: int) -> list[str]:
        values = iter(written(number * 20 * between, seed))
        fields = [f"field{n % 20}: " + " ".join(islice(values, between)) for n in range(20 * number)]
        return [" ".join(fields[20 * n : 20 * n + 20]) for n in range(number)]

    assert found(["\n".join(forms(100, 400))], ["\n".join(forms(20, 401))]) == [None]


@given(
    seed=st.integers(0, 1000),
    together=st.sampled_from([7, 100, 1 << 20]),
    held_out=st.sampled_from([1, 3000, 1 << 23]),
    most=st.sampled_from([100, 1 << 25]),
)
def test_how_much_is_read_at_a_time_changes_nothing(seed: int, together: int, held_out: int, most: int) -> None:
    test = [" ".join([*written(90, seed), *written(60, seed + 1)]), " ".join(written(50, seed + 2)), "", "a"]
    train = [" ".join(changed(written(90, seed), 4)), "", " ".join([*written(30, seed + 3), *written(50, seed + 2)])]
    whole = found(train, test)
    assert any(whole)
    with (
        patch.object(module, "TOGETHER", together),
        patch.object(module, "HELD_OUT", held_out),
        patch("lmcompare.memory.IN_MEMORY", most),
    ):
        assert found(train, test) == whole


def brute(mine: Sequence[str], theirs: Sequence[str], at: int, other: int) -> float:
    """The score of the best alignment through a place, by the definition; words are summed over all lengths."""
    count = {word: theirs.count(word) for word in mine}
    pairs = list(pairwise(theirs))
    before = {pair: {theirs[i - 1] for i, each in enumerate(pairs) if each == pair and i} for pair in set(pairs)}

    def score(k: int) -> float:
        i, j = at + k, other + k
        if mine[i] != theirs[j]:
            return module.DIFFERS
        p = (max(count[mine[i]], 1) - 0.5) / (len(theirs) + 2)  # with the edges
        if i and j and mine[i - 1] == theirs[j - 1]:
            of = len(before[mine[i - 1], mine[i]]) if len(pairs) else 1
            p = (max(of, 1) - 1 + module.WEIGHT * p) / (max(count[mine[i - 1]], 1) - 1 + module.WEIGHT)
        return float(np.log2((1 - module.CHANGED) / p + module.CHANGED))

    after = np.cumsum([score(k) for k in range(min(len(mine) - at, len(theirs) - other))])
    behind = np.cumsum([score(-k) for k in range(1, min(at, other) + 1)])
    return float(after.max() + max(behind.max(initial=0.0), 0.0))


@pytest.mark.parametrize("every", [3, 4])
def test_the_score_is_what_the_definition_says(every: int) -> None:
    common = written(30, 3)
    mine, theirs = (
        [*written(40, 1), *common, *written(40, 2)],
        [*written(50, 4), *changed(common, every), *written(9, 5)],
    )
    edge, other_edge = module.EDGE, module.OTHER_EDGE

    def hashed(words: Sequence[str], edge: np.uint64) -> module.HashArray:
        return np.array([edge, *(hash(word) & 0xFFFFFFFFFFFF for word in words), edge], np.uint64)

    best = brute(mine, theirs, 40, 50)
    for least, expected in ((best - 0.01, 1), (best + 0.01, 0)):
        with patch.object(module, "LEAST", least), patch.object(module, "MARGIN", -1000.0):
            got = module.aligned(hashed(mine, other_edge), hashed(theirs, edge), 1000)
        through = (got[0] <= 41) & (got[1] > 41) & (got[2] - got[0] == 10)
        assert int(through.any()) == expected


def test_what_is_found_is_counted_and_named() -> None:
    split = {
        "train": documents(TRAIN, "train"),
        "valid": documents([*TRAIN[:5], TEST[1]], "valid"),
        "test": documents([f"{TRAIN[0]} {TEST[0]}", TEST[2]], "test"),
    }
    valid, test = repeats_noted(split, repeats(split))
    assert "in 5 of 6 documents" in valid
    assert "valid0: 100%, most of it in train0" in valid
    assert "and 2 more" in valid
    assert "in 1 of 2 documents (test0: 6" in test
    assert repeats_noted(split, {"valid": [None] * 6, "test": [None] * 2}) == []
