"""The options of a corpus: how its text is read, cut into documents and sentences, split and changed.

`CorpusOptions` is the only declaration of these options. The command line, experiment files and the Python interface
take their names, types, defaults and help sentences from its fields.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from lmcompare.corpora.document import DocumentMarks, has_utf8
from lmcompare.errors import LmcompareError, kind_of, suggest

SentenceMarks = Literal["line", "punkt"]

_ENCODINGS = (
    *("utf-8", "utf-16", "utf-32", "latin-1", "cp1252", "iso-8859-15"),
    *("gb18030", "shift_jis", "euc-kr", "koi8-r"),
)
_END = "</s>"  # the mark that closes a sentence; a word of the text with this spelling is an unknown word
_KINDS = {  # by the annotation of an option: the type of its values, and what to give
    "bool": (bool, "true or false"),
    **dict.fromkeys(("str", "DocumentMarks", "SentenceMarks"), (str, "a text")),
}


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class CorpusOptions:
    """How a text is read, cut, split and changed.

    The help sentence of an option is ``field.metadata["help"]`` of its dataclass field. Whole numbers are 1 or more.
    """

    documents: DocumentMarks | None = _option(
        None,
        "What one document is: a whole file, a line, or the text between blank lines. The default depends on the"
        " source.",
    )
    sentences: SentenceMarks | None = _option(
        None,
        "How sentences are found: each line is one, or by Punkt in running text. The default is Punkt for the"
        " embedded corpora, and lines for all others.",
    )
    lowercase: bool = _option(False, "Convert the text to lower case, after the sentences are found.")
    nfc: bool = _option(False, "Normalise the text to Unicode NFC before anything else.")
    encoding: str = _option("utf-8", "The encoding of text files and of standard input.")
    text_column: str | None = _option(None, "The column of a table that contains the text. The default is 'text'.")
    train_words: int | None = _option(
        None, "Cut the text in its own order and take this many words as training text; needs valid_words."
    )
    valid_words: int | None = _option(
        None, "The number of words of validation text after the training text; the rest is test text."
    )
    rare_count: int | None = _option(
        None,
        "Replace words that occur this many times or fewer in the whole corpus, test text included; needs rare_word.",
    )
    rare_word: str | None = _option(None, "The word that replaces rare words, such as <unk_>.")
    file_format: str | None = _option(
        None,
        "The format of the files: the name of an installed format, or './file.py:NAME' for a format of"
        " your own. The default depends on the suffix and the first bytes of each file.",
    )
    stdin_megabytes: int = _option(1000, "Standard input that is longer is refused: it might never end.")
    fraction: float | None = _option(
        None,
        "Train on this share of the training text, such as 0.1: documents by a hash of their text. Validation and"
        " test text stay whole.",
    )

    @property
    def changes(self) -> tuple[str, ...]:
        """What these options do to the text, as short phrases."""
        rare = f"words seen {self.rare_count} times or less are {self.rare_word}" if self.rare_count else ""
        phrases = ("lower case" if self.lowercase else "", "Unicode NFC" if self.nfc else "", rare)
        return tuple(phrase for phrase in phrases if phrase)

    def check(self) -> None:
        """Check every value, and that the options can be used together.

        Raises
        ------
        LmcompareError
            An option has a value that is not allowed, or lacks the option that it needs.
        """
        for option in fields(self):
            value, (annotation, _, optional) = getattr(self, option.name), str(option.type).partition(" | ")
            kind, said = _KINDS.get(annotation, (object, ""))
            if not isinstance(value, kind) and not (value is None and optional) and option.name != "rare_word":
                raise LmcompareError(f"{option.name} is {kind_of(value)}; give {said}")
        allowed = {"documents": get_args(DocumentMarks), "sentences": get_args(SentenceMarks)}
        for name, values in allowed.items():
            value = getattr(self, name)
            if value is not None and value not in values:
                raise LmcompareError(
                    f"unknown value '{value}' of {name}{suggest(value, values)}; use one of {', '.join(values)}"
                )
        try:
            "".encode(self.encoding)
        except (LookupError, ValueError):
            raise LmcompareError(
                f"unknown encoding '{self.encoding}'{suggest(self.encoding, _ENCODINGS)}; give the name of a text "
                "encoding, such as utf-8 or latin-1"
            ) from None
        for option in fields(self):
            count = getattr(self, option.name)
            if not str(option.type).startswith("int") or count is None:
                continue
            wrong = not isinstance(count, int) or isinstance(count, bool)
            if wrong or count < 1:
                given = kind_of(count) if wrong else f"{count:,}"
                raise LmcompareError(f"{option.name} is {given}; give a whole number of 1 or more")
        if self.fraction is not None:
            is_number = isinstance(self.fraction, int | float) and not isinstance(self.fraction, bool)
            if not is_number or not 0 < self.fraction <= 1:
                raise LmcompareError(
                    f"fraction is {reprlib.repr(self.fraction)}; give a number above 0 and up to 1, such as 0.1"
                )
        if (self.train_words is None) != (self.valid_words is None):
            given, missing = ("train", "valid") if self.valid_words is None else ("valid", "train")
            raise LmcompareError(
                f"{given}_words is given without {missing}_words; give both, and the rest becomes the test text"
            )
        _check_rare(self.rare_count, self.rare_word)


def _check_rare(count: int | None, word: object) -> None:
    if count is not None and word is None:
        raise LmcompareError("rare_count is given without rare_word; give the word that replaces the rare words")
    if word is None:
        return
    if count is None:
        raise LmcompareError("rare_word is given without rare_count; give the largest count of a rare word")
    if not isinstance(word, str) or word.split() != [word] or not has_utf8(word):
        raise LmcompareError(f"rare_word is {word!r}; give one word without white space, such as <unk_>")
    if word == _END:
        raise LmcompareError(
            f"rare_word is {_END}, the mark that closes sentences; give another word, such as <unk_>"
        )
