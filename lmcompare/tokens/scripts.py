"""The scripts that are written without blanks between words."""

from __future__ import annotations

import functools

import regex

# The four code points are the marks of length and voicing common to Hiragana and Katakana.
_SCRIPTS = (
    "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Javanese Balinese"
)
UNSPACED = "".join(rf"\p{{Script={script}}}" for script in _SCRIPTS.split()) + r"\u30FC\uFF70\uFF9E\uFF9F"
"""The characters of these scripts, to be put into a set of a regular expression."""

_WIDE_PUNCTUATION = r"\u3001-\u3003\u3008-\u301F\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65"


@functools.cache
def _unspaced() -> regex.Pattern[str]:
    return regex.compile(f"[{UNSPACED}{_WIDE_PUNCTUATION}]", regex.V1)


@functools.lru_cache(maxsize=65536)
def is_unspaced(token: str) -> bool:
    """Return whether the token begins with a character of a script without blanks, or with its punctuation."""
    return _unspaced().match(token) is not None
