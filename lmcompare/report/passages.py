"""Held-out passages for the reader: tokens, each model's surprisal and its five likeliest words, packed small.

Only the passages that the run stored likeliest words for are read, and of these the ones on which the models
disagree most, until ``BUDGET`` is spent: a page must stay a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lmcompare.analysis import Cell
from lmcompare.report.material import Material, Model

BUDGET = 14_000  # tokens × models
BYTES = 900  # a passage is closed at the first sentence end after so many bytes
PLACES = 5


@dataclass(frozen=True)
class Passage:
    """Tokens in a row of one test document. ``bits``: (models, tokens) surprisal; ``top``: (models, tokens, 5) pairs
    of token and probability; ``spaced``: whether something stands between a token and the one before it.
    """

    document: str
    first: int
    tokens: tuple[str, ...]
    spaced: tuple[bool, ...]
    bits: npt.NDArray[np.float64]
    top: tuple[tuple[tuple[tuple[str, float], ...], ...], ...]
    disagreement: float


def chosen(material: Material, models: Sequence[Model]) -> list[Passage]:
    """Return passages for models that share their tokens, the one on which they disagree most first.

    Disagreement is the spread (standard deviation) of the models' surprisals at a token, averaged over the passage;
    of three or more models the one with the most surprisal is left out of it, else the floor would decide alone, and
    those that are not ranked are never counted.
    """
    tables = [_joined(model.cell) for model in models]
    if not tables or any(table.empty for table in tables):
        return []
    text = tables[0]
    surprisal = np.stack([-table["log_prob"].to_numpy(np.float64) / np.log(2) for table in tables])
    counted = surprisal[[m.name not in material.apart for m in models]]
    if len(counted) > 2:
        counted = np.delete(counted, int(counted.mean(axis=1).argmax()), axis=0)
    counted = counted if len(counted) else surprisal
    spread = counted.std(axis=0)
    spans = sorted(_cut(text), key=lambda span: -float(spread[slice(*span)].mean()))
    documents = material.run.tokens[models[0].entry.tokens_fingerprint].documents_of("test")
    names = documents["name"].astype(str).tolist()
    found: list[Passage] = []
    room = BUDGET // len(models)
    for start, stop in spans:
        if stop - start > room:
            continue
        room -= stop - start
        rows = text.iloc[start:stop]
        found.append(
            Passage(
                document=names[int(rows["document"].iloc[0])],
                first=int(rows["position"].iloc[0]),
                tokens=tuple(rows["token"].astype(str)),
                spaced=(False, *(rows["byte_start"].to_numpy()[1:] > rows["byte_end"].to_numpy()[:-1]).tolist()),
                bits=surprisal[:, start:stop],
                top=tuple(_top(table.iloc[start:stop]) for table in tables),
                disagreement=float(spread[start:stop].mean()),
            )
        )
    return found


def packed(models: Sequence[Model], passages: Sequence[Passage]) -> dict[str, Any]:
    """Return the passages as JSON: words by number, surprisals in hundredths of a bit, probabilities in 1/10,000."""
    words: dict[str, int] = {}

    def number(token: str) -> int:
        return words.setdefault(token, len(words))

    packed = [
        {
            "tokens": [number(token) for token in one.tokens],
            "spaced": "".join("1" if s else "0" for s in one.spaced),
            "bits": [[round(100 * float(b)) for b in line] for line in one.bits],
            "top": [
                [[part for token, p in place for part in (number(token), round(10_000 * p))] for place in line]
                for line in one.top
            ],
        }
        for one in passages
    ]
    return {"models": [{"name": m.name, "index": m.index} for m in models], "words": list(words), "passages": packed}


def _joined(cell: Cell) -> pd.DataFrame:
    """The scores at the positions that have likeliest words, with these as lists, in the order of the text."""
    top = cell.top.sort_values(["document", "position", "place"], kind="stable")
    top["word"] = list(zip(top["token"].astype(str), np.exp(top["log_prob"].to_numpy(np.float64)), strict=True))
    lists = top.groupby(["document", "position"], sort=True)["word"].agg(list).rename("top").reset_index()
    columns = ["document", "position", "token", "byte_start", "byte_end", "log_prob"]
    return cell.scores("test", columns).merge(lists, on=["document", "position"])


def _cut(text: pd.DataFrame) -> list[tuple[int, int]]:
    """Cut rows into spans of tokens in a row, closed at sentence ends after enough bytes and at gaps."""
    document, position = text["document"].to_numpy(), text["position"].to_numpy()
    begin, end = text["byte_start"].to_numpy(), text["byte_end"].to_numpy()
    closes = (text["token"] == "</s>").to_numpy()
    spans: list[tuple[int, int]] = []
    start = 0
    for i in range(1, len(text) + 1):
        broken = i == len(text) or document[i] != document[i - 1] or position[i] != position[i - 1] + 1
        long = end[i - 1] - begin[start]
        if broken or (long >= BYTES and closes[i - 1]) or long >= 2 * BYTES:
            spans.append((start, i))
            start = i
    return spans


def _top(rows: pd.DataFrame) -> tuple[tuple[tuple[str, float], ...], ...]:
    return tuple(tuple(pairs[:PLACES]) for pairs in rows["top"])
