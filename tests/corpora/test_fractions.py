"""Shares of the training text: parts of each other, of the size that was asked for, cut where a sentence ends."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import CorpusOptions, load
from lmcompare.corpora.document import Piece
from lmcompare.corpora.fractions import first_fraction
from lmcompare.corpora.sentences import line_sentences
from lmcompare.errors import LmcompareError


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
    whole, tenth, all_of_it = (load("lee", CorpusOptions(fraction=share)) for share in (None, 0.1, 1.0))
    assert [d.text for d in tenth.test] == [d.text for d in whole.test]
    assert [d.text for d in tenth.valid] == [d.text for d in whole.valid]
    held, total = (sum(d.words for d in corpus.train) for corpus in (tenth, whole))
    assert held == pytest.approx(0.1 * total, rel=0.02)
    assert all_of_it.fingerprint == whole.fingerprint != tenth.fingerprint
    assert any(f"{held:,} of the {total:,} words" in note for note in tenth.notes)


@pytest.mark.parametrize("share", [0, -0.1, 1.5, True, "many", float("nan")])
def test_shares_that_are_none_are_refused(share: object) -> None:
    with pytest.raises(LmcompareError, match="fraction is"):
        load("lee", CorpusOptions(fraction=share))  # type: ignore[arg-type]
