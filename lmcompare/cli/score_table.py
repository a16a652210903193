"""The tables that ``lmcompare score`` prints: a row for each text, token or word and model."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from lmcompare.cli.app import note, say
from lmcompare.errors import LmcompareError, suggest
from lmcompare.runfolder.files import no_formula

if TYPE_CHECKING:
    from lmcompare.corpora import Document
    from lmcompare.trained import TrainedModel

Row = dict[str, Any]
UNITS = ("text", "token", "word")
_PLACE = ("run", "model", "document")
FORMATS = ("jsonl", "csv", "parquet")
TOGETHER = 4096  # texts that are looked for in the training text at a time


class Asked(NamedTuple):
    """A model that is asked, with the name of its run."""

    run: str
    model: TrainedModel


def print_scores(
    asked: Sequence[Asked], documents: Sequence[Document], unit: str, table_format: str, ends: bool
) -> None:
    """Print the scores of texts as one table.

    Raises
    ------
    LmcompareError
        If there is no such unit or format, or Parquet would be printed to a terminal.
    """
    for what, given, known in (("--by", unit, UNITS), ("--format", table_format, FORMATS)):
        if given not in known:
            raise LmcompareError(f"{what} is {given!r}{suggest(given, known)}; give one of {', '.join(known)}")
    if table_format == "parquet" and sys.stdout.isatty():
        raise LmcompareError("a terminal can't show Parquet; write it to a file with > scores.parquet")
    if table_format == "csv":  # the table has the columns of all its rows
        keys = dict.fromkeys(key for document in documents for key in document.metadata)
        documents = [replace(each, metadata={key: each.metadata.get(key, "") for key in keys}) for each in documents]
    rows_of = {"text": _texts, "token": _tokens, "word": _words}[unit]
    rows = (
        {"run": run, "model": model.name} | row for run, model in asked for row in rows_of(model, documents, ends)
    )
    _print(rows, table_format)


def _is_no_json(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _print(rows: Iterator[Row], table_format: str) -> None:
    if table_format == "jsonl":
        for row in rows:
            valid = {key: None if _is_no_json(value) else value for key, value in row.items()}
            say(json.dumps(valid, ensure_ascii=False))
    elif table_format == "csv":
        columns: list[str] = []
        for row in rows:
            if not columns:
                columns = list(row)
                say(_csv(columns))
            say(_csv([row.get(column) for column in columns]))
    else:
        import pandas as pd

        sys.stdout.buffer.write(pd.DataFrame(list(rows)).to_parquet(index=False))


def _csv(cells: Iterable[object]) -> str:
    """Return a line of a CSV table without its end."""
    line = StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(map(no_formula, cells))  # a text with \r or \n is then quoted
    return line.getvalue().removesuffix("\r\n")


def _row(document: Document, values: Row) -> Row:
    """Return a row: the name of its text, the other columns of the table that it came from, and the values.

    If a column of the table has the name of a column of the result, ``_given`` is added to its name.
    """
    row: Row = {"document": document.name}
    taken = {*_PLACE, *values}
    for key, value in document.metadata.items():
        name = key
        while key in taken and (name in taken or name in document.metadata):
            name += "_given"
        row[name] = value
    return row | values


def _texts(model: TrainedModel, documents: Sequence[Document], ends: bool) -> Iterator[Row]:
    from lmcompare.measure.training_share import TrainingText

    train, scores = TrainingText(model.corpus), model.score_documents(documents, ends=ends)
    unknown = tokens = size = 0
    known = 0.0
    for start in range(0, len(documents), TOGETHER):
        some = list(islice(scores, TOGETHER))
        for document, scored, share in zip(documents[start:], some, train.shares(some), strict=False):
            yield _row(document, {**scored.to_json(), "training_share": round(share, 4)})
            tokens, unknown = tokens + len(scored.tokens), unknown + sum(scored.unknown)
            bytes_ = len(scored.text.encode())
            size, known = size + bytes_, known + share * bytes_
    _note_tokens(model, unknown, tokens, "with --by token, overhead_bits")
    if known:
        note(
            f"{known / size:.1%} of the bytes were training text of '{model.name}' (training_share): such figures say"
            " how well it remembers, not how well it predicts, and an average over both kinds of text says neither"
        )


def _tokens(model: TrainedModel, documents: Sequence[Document], ends: bool) -> Iterator[Row]:
    unknown = tokens = 0
    for document, scored in zip(documents, model.score_documents(documents, ends=ends), strict=True):
        for position, row in enumerate(scored.rows()):
            yield _row(document, {"position": position} | row)
        tokens, unknown = tokens + len(scored.tokens), unknown + sum(scored.unknown)
    _note_tokens(model, unknown, tokens, "overhead_bits")


def _note_tokens(model: TrainedModel, unknown: int, tokens: int, where: str) -> None:
    if unknown:
        other = "; usually this means that the text is of another language or kind" if 2 * unknown > tokens else ""
        note(
            f"{unknown:,} of {tokens:,} tokens are unknown to '{model.name}': they have the surprisal of <unk>, any "
            f"unknown word, and {where} has the bits that spell them{other}"
        )


def _words(model: TrainedModel, documents: Iterable[Document], ends: bool) -> Iterator[Row]:
    words = unknown = 0
    documents = list(documents)
    for document, scored in zip(documents, model.word_scores(documents, ends=ends), strict=True):
        for position, word in enumerate(scored):
            words, unknown = words + (word.words > 0), unknown + word.unknown
            yield _row(document, {"position": position} | asdict(word) | {"bits": word.bits})
    if unknown:
        note(
            f"{unknown:,} of {words:,} words have a part that '{model.name}' does not know: surprisal_bits counts it "
            "as any unknown word, and spelling_bits has the bits that spell it; compare models by the sum of both"
        )
