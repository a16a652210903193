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
from lmcompare.report.data import Model, ReportData
from lmcompare.runfolder.files import RunFolderError

BUDGET = 14_000  # tokens × models
BYTES = 900  # a passage is closed at the first sentence end after so many bytes
PLACES = 5
MOST_BITS = 999.0  # stands for the infinite surprisal of a token that was given probability 0
PLACE = ["document", "position"]


@dataclass(frozen=True)
class Passage:
    """Tokens in a row of one test document. ``bits``: (models, tokens) surprisal; ``top``: (models, tokens, 5) pairs
    of token and probability; ``spaced``: whether something stands between a token and the one before it;
    ``unknown``: whether the token is not in the vocabulary, so that it is scored as <unk>.
    """

    document: str
    first: int
    tokens: tuple[str, ...]
    spaced: tuple[bool, ...]
    unknown: tuple[bool, ...]
    bits: npt.NDArray[np.float64]
    top: tuple[tuple[tuple[tuple[str, float], ...], ...], ...]
    disagreement: float


def stored_places(models: Sequence[Model]) -> pd.DataFrame:
    """Return document and position of the test tokens at which the run stored every model's likeliest words."""
    places, *others = (model.cell.top[PLACE].drop_duplicates() for model in models)
    for other in others:
        places = places.merge(other, on=PLACE)
    return places.sort_values(PLACE, ignore_index=True)


def chosen(data: ReportData, models: Sequence[Model]) -> list[Passage]:
    """Return passages for models that share their tokens, the one on which they disagree most first.

    Disagreement is the spread (standard deviation) of the models' surprisals at a token, averaged over the passage;
    of three or more models the one with the most surprisal is left out of it, else the floor would decide alone, and
    those that are not ranked are never counted.
    """
    places = stored_places(models)
    if places.empty:
        return []
    tops = [model.cell.top for model in models]
    text = _scores(models[0].cell, places, ["token", "byte_start", "byte_end", "is_unknown", "log_prob"])
    others = [_scores(model.cell, places, ["log_prob"]) for model in models[1:]]
    surprisal = np.stack([-t["log_prob"].to_numpy(np.float64) / np.log(2) for t in (text, *others)]).clip(
        max=MOST_BITS
    )
    spread = _counted(surprisal, [m.name not in data.unranked for m in models]).std(axis=0)
    spans: list[tuple[int, int]] = []
    room = BUDGET // len(models)
    for start, stop in sorted(_cut(text), key=lambda span: -float(spread[slice(*span)].mean())):
        if stop - start <= room:
            room -= stop - start
            spans.append((start, stop))
    rows = text.iloc[[i for span in spans for i in range(*span)]]
    likeliest = [_likeliest(top, rows) for top in tops]
    documents = data.run.tokens[models[0].entry.tokens_fingerprint].documents_of("test")["name"].astype(str).tolist()
    found: list[Passage] = []
    for start, stop in spans:
        rows = text.iloc[start:stop]
        keys = list(zip(rows["document"], rows["position"], strict=True))
        gaps = rows["byte_start"].to_numpy()[1:] > rows["byte_end"].to_numpy()[:-1]
        found.append(
            Passage(
                document=documents[keys[0][0]],
                first=int(keys[0][1]),
                tokens=tuple(rows["token"].astype(str)),
                spaced=(False, *gaps.tolist()),
                unknown=tuple(rows["is_unknown"].astype(bool).tolist()),
                bits=surprisal[:, start:stop],
                top=tuple(tuple(lists[key] for key in keys) for lists in likeliest),
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
            "unknown": "".join("1" if u else "0" for u in one.unknown),
            "bits": [[round(100 * float(b)) for b in line] for line in one.bits],
            "top": [
                [[part for token, p in place for part in (number(token), round(10_000 * p))] for place in line]
                for line in one.top
            ],
        }
        for one in passages
    ]
    return {"models": [{"name": m.title, "index": m.index} for m in models], "words": list(words), "passages": packed}


def _scores(cell: Cell, places: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The test scores at these places, in their order; of a long text no more is held than that."""
    documents = places["document"].unique()
    blocks = cell.score_blocks("test", [*PLACE, *columns], documents)
    found = [rows for block in blocks if len(rows := places.merge(pd.DataFrame(block), on=PLACE))]
    rows = places.merge(pd.concat(found), on=PLACE, how="left", validate="1:1") if found else places
    if "log_prob" not in rows or rows["log_prob"].isna().any():
        raise RunFolderError(f"{cell.path} has likeliest words where it has no scores: run the same command again")
    return rows


def _counted(surprisal: npt.NDArray[np.float64], ranked: list[bool]) -> npt.NDArray[np.float64]:
    """The rows (models) whose disagreement counts."""
    rows = surprisal[ranked] if any(ranked) else surprisal
    return np.delete(rows, int(rows.mean(axis=1).argmax()), axis=0) if len(rows) > 2 else rows


def _likeliest(top: pd.DataFrame, rows: pd.DataFrame) -> dict[tuple[int, int], tuple[tuple[str, float], ...]]:
    """The likeliest tokens with their probabilities at the places of these rows."""
    table = rows[PLACE].merge(top, on=PLACE).sort_values([*PLACE, "place"], kind="stable")
    found: dict[tuple[int, int], tuple[tuple[str, float], ...]] = {}
    p = np.exp(table["log_prob"].to_numpy(np.float64))
    for key, word in zip(
        zip(table["document"], table["position"], strict=True),
        zip(table["token"].astype(str), p, strict=True),
        strict=True,
    ):
        found[key] = (*found.get(key, ()), (word[0], float(word[1])))[:PLACES]
    return found


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
