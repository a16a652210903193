"""How a text is read, cut, split and changed: the options of a corpus, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lmcompare.corpora.document import has_utf8
from lmcompare.corpora.files import check_encoding
from lmcompare.corpora.pieces import DocumentMarks
from lmcompare.errors import LmcompareError, kind_of, suggest

SentenceMarks = Literal["line", "punkt"]

_END = "</s>"  # what closes sentences; in the text it is an unknown word


@dataclass(frozen=True)
class CorpusOptions:
    """How a text is read and cut.

    Attributes:
        documents: "file" (one document a file), "line" or "blank-line"; None: as the source says by itself.
        sentences: "line" or "punkt"; None: Punkt for the embedded corpora and texts in memory, lines for files.
        lowercase: turn all letters into small ones, after the sentences are found.
        nfc: compose characters (Unicode NFC) first.
        encoding: how files and standard input are encoded.
        text_column: the column of a table that holds the text; None: "text".
        train_words, valid_words: cut the whole text, in its own order, after so many words; test is the rest.
        rare_count: words that stand so often or less in the whole corpus, test included, become ``rare_word``.
        rare_word: the word that takes their place, such as "<unk_>".
    """

    documents: DocumentMarks | None = None
    sentences: SentenceMarks | None = None
    lowercase: bool = False
    nfc: bool = False
    encoding: str = "utf-8"
    text_column: str | None = None
    train_words: int | None = None
    valid_words: int | None = None
    rare_count: int | None = None
    rare_word: str | None = None

    @property
    def changes(self) -> tuple[str, ...]:
        """What these options do to the text, in words."""
        rare = f"words seen {self.rare_count} times or less are {self.rare_word}" if self.rare_count else ""
        said = ("lower case" if self.lowercase else "", "Unicode NFC" if self.nfc else "", rare)
        return tuple(each for each in said if each)

    def check(self) -> None:
        """Raise `LmcompareError` for a value that there is not, or for options that do not go together."""
        allowed = {"documents": get_args(DocumentMarks), "sentences": get_args(SentenceMarks)}
        for name, values in allowed.items():
            value = getattr(self, name)
            if value is not None and value not in values:
                raise LmcompareError(
                    f"unknown value '{value}' of {name}{suggest(value, values)}; use one of {', '.join(values)}"
                )
        check_encoding(self.encoding)
        for name in ("train_words", "valid_words", "rare_count"):
            _check_count(name, getattr(self, name))
        if (self.train_words is None) != (self.valid_words is None):
            given, lacking = ("train", "valid") if self.valid_words is None else ("valid", "train")
            raise LmcompareError(
                f"{given}_words is given without {lacking}_words; give both, test is what remains after them"
            )
        _check_rare(self.rare_count, self.rare_word)


def _check_count(name: str, count: object) -> None:
    if count is None:
        return
    if isinstance(count, bool) or not isinstance(count, int):
        raise LmcompareError(f"{name} is {kind_of(count)}; give a whole number of 1 or more")
    if count < 1:
        raise LmcompareError(f"{name} is {count:,}; give a whole number of 1 or more")


def _check_rare(count: int | None, word: object) -> None:
    if count is not None and word is None:
        raise LmcompareError("rare_count is given without rare_word; name the word that takes the rare words' place")
    if word is None:
        return
    if count is None:
        raise LmcompareError("rare_word is given without rare_count; say how often a rare word stands in the corpus")
    if not isinstance(word, str) or word.split() != [word] or not has_utf8(word):
        raise LmcompareError(f"rare_word is {word!r}; give one word without white space, such as <unk_>")
    if word == _END:
        raise LmcompareError(f"rare_word is {_END}, which closes sentences; give another word, such as <unk_>")
