"""Held-out passages for the reader: tokens, each model's surprisal and its top five tokens, in compact form.

They come from the passages for which the run stored the top five tokens: those on which the models disagree most,
until ``BUDGET`` is spent, which limits the size of the page.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lmcompare.analysis import Cell
from lmcompare.runfolder.files import Array, RunFolderError

if TYPE_CHECKING:
    from lmcompare.report.data import Model, ReportData

BUDGET = 9_000  # tokens × models
BYTES = 900  # a passage ends at the first sentence end after this many bytes
PLACES = 5
MOST_BITS = 999.0  # of a token, where models are compared: probability 0 means infinite surprisal
INFINITE = (1 << 31) - 1  # replaces infinity in the page
PLACE = ["document", "position"]


@dataclass(frozen=True)
class Piece:
    """A token of a model, a piece of a word."""

    token: str
    bits: float
    unknown: bool


@dataclass(frozen=True)
class Passage:
    """Successive tokens of one test document.

    Parameters
    ----------
    number : int
        The place of the document among those of the test text.
    first : int
        The position of the first token in the document.
    spaced : tuple of bool
        Whether there is white space before a token.
    unknown : tuple of bool
        Whether a token is scored as <unk>; of a word, whether a token of it is, in any model.
    bits : array of shape (models, tokens)
        Surprisal, infinite where the probability is 0.
    top : tuple of shape (models, tokens, 5)
        Pairs of a token and its probability.
    disagreement : float
        The mean standard deviation of the models' surprisal, in bits.
    pieces : tuple of shape (models, tokens), optional
        Of passages of words, as tokens: the tokens of each model that make up the word. ``top`` is then that of the
        first of them.
    """

    document: str
    number: int
    first: int
    tokens: tuple[str, ...]
    spaced: tuple[bool, ...]
    unknown: tuple[bool, ...]
    bits: npt.NDArray[np.float64]
    top: tuple[tuple[tuple[tuple[str, float], ...], ...], ...]
    disagreement: float
    pieces: tuple[tuple[tuple[Piece, ...], ...], ...] | None = None


def stored_places(models: Sequence[Model]) -> pd.DataFrame:
    """Return document and position of the test tokens for which the run stored every model's top five tokens."""
    places, *others = (model.cell.top[PLACE].drop_duplicates() for model in models)
    for other in others:
        places = places.merge(other, on=PLACE)
    return places.sort_values(PLACE, ignore_index=True)


