"""Texts as readers may type them into the field of a report."""

from __future__ import annotations

import random
import unicodedata
from functools import cache

from tests.embedded import embedded

WORDS = (
    "the cat Wien's don't O’Brien l'eau 1,000.5 B12 well-known U.S. ... -- it's"
    " Grüße ἀγάπη мир שָׁלוֹם سلام می‌خواهم नमस्ते 日本語 カタカナ ไทย 한국어 ﾊﾝｶｸ ශ්‍රී"
    " 👩‍🔬 🇩🇪 👍🏽 ❤️ e\u0301 a\u0300\u0323 ß ǅ ² ½ ٣ \u00ad \u200b \ufeff \u2060"
    " <unk> </s> <unk_> @-@ &apos; 's 'S s' ’ ' \" ( ) [x] {y} a|b a/b $5"
    " . , ! ? xylophone a A 0 9.9 .5 5. 1,2,3 x'y'z '' `` \x00 \x7f \u0345 \U0001f1e6"
)
SPACES = (" ", "  ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u2003", "\u3000", "\x1c", "\x85", "\v", "\u2028")
PIECES = (*WORDS.split(" "), *SPACES)


@cache
def strings(number: int = 1_000) -> list[str]:
    """Texts of many scripts and of random characters, very long words, and sentences of news."""
    draw = random.Random(0)
    assigned = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    news = [document.text[start:end] for document in embedded("lee").train for start, end in document.sentences]
    return [
        *("".join(draw.choices(PIECES, k=draw.randint(0, 12))) for _ in range(number // 2)),
        *("".join(draw.choices(assigned, k=draw.randint(1, 12))) for _ in range(number // 4)),
        *("".join(draw.choices(letters, k=3_000)) for letters in ("ab", "aé", "a1", "x", " ", "\n ", "日本", "'s")),
        *draw.sample(news, number // 4),
    ]
