"""What xz needs for a text after another one."""

from __future__ import annotations

import lzma
import random

import pytest

from lmcompare.measure import compressed
from lmcompare.measure.compressed import xz_bits_per_byte


def letters(seed: int, size: int = 4_000) -> str:
    """Random letters: each needs log2(16) = 4 bits."""
    return "".join(random.Random(seed).choices("abcdefghijklmnop", k=size))


def test_random_letters_need_their_entropy() -> None:
    assert xz_bits_per_byte([letters(1)], [letters(2)]) == pytest.approx(4.2, abs=0.25)


def test_a_text_that_was_read_before_costs_nearly_nothing() -> None:
    read = [letters(1), letters(2), letters(3)]
    assert xz_bits_per_byte(read, [letters(2)]) == pytest.approx(0.0, abs=0.1)


def test_the_length_of_the_past_is_subtracted() -> None:
    past, text = "an old text. " * 50, "a new text, with letters like these: ñ. " * 9
    both, alone = (len(lzma.compress(each.encode())) for each in (past + text, past))
    assert xz_bits_per_byte([past], [text[:40], text[40:]]) == 8 * (both - alone) / len(text.encode())


def test_only_the_end_of_a_long_past_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "PAST", 5_000)
    text = letters(9)
    assert xz_bits_per_byte([text, letters(1, 6_000)], [text]) == xz_bits_per_byte(
        [letters(1, 6_000)[1_000:]], [text]
    )
    assert xz_bits_per_byte(["ñ" * 9_000], [text]) == xz_bits_per_byte(["ñ" * 2_500], [text])


def test_an_empty_text() -> None:
    assert xz_bits_per_byte(["a"], []) is None
