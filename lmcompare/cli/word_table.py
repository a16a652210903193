"""The table of surprisal per word that ``lmcompare score --words`` prints."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lmcompare.cli.app import note
from lmcompare.errors import LmcompareError, suggest

if TYPE_CHECKING:
    from lmcompare.corpora import Document
    from lmcompare.trained import TrainedModel

FORMATS = ("csv", "jsonl", "parquet")


def print_words(
    models: Mapping[str, TrainedModel], documents: Sequence[Document], table_format: str, ends: bool
) -> None:
    """Print a row for each word of each document and model: a tidy table.

    Raises
    ------
    LmcompareError
        If there is no such format, or Parquet would be printed to a terminal.
    """
    if table_format not in FORMATS:
        raise LmcompareError(
            f"unknown format '{table_format}' of the table of words{suggest(table_format, FORMATS)}; give one of "
            f"{', '.join(FORMATS)}"
        )
    rows = _noted(_rows(models, documents, ends))
    if table_format == "jsonl":
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    elif table_format == "csv":
        writer = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(sys.stdout, row.keys(), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
    else:
        if sys.stdout.isatty():
            raise LmcompareError("Parquet is no text for a terminal; write it to a file with > words.parquet")
        import pandas as pd

        sys.stdout.buffer.write(pd.DataFrame(list(rows)).to_parquet(index=False))


def _noted(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass the rows on, and say at the end how many have an unknown word."""
    words: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for row in rows:
        words[row["model"]] += row["words"] > 0
        unknown[row["model"]] += row["unknown"]
        yield row
    for name, count in unknown.items():
        if count:
            note(
                f"{count:,} of {words[name]:,} words have a part that '{name}' does not know: surprisal_bits has any "
                "unknown word there, and spelling_bits the rest; compare models by their sum"
            )


def _rows(models: Mapping[str, TrainedModel], documents: Sequence[Document], ends: bool) -> Iterator[dict[str, Any]]:
    for name, model in models.items():
        scored = model.word_scores(documents, ends=ends)
        for document, words in zip(documents, scored, strict=True):
            for position, word in enumerate(words):
                place = {"model": name, "document": document.name, "position": position}
                yield place | asdict(word) | {"length": len(word.word), "bits": word.bits}
