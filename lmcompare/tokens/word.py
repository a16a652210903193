"""Characters and bytes, words, letters with their marks, and runs without white space as tokens."""

from __future__ import annotations

import functools
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import regex

from lmcompare.corpora.sentences import ASCII_SPACES, in_parts, numbered_words
from lmcompare.errors import LmcompareError
from lmcompare.state import State
from lmcompare.tokens import tokenizer_json
from lmcompare.tokens.tokenizer import Tokenizer, lines_of, spans_between, spans_of_lengths, utf8_lengths
from lmcompare.tokens.vocabulary import END_TOKEN, UNKNOWN_TOKEN, IntArray, Vocabulary

# A printable ASCII character is its own name; every other byte is named by its number.
BYTE_NAMES: tuple[str, ...] = tuple(chr(b) if 0x20 <= b < 0x7F else f"<0x{b:02X}>" for b in range(256))
_VALUES = {name: bytes([value]) for value, name in enumerate(BYTE_NAMES)}


class ByteTokenizer(Tokenizer):
    """Makes every byte of a sentence's UTF-8 a token, such as ``a`` or ``<0xC3>``."""

    kind = "byte"
    description = "Every byte of the UTF-8 text is a token; none is ever unknown."
    covers = "sentences"
    fixed_vocabulary = True

    @property
    def always_tokens(self) -> tuple[str, ...]:
        return BYTE_NAMES

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        data = text.encode()
        return [BYTE_NAMES[b] for b in data], spans_of_lengths(np.ones(len(data), np.int64))

    def in_page(self) -> dict[str, Any]:
        return {"cut": "byte"}

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        decoder = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
        model = tokenizer_json.by_character(vocabulary, bytes_of_others=True)
        return tokenizer_json.of_lines(model, pre_tokenizer=None, decoder=decoder)

    def token_bytes(self, token: str) -> bytes:
        return _VALUES.get(token) or token.encode()


class CharTokenizer(Tokenizer):
    """Makes every Unicode code point of a sentence a token."""

    kind = "char"
    description = "Every character is a token, blanks included."
    covers = "sentences"

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        return list(text), spans_of_lengths(utf8_lengths(text))

    def in_page(self) -> dict[str, Any]:
        return {"cut": "char"}

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        model = tokenizer_json.by_character(vocabulary, bytes_of_others=False)
        return tokenizer_json.of_lines(model, pre_tokenizer=None, decoder={"type": "Fuse"})


# Scripts without blanks between words; the code points are the marks of length and voicing of Hiragana and Katakana.
_SCRIPTS = (
    "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Javanese Balinese"
)
UNSPACED = "".join(rf"\p{{Script={script}}}" for script in _SCRIPTS.split()) + r"\u30FC\uFF70\uFF9E\uFF9F"
"""The characters of these scripts, to be put into a set of a regular expression."""

_WIDE_PUNCTUATION = r"\u3001-\u3003\u3008-\u301F\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65"

# No blank before a closing mark, none after an opening one, none on either side of a joining one.
_CLOSING = frozenset(",.;:!?%)]}…”’»›°′″") | {"...", "'s", "’s", "'S", "’S"}
_OPENING = frozenset("([{“‘„«‹¿¡$£€¥#@")
_JOINING = frozenset("-/–—_\\⁄~")
_STRAIGHT_QUOTES = frozenset("\"'")


@functools.cache
def _unspaced() -> regex.Pattern[str]:
    return regex.compile(f"[{UNSPACED}{_WIDE_PUNCTUATION}]", regex.V1)


@functools.lru_cache(maxsize=65536)
def is_unspaced(token: str) -> bool:
    """Return whether the token begins with a character of a script without blanks, or with its punctuation."""
    return _unspaced().match(token) is not None


def spaced(tokens: Sequence[str]) -> str:
    """Join tokens as English text is written; ``</s>`` ends a line.

    A straight quotation mark opens and closes in turn within a sentence. There is no blank between characters of
    scripts without blanks, nor beside their wide punctuation.
    """
    return "\n".join(_line(line) for line in lines_of(tokens))