def chosen(data: ReportData, models: Sequence[Model]) -> list[Passage]:
    """Return passages for models with the same tokens, the one on which they disagree most first.

    Disagreement is the standard deviation of the models' surprisal at a token, averaged over the passage. Of three or
    more models the worst is left out, since it would dominate, and models that are not ranked do not count.
    """
    places = stored_places(models)
    if places.empty:
        return []
    tops = [model.cell.top for model in models]
    text = scores_at(models[0].cell, places, ["token", "byte_start", "byte_end", "is_unknown", "log_prob"])
    others = [scores_at(model.cell, places, ["log_prob"]) for model in models[1:]]
    surprisal = np.stack([-t["log_prob"].to_numpy(np.float64) / np.log(2) for t in (text, *others)])
    spread = disagreement(surprisal, [m.name not in data.unranked for m in models])
    spans = affordable(_cut(text), spread, np.ones(len(text), np.int64), BUDGET // len(models))
    rows = text.iloc[[i for span in spans for i in range(*span)]]
    lists_of = [top_tokens(top, rows) for top in tops]
    documents = data.run.tokens[models[0].entry.tokens_fingerprint].documents_of("test")["name"].astype(str).tolist()
    found: list[Passage] = []
    for start, stop in spans:
        rows = text.iloc[start:stop]
        keys = list(zip(rows["document"], rows["position"], strict=True))
        gaps = rows["byte_start"].to_numpy()[1:] > rows["byte_end"].to_numpy()[:-1]
        found.append(
            Passage(
                document=documents[keys[0][0]],
                number=int(keys[0][0]),
                first=int(keys[0][1]),
                tokens=tuple(rows["token"].astype(str)),
                spaced=(False, *gaps.tolist()),
                unknown=tuple(rows["is_unknown"].astype(bool).tolist()),
                bits=surprisal[:, start:stop],
                top=tuple(tuple(lists[key] for key in keys) for lists in lists_of),
                disagreement=float(spread[start:stop].mean()),
            )
        )
    return found


def packed(models: Sequence[Model], passages: Sequence[Passage]) -> dict[str, Any]:
    """Return the passages for JSON: words as numbers, surprisal in 1/100 bit, probabilities in 1/10,000.

    Surprisal and top tokens of each model, which take most of the room, are bytes in base 64, ``size`` of them a
    number. Top tokens are a table (tokens, 2 × places), words and probabilities in turn. Of equal rows, as of a model
    that ignores the context, there is one. Infinite surprisal is ``INFINITE``.
    """
    words: dict[str, int] = {}
    places = min((len(place) for one in passages for line in one.top for place in line), default=0)

    def number(token: str) -> int:
        return words.setdefault(token, len(words))

    def table(line: Sequence[Sequence[tuple[str, float]]]) -> Array:
        rows = [[n for word, p in place[:places] for n in (number(word), round(10_000 * p))] for place in line]
        found: Array = np.array(rows, np.int64).reshape(len(rows), 2 * places)
        return found[:1] if (found == found[:1]).all() else found

    tables = [[table(line) for line in one.top] for one in passages]
    packed: list[dict[str, Any]] = [
        {
            "tokens": [number(token) for token in one.tokens],
            "spaced": "".join("1" if s else "0" for s in one.spaced),
            "unknown": "".join("1" if u else "0" for u in one.unknown),
            **(
                {}
                if one.pieces is None
                else {
                    "pieces": [
                        [
                            [n for p in word for n in (number(p.token), int(_hundredths(p.bits)), int(p.unknown))]
                            for word in of_model
                        ]
                        for of_model in one.pieces
                    ]
                }
            ),
        }
        for one in passages
    ]
    bits = [_hundredths(one.bits) for one in passages]
    size = 2 if max([len(words), *(int(np.abs(each).max(initial=0)) for each in bits)]) < 1 << 15 else 4
    for one, hundredths, tops in zip(packed, bits, tables, strict=True):
        one["bits"], one["top"] = (
            [base64.b64encode(each.astype(f"<i{size}").tobytes()).decode() for each in part]
            for part in (hundredths, tops)
        )
    named = [{"name": m.title, "index": m.index} for m in models]
    return {"models": named, "words": list(words), "passages": packed, "places": places, "size": size}


def scores_at(cell: Cell, places: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The test scores at these places, in their order; only these are kept in memory."""
    documents = places["document"].unique()
    blocks = cell.score_blocks("test", [*PLACE, *columns], documents)
    found = [rows for block in blocks if len(rows := places.merge(pd.DataFrame(block), on=PLACE))]
    rows = places.merge(pd.concat(found), on=PLACE, how="left", validate="1:1") if found else places
    if "log_prob" not in rows or rows["log_prob"].isna().any():
        raise RunFolderError(f"{cell.path} has top tokens without scores: repeat the lmcompare run that wrote it")
    return rows


def disagreement(surprisal: Array, ranked: list[bool]) -> Array:
    """(N,) the standard deviation of the surprisal (M, N) over the models whose disagreement counts."""
    rows = (surprisal[ranked] if any(ranked) else surprisal).clip(max=MOST_BITS)
    kept = np.delete(rows, int(rows.mean(axis=1).argmax()), axis=0) if len(rows) > 2 else rows
    return np.asarray(kept.std(axis=0))


def affordable(
    spans: Sequence[tuple[int, int]], spread: npt.NDArray[np.float64], costs: Array, room: int
) -> list[tuple[int, int]]:
    """Return spans of N places, the ones with the greatest mean spread first, that cost at most ``room`` together."""
    found = []
    for start, stop in sorted(spans, key=lambda span: -float(spread[slice(*span)].mean())):
        if (cost := int(costs[start:stop].sum())) <= room:
            room -= cost
            found.append((start, stop))
    return found


def top_tokens(top: pd.DataFrame, rows: pd.DataFrame) -> dict[tuple[int, int], tuple[tuple[str, float], ...]]:
    """The top tokens with their probabilities at the places of these rows."""
    table = rows[PLACE].merge(top, on=PLACE).sort_values([*PLACE, "place"], kind="stable")
    probabilities = np.exp(table["log_prob"].to_numpy(np.float64)).tolist()
    tokens = list(zip(table["token"].astype(str), probabilities, strict=True))
    document, position = (table[column].to_numpy() for column in PLACE)
    changes = (document[1:] != document[:-1]) | (position[1:] != position[:-1])
    starts = np.flatnonzero(np.append(True, changes)[: len(table)])
    places = zip(document[starts].tolist(), position[starts].tolist(), strict=True)
    spans = pairwise([*starts.tolist(), len(table)])
    return {place: tuple(tokens[a : min(b, a + PLACES)]) for place, (a, b) in zip(places, spans, strict=True)}


def _hundredths(bits: npt.ArrayLike) -> Array:
    return np.asarray(np.where(np.isinf(bits), INFINITE, np.rint(100 * np.asarray(bits)))).astype(np.int64)


def _cut(text: pd.DataFrame) -> list[tuple[int, int]]:
    """Divide rows into spans of successive tokens that end at sentence ends after enough bytes, and at gaps."""
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
