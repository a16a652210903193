"""``nltk:NAME``: the corpora that NLTK reads, found on NLTK's own data path; nothing is downloaded.

NLTK: Bird, Klein and Loper (2009), *Natural Language Processing with Python*, O'Reilly, chapter 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import Piece, has_utf8
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, one_line, suggest

EXAMPLES = ("brown", "gutenberg", "inaugural", "reuters", "treebank", "webtext")
EMPTY_ELEMENT = "-NONE-"  # its tag in the Penn Treebank
_SUGGESTED = ", ".join(f"nltk:{name}" for name in EXAMPLES)


def read_nltk(name: str, options: CorpusOptions) -> Found:
    """Return a document for each file of a corpus of NLTK, in NLTK's order.

    Running texts, such as those of ``gutenberg``, are as they are in their files. Of other corpora each sentence is
    a line, its tokens joined by single spaces, without the empty elements of treebanks. Documents are named by their
    files. The categories that NLTK gives a file are its metadata ``genre``, joined by commas.

    Raises
    ------
    LmcompareError
        If NLTK has no such corpus, its data are not on this machine or cannot be read, or it is no text.
    """
    from nltk.corpus.reader.plaintext import PlaintextCorpusReader
    from nltk.corpus.reader.wordlist import WordListCorpusReader

    reader = _reader(name)
    with _explained(name):
        if not callable(getattr(reader, "fileids", None)):  # this loads the corpus; only then it has its class
            raise _without_sentences(name)
        files = list(reader.fileids())
        running = isinstance(reader, PlaintextCorpusReader)
        if running:
            read = _raw
        elif callable(getattr(reader, "sents", None)):
            read = _sentences
        elif callable(getattr(reader, "words", None)) and not isinstance(reader, WordListCorpusReader):
            read = _all_words
        else:
            raise _without_sentences(name)
        texts = [(file, *read(reader, file, name)) for file in files]
        pieces = [Piece(str(file), text, _metadata(reader, file)) for file, text, _ in texts if text.strip()]
    if not pieces:
        raise LmcompareError(f"NLTK's corpus '{name}' has no sentence in it; fetch it again with {_command(name)}")
    notes = [] if running else ["Each sentence is a line, the tokens of NLTK's reader joined by single spaces."]
    if broken := sum(n for _, _, n in texts):
        notes.append(
            f"Sentences with tokens that are empty or contain white space, and are split differently: {broken:,}."
        )
    return Found(
        tuple(pieces),
        sentences="punkt" if running else "line",
        notes=tuple(notes),
        name=name,
        source=f"the corpus '{name}' of NLTK's data",
    )


def _raw(reader: Any, file: str, name: str) -> tuple[str, int]:
    """The text of a file, and 0, since no sentence is split differently."""
    return str(reader.raw(file)), 0


def _sentences(reader: Any, file: str, name: str) -> tuple[str, int]:
    """The sentences of a file, each on a line, and how many of them have tokens that are split differently.

    The empty elements of a treebank of brackets, such as ``*-1`` for a subject that is not said, are no words.
    """
    from nltk.corpus.reader.bracket_parse import BracketParseCorpusReader

    if not isinstance(reader, BracketParseCorpusReader):
        return _lines(reader.sents(file), name)
    tagged = reader.tagged_sents(file)
    return _lines(([word for word, tag in sentence if tag != EMPTY_ELEMENT] for sentence in tagged), name)


def _all_words(reader: Any, file: str, name: str) -> tuple[str, int]:
    """The words of a file on a line, and 1 if some of them are split differently."""
    return _lines([reader.words(file)], name)


def _lines(sentences: Iterable[object], name: str) -> tuple[str, int]:
    lines, broken = [], 0
    for sentence in sentences:
        words = _words(sentence, name)
        line = " ".join(words)
        broken += line.split() != words
        if words:
            lines.append(f"{line}\n")
    return "".join(lines), broken


def _reader(name: str) -> Any:
    """NLTK's reader of this name, not loaded yet."""
    readers = import_module("nltk.corpus")  # a second, so only when it is needed; nltk.corpus may be a lazy module
    from nltk.corpus.reader.api import CorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    known = {key: it for key, it in vars(readers).items() if isinstance(it, LazyCorpusLoader | CorpusReader)}
    if name not in known:
        raise LmcompareError(
            f"NLTK has no corpus '{name}'{suggest(name, known)}; give one of its names, such as {_SUGGESTED}"
        )
    return known[name]


def _words(sentence: object, name: str) -> list[str]:
    words = list(sentence) if isinstance(sentence, Iterable) and not isinstance(sentence, str | dict) else [None]
    strings = [word for word in words if isinstance(word, str) and has_utf8(word)]
    if len(strings) < len(words):
        raise _without_sentences(name)
    return strings


def _metadata(reader: Any, file: str) -> dict[str, str]:
    if not callable(getattr(reader, "categories", None)):
        return {}
    return {"genre": ", ".join(str(category) for category in reader.categories(file))}


def _without_sentences(name: str) -> LmcompareError:
    return LmcompareError(
        f"NLTK's corpus '{name}' has no sentences of words; give a corpus that has them, such as {_SUGGESTED}"
    )


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn the errors of NLTK for missing or damaged data into one sentence."""
    try:
        yield
    except LmcompareError:
        raise
    except Exception as error:
        package = _lacking(error, name)
        if package is None:
            raise LmcompareError(
                f"NLTK cannot read its corpus '{name}' ({one_line(error)[:200]}); fetch it again with "
                f"{_command(name)}"
            ) from error
        needs = "" if package == name else f", which needs '{package}',"
        raise LmcompareError(
            f"NLTK's corpus '{name}'{needs} is not on this machine; fetch what is missing with "
            f"{_command(package)}, or set NLTK_DATA to the folder that contains it"
        ) from None


def _lacking(error: BaseException | None, name: str) -> str | None:
    """The package of NLTK's data that an error reports as missing; None for any other error."""
    while error is not None:
        if type(error) is LookupError:  # not its subclasses KeyError and IndexError, which have other causes
            found = re.search(r"nltk\.download\(['\"]([\w.-]+)['\"]\)", str(error))
            return found[1] if found else name
        error = error.__cause__ or error.__context__  # the error of a missing sentence tokenizer is wrapped
    return None


def _command(package: str) -> str:
    return f"python -m nltk.downloader {package}"


NLTK = CorpusScheme(
    "a corpus of NLTK's data, such as nltk:brown (python -m nltk.downloader brown downloads it)",
    read_nltk,
    argument="NAME",
    examples=EXAMPLES,
)