def _line(tokens: Sequence[str]) -> str:
    pieces: list[str] = []
    opened: set[str] = set()
    touches = True  # whether there is no blank before the next token
    for at, token in enumerate(tokens):
        straight = token in _STRAIGHT_QUOTES
        closes = straight and (token in opened or _is_apostrophe(tokens, at))
        wide = bool(pieces) and is_unspaced(token) and is_unspaced(pieces[-1])
        if not (touches or closes or wide or token in _CLOSING or token in _JOINING):
            pieces.append(" ")
        pieces.append(token)
        touches = token in _OPENING or token in _JOINING or (straight and not closes)
        if straight:
            (opened.discard if closes else opened.add)(token)
    return "".join(pieces)


def _is_apostrophe(tokens: Sequence[str], at: int) -> bool:
    """Return whether this is a straight single quote without a partner, as in *the workers' rights*."""
    return tokens[at] == "'" and "'" not in tokens[at + 1 :]


RESERVED = (UNKNOWN_TOKEN, END_TOKEN)
"""The names that a vocabulary has for the unknown word and the end of a sentence."""

_MARK = re.compile(r"(?<!\S)(?:</?[A-Za-z_]{1,20}>|@[^\w\s]@|-[LR][RSC]B-|&[a-z]{2,5};)(?!\S)")
_OF_RESERVED = re.compile(r"(<unk|</s)(_*)>")  # a reserved name, with any number of underscores
_LEAST_SHARE = 1e-4  # of the words; a rarer mark may be there by chance, as in a text that explains <unk>
LONG = 1 << 14  # in a text of at least this many characters, each distinct word is cut once
_BLANKS = np.frombuffer(b" \t\n\r\v\f", np.uint8)
_COMMA = re.compile(r",(?!\S)")  # a comma before white space; full stops belong to abbreviations, too
_ALONE = re.compile(r",(?<!\S,)(?!\S)")  # a comma with white space before it as well
_SHARE_ALONE = 0.9  # the least share of such commas in a text that is tokenised already


def find_marks(texts: Sequence[str]) -> dict[str, int]:
    """Return the marks that occur at least twice, and once in 10,000 words, with their counts, by falling count."""
    counts = Counter(mark for text in texts for mark in _MARK.findall(text))
    words = sum(len(part.split()) for text in texts for part in in_parts(text)) if counts else 0
    return {mark: n for mark, n in counts.most_common() if n >= max(2, _LEAST_SHARE * words)}


def is_tokenised(texts: Sequence[str]) -> bool:
    """Return whether at least nine of ten commas before white space have white space before them as well."""
    commas, alone = (sum(len(pattern.findall(text)) for text in texts) for pattern in (_COMMA, _ALONE))
    return commas > 0 and alone >= _SHARE_ALONE * commas


def escaped(token: str) -> str:
    """Return the token for a word of the text: ``<unk_>`` for ``<unk>``, ``<unk__>`` for ``<unk_>`` and so on."""
    return _OF_RESERVED.sub(r"\1\2_>", token) if _OF_RESERVED.fullmatch(token) else token


def unescaped(token: str) -> str:
    """Return the word of the text for a token: the inverse of `escaped`."""
    found = _OF_RESERVED.fullmatch(token)
    return f"{found[1]}{found[2][:-1]}>" if found and found[2] else token


def _begins(raw: bytes) -> IntArray:
    """Return the offset in ``raw`` of each part that ``raw.split()`` returns."""
    filled = ~np.isin(np.frombuffer(raw, np.uint8), _BLANKS)
    return np.flatnonzero(filled & ~np.append(False, filled[:-1]))


