"""Words, numbers and punctuation marks of running text, in any script."""

from __future__ import annotations

import re
from collections.abc import Sequence

import regex

from lmcompare.tokens.marks import MarkedTokenizer
from lmcompare.tokens.spacing import UNSPACED, spaced


def oniguruma(pattern: str, marks: Sequence[str]) -> str:
    """Return an expression in the syntax of Oniguruma."""
    pattern = re.sub(r"\\p\{Script=(\w+)\}", r"\\p{\1}", _compact(pattern))
    return _after_marks(pattern.replace("]--[", "]&&[^"), marks, r"\x{{{:X}}}")


def javascript(pattern: str, marks: Sequence[str]) -> str:
    """Return an expression in the syntax of JavaScript with the flag v.

    JavaScript has no possessive quantifiers; greedy quantifiers match the same where nothing after them can fail.
    """
    return _after_marks(re.sub(r"(?<=[*+])\+", "", _compact(pattern)), marks, r"\u{{{:X}}}")


def _compact(pattern: str) -> str:
    pattern = re.sub(r"\s#.*$", "", pattern, flags=re.MULTILINE)
    return re.sub(r"\s+", "", pattern).replace(r"\S", r"\P{White_Space}")


def _after_marks(pattern: str, marks: Sequence[str], code: str) -> str:
    alone = r"(?<!\P{{White_Space}}){}(?!\P{{White_Space}})|"
    literal = ("".join(c if c.isalnum() else code.format(ord(c)) for c in mark) for mark in marks)
    return "".join(map(alone.format, literal)) + pattern


# What a word consists of: letters, marks and digits of scripts with blanks between words; and, after its first
# character, the invisible joiners (zero-width non-joiner and joiner, soft hyphen, word joiner) that Persian or
# Sinhala words need.
_FIRST = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]"
_NEXT = rf"[[\p{{L}}\p{{M}}\p{{N}}\u200C\u200D\u00AD\u2060]--[{UNSPACED}]]"

WORD_PATTERN = rf"""
    {_FIRST}{_NEXT}*+                           # a word, a number or a mixture: Wien, 1990s, B12
    (?: (?<=\p{{N}})[.,](?=\p{{N}}){_NEXT}++    # … a point or comma between digits stays inside: 1,000.5
      | (?!['’][sS](?!{_NEXT}))                 # … an apostrophe between letters too, but not before a final s:
        ['’](?=\p{{L}}){_NEXT}++                #   don't, O’Brien, l'eau
    )*+
  | (?<={_NEXT})['’][sS](?!{_NEXT})             # the clitic of it's and Wien's, apart from the word it leans on
  | [{UNSPACED}]\p{{M}}*+                       # one character, with its marks, of a script without blanks
  | \.{{3}} | -{{2,3}}                          # an ellipsis and a dash typed as several characters
  | \p{{Regional_Indicator}}{{2}}               # a flag
  | \p{{Extended_Pictographic}}[\p{{M}}\p{{Emoji_Modifier}}]*+      # an emoji, with its variants and joined parts
    (?: \u200D \p{{Extended_Pictographic}}[\p{{M}}\p{{Emoji_Modifier}}]*+ )*+
  | \S\p{{M}}*+                                 # every other character that is not white space, with its marks
"""
"""The regular expression of the ``word`` tokenizer (the ``regex`` module's syntax, version 1, verbose).

Its last alternative matches any character that is not white space, so that only white space is left between tokens.
A hyphen is a token of its own (``well``, ``-``, ``known``); abbreviations are cut at their points (``U``, ``.``,
``S``, ``.``).
"""


class WordTokenizer(MarkedTokenizer):
    """Cuts by ``WORD_PATTERN``; only white space (Unicode's White_Space property) is left between tokens."""

    kind = "word"
    description = (
        "Words, numbers and punctuation marks, cut by a regular expression; scripts written without blanks come out "
        "as single characters."
    )
    rule = WORD_PATTERN
    usual_min_count = 2

    def pattern(self, marks: Sequence[str]) -> regex.Pattern[str]:
        whole = "".join(rf"(?<!\S){regex.escape(mark)}(?!\S) | " for mark in marks)
        return regex.compile(f"({whole}{WORD_PATTERN})", regex.V1 | regex.VERBOSE)

    def oniguruma(self, marks: Sequence[str]) -> str:
        return oniguruma(WORD_PATTERN, marks)

    def javascript(self, marks: Sequence[str]) -> str:
        return javascript(WORD_PATTERN, marks)

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.tokenised:
            return super().notes
        said = "The text seems to be tokenised already; --tokens whitespace keeps its tokens as they are."
        return (*super().notes, said)

    def detokenize(self, tokens: Sequence[str]) -> str:
        return spaced([self._word(token) for token in tokens])
