"""Texts in memory: a list, a generator, a pandas table, a Hugging Face data set, or a mapping of splits to these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from lmcompare.corpora.contents import Content
from lmcompare.corpora.contract import File, Found
from lmcompare.corpora.document import SPLITS, Piece, has_utf8
from lmcompare.corpora.formats.tables import documents_of_rows
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.split_files import split_named
from lmcompare.errors import LmcompareError, kind_of, suggest

_NAME, _SOURCE = "documents", "documents given in memory"


def read_texts(texts: object, options: CorpusOptions, name: str = "document") -> Found:
    """Read texts, one document each, or rows of a table with a column of text.

    Parameters
    ----------
    texts : iterable of str or of mappings, pandas.DataFrame or pandas.Series
        The texts, or rows that have the text under the key "text" or the one that ``options.text_column`` names.
    options : CorpusOptions
    name : str
        What the documents are called, before their number.

    Raises
    ------
    LmcompareError
        If these are no texts, or none of them has text.
    """
    rows = _rows(texts)
    first = next(rows, "")
    rows = chain([first], rows)
    if isinstance(first, Mapping):
        table = File(Content(b""), "the table", name)
        found = documents_of_rows(((n, _row(row, n)) for n, row in enumerate(rows, 1)), table, options, "row")
        return Found(found.pieces, table=True, notes=found.notes, name=_NAME, source=_SOURCE)
    pieces, blank = [], 0
    for number, text in enumerate(rows, 1):
        if not isinstance(text, str):
            raise LmcompareError(f"{name} {number:,} is {kind_of(text)}, not a text; give a sequence of strings")
        if not has_utf8(text):
            raise LmcompareError(f"{name} {number:,} has a lone surrogate, which is not text; decode it correctly")
        blank += not text.strip()
        if text.strip():
            pieces.append(Piece(f"{name} {number}", text))
    if not pieces:
        raise LmcompareError(f"there is no text in the {name}s given; give at least one string that is not blank")
    notes = (f"Documents without text that were left out: {blank:,}.",) if blank else ()
    return Found(tuple(pieces), notes=notes, name=_NAME, source=_SOURCE)


def read_split_texts(split: Mapping[str, object], options: CorpusOptions) -> Found:
    """Read a mapping of "train", "test" and, if there is one, "valid" to texts.

    The other words for these splits, such as "validation", are known too.

    Raises
    ------
    LmcompareError
        If a split is missing or not known, or has no text.
    """
    found: dict[str, Found] = {}
    for key, texts in split.items():
        which = split_named(key)
        if which is None:
            raise LmcompareError(f"unknown split '{key}'{suggest(str(key), SPLITS)}; give {', '.join(SPLITS)}")
        if which in found:
            raise LmcompareError(f"{which} is given twice; give each of {', '.join(SPLITS)} once")
        found[which] = read_texts(texts, options, f"{which} document")
    missing = [which for which in ("train", "test") if which not in found]
    if missing:
        raise LmcompareError(
            f"the mapping has no {' and no '.join(missing)}; give train, test and, if you like, valid, or one list, "
            "which is then split"
        )
    return Found(
        splits={which: found[which].pieces for which in SPLITS if which in found},
        table=any(each.table for each in found.values()),
        notes=tuple(note for each in found.values() for note in each.notes),
        name=_NAME,
        source=_SOURCE,
    )


def _rows(texts: object) -> Iterator[Any]:
    if hasattr(texts, "to_dict") and hasattr(texts, "columns"):  # a pandas.DataFrame
        if not getattr(texts.columns, "is_unique", True):  # other libraries refuse such tables themselves
            raise LmcompareError("the table has several columns of the same name; give each a name of its own")
        return iter(texts.to_dict("records"))
    single = isinstance(texts, str | bytes | Mapping) or getattr(texts, "shape", None) == ()  # numpy.array("a text")
    if single or not isinstance(texts, Iterable):
        raise LmcompareError(
            "a corpus in memory must be a list of texts, a table or a mapping of splits to these, not "
            f"{kind_of(texts)}"
        )
    return iter(texts)


def _row(row: object, number: int) -> dict[str, Any]:
    """A row as a dictionary, without missing values: pandas and numpy have NaN there."""
    if not isinstance(row, Mapping):
        raise LmcompareError(
            f"row {number:,} is {kind_of(row)}, but the first row is a mapping; give rows of one kind"
        )
    return {str(key): None if _is_missing(value) else value for key, value in row.items()}


def _is_missing(value: object) -> bool:
    try:
        return bool(value != value)
    except ValueError:  # an array
        return False