class MarkedTokenizer(Tokenizer):
    """Cuts text into words, but does not cut the marks that it found in the training text.

    Attributes
    ----------
    marks : mapping of str to int
        The marks of the training text that change how a text is cut or named, with their counts.
    tokenised : bool
        Whether the training text is tokenised already.
    """

    marks: Mapping[str, int] = {}
    tokenised: bool = False

    @abstractmethod
    def pattern(self, marks: Sequence[str]) -> regex.Pattern[str]:
        """Return an expression with one group, which matches a token; only white space is between matches."""

    def fit(self, texts: Sequence[str]) -> Self:
        self._set(find_marks(texts), is_tokenised(texts))
        return self

    def state(self) -> State:
        values = {"marks": dict(self.marks), "tokenised": self.tokenised}
        return State(values={name: value for name, value in values.items() if value})

    def restore(self, state: State) -> None:
        self._set(state.values.get("marks", {}), state.values.get("tokenised", False))

    def _set(self, marks: Mapping[str, int], tokenised: bool) -> None:
        self.marks, self.tokenised = marks, tokenised
        for name in ("_cutter", "_escapes"):
            self.__dict__.pop(name, None)

    @property
    def notes(self) -> tuple[str, ...]:
        found = ", ".join(f"{mark} ({count:,} times)" for mark, count in self.marks.items())
        notes = [f"The training text has marks of its own, each of which is one token: {found}."] if found else []
        notes += [
            f"The {mark} of the text is a word like any other and is shown as {escaped(mark)}."
            for mark in RESERVED
            if mark in self.marks
        ]
        return tuple(notes)

    def parts(self, text: str) -> Iterator[str]:
        return in_parts(text)

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        return self._cut(text) if len(text) < LONG else self._cut_each_once(text)

    def _cut(self, text: str) -> tuple[list[str], IntArray]:
        pieces = self._cutter.split(text)  # one group in the pattern: space, token, space, …, token, space
        tokens = pieces[1::2]
        if self._escapes:
            tokens = [escaped(token) if token[0] == "<" else token for token in tokens]
        return tokens, spans_between(pieces, text.isascii())

    def _cut_each_once(self, text: str) -> tuple[list[str], IntArray]:
        """Return the same as ``_cut``, but cut each distinct run between white space only once."""
        runs, run, _ = numbered_words([text], ASCII_SPACES)
        begin_of_run = _begins(text.encode())
        joined = " ".join(runs)
        distinct, offsets = self._cut(joined)
        places = _begins(joined.encode())  # the offsets of the distinct runs
        owner = np.searchsorted(places, offsets[:, 0], side="right") - 1
        offsets = offsets - places[owner][:, None]
        many = np.bincount(owner, minlength=len(runs))  # the number of tokens of each distinct run
        first = np.cumsum(many) - many
        each = many[run]
        taken = np.arange(each.sum()) + np.repeat(first[run] - np.cumsum(each) + each, each)
        tokens = np.array(distinct, object)[taken].tolist()
        return tokens, offsets[taken] + np.repeat(begin_of_run, each)[:, None]

    @abstractmethod
    def oniguruma(self, marks: Sequence[str]) -> str:
        """Return the expression of ``pattern``, without the group, in the syntax of Oniguruma."""

    @abstractmethod
    def javascript(self, marks: Sequence[str]) -> str:
        """Return the expression of ``pattern``, without the group, in the syntax of JavaScript with the flag v."""

    def in_page(self) -> dict[str, Any]:
        return {"cut": "pattern", "pattern": self.javascript(list(self.marks)), "escapes": self._escapes}

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        if self._escapes:
            raise LmcompareError(
                f"the tokenizer {self.kind} can't be written as tokenizer.json: the training text has words such as"
                " <unk>, which Hugging Face's tokenizers would take for the unknown word of the vocabulary"
            )
        cut = tokenizer_json.cut_by(self.oniguruma(list(self.marks)))
        return tokenizer_json.of_lines(tokenizer_json.by_word(vocabulary), pre_tokenizer=cut, decoder=None)

    def token_bytes(self, token: str) -> bytes:
        return self._word(token).encode()

    def detokenize(self, tokens: Sequence[str]) -> str:
        return super().detokenize([self._word(token) for token in tokens])

    @cached_property
    def _cutter(self) -> regex.Pattern[str]:
        return self.pattern(list(self.marks))

    @cached_property
    def _escapes(self) -> bool:
        return any(mark in self.marks for mark in RESERVED)

    def _word(self, token: str) -> str:
        return unescaped(token) if self._escapes else token


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


class WhitespaceTokenizer(MarkedTokenizer):
    """Cuts at white space (Unicode's White_Space property) and nowhere else."""

    kind = "whitespace"
    description = "The text between white space: for text that is tokenised already."
    rule = r"(\S+)"

    def fit(self, texts: Sequence[str]) -> Self:
        super().fit(texts)
        self.marks = {
            mark: count for mark, count in self.marks.items() if mark in RESERVED
        }  # other marks stay whole anyway
        self.tokenised = False  # so that no note is given: such a text is expected here
        return self

    def pattern(self, marks: Sequence[str]) -> regex.Pattern[str]:
        return regex.compile(self.rule)

    def oniguruma(self, marks: Sequence[str]) -> str:
        return r"\P{White_Space}+"

    def javascript(self, marks: Sequence[str]) -> str:
        return r"\P{White_Space}+"
