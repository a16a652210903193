"""What compressors need for a text after another one."""

from __future__ import annotations

import bz2
import lzma
import random
import sys
import zlib
from collections.abc import Callable

import pytest

from lmcompare.measure import features as module
from lmcompare.measure.features import COMPRESSORS, compressed

STANDARD: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: zlib.compress(data, 9),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def letters(seed: int, size: int = 4_000) -> str:
    """Random letters: each needs log2(16) = 4 bits."""
    return "".join(random.Random(seed).choices("abcdefghijklmnop", k=size))


def test_random_letters_need_their_entropy() -> None:
    found = compressed([letters(1)], [letters(2)])
    assert [*found] == [*COMPRESSORS]
    for name, bits in found.items():
        assert bits == pytest.approx(4.3, abs=0.5), name


def test_a_text_that_was_read_before_costs_nearly_nothing() -> None:
    found = compressed([letters(1), letters(2), letters(3)], [letters(2)])
    assert all(found[name] < 0.2 for name in ("gzip", "xz", "zstd", "ppmd"))
    assert found["bzip2"] > 1  # which does not refer to earlier passages


def test_gzip_looks_back_32_kilobytes_and_others_further() -> None:
    found = compressed([letters(2), letters(3, 40_000)], [letters(2)])
    assert found["gzip"] > 4
    assert all(found[name] < 0.5 for name in ("xz", "zstd", "ppmd"))


@pytest.mark.parametrize("name", STANDARD)
def test_the_length_of_the_past_is_subtracted(name: str) -> None:
    past, text = "an old text. " * 50, "a new text, with letters like these: ñ. " * 9
    both, alone = (len(STANDARD[name](each.encode())) for each in (past + text, past))
    assert compressed([past], [text[:40], text[40:]])[name] == 8 * (both - alone) / len(text.encode())


def test_only_the_end_of_a_long_past_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAST", 5_000)
    text = letters(9)
    assert compressed([text, letters(1, 6_000)], [text]) == compressed([letters(1, 6_000)[1_000:]], [text])
    assert compressed(["ñ" * 9_000], [text]) == compressed(["ñ" * 2_500], [text])


def test_bzip2_has_the_past_in_one_block_with_the_text() -> None:
    past, text = letters(1, 1_500_000), letters(2, 1_000)
    near = past[len(text) - 899_000 :].encode()
    bytes_more = len(bz2.compress(near + text.encode())) - len(bz2.compress(near))
    others = dict.fromkeys(set(COMPRESSORS) - {"bzip2"}, 0.0)  # which are slow
    assert compressed([past], [text], others)["bzip2"] == 8 * bytes_more / len(text)


def test_an_empty_text() -> None:
    assert compressed(["a"], []) == {}


def test_a_text_that_adds_no_byte_has_no_figure() -> None:
    found = compressed(["a b a b\n" * 400], ["a b a b\n"])
    assert all(figure > 0 for figure in found.values())
    assert "xz" not in found


def test_what_is_known_or_not_installed_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    found = compressed([letters(1)], [letters(2)], {"xz": 1.5})
    assert found["xz"] == 1.5
    assert [*found] == ["gzip", "bzip2", "xz", "zstd"]
