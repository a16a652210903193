"""Held-out passages for the reader, word by word, for models whose tokens differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lmcompare.analysis.blocks import word_blocks
from lmcompare.report.passages import (
    BYTES,
    PLACE,
    Passage,
    Piece,
    affordable,
    disagreement,
    scores_at,
    top_tokens,
)
from lmcompare.runfolder.files import Array

if TYPE_CHECKING:
    from lmcompare.report.data import Model, ReportData

BUDGET = 30_000  # tokens of all models
COLUMNS = ("document", "word", "byte_start", "byte_end", "sentence", "position")


@dataclass(frozen=True)
class _Tokens:
    """The stored tokens of a model, the keys of their first and last bytes in the test text, and their places."""

    rows: pd.DataFrame
    starts: Array
    ends: Array
    pieces: list[Piece]
    places: list[tuple[int, int]]

    @classmethod
    def of(cls, model: Model) -> _Tokens:
        places = model.cell.top[PLACE].drop_duplicates().sort_values(PLACE, ignore_index=True)
        rows = scores_at(model.cell, places, ["token", "byte_start", "byte_end", "is_unknown", "log_prob"])
        rows = rows[rows["byte_end"] > rows["byte_start"]].reset_index(drop=True)  # without </s>
        bits = -rows["log_prob"].to_numpy(np.float64) / np.log(2)
        pieces = [
            Piece(str(token), float(b), bool(unknown))
            for token, b, unknown in zip(rows["token"], bits, rows["is_unknown"], strict=True)
        ]
        at = list(zip(rows["document"].tolist(), rows["position"].tolist(), strict=True))
        return cls(rows, _key(rows, "byte_start"), _key(rows, "byte_end"), pieces, at)

    def of_words(self, words: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return the first row of each of the W words, the row after its last, and whether all of it is stored."""
        begin, end = _key(words, "byte_start"), _key(words, "byte_end")
        first = np.searchsorted(self.ends, begin, side="right")
        after = np.searchsorted(self.starts, end, side="left")
        inside = np.minimum(first, len(self.starts) - 1), np.maximum(after - 1, 0)
        whole = (first < after) & (self.starts[inside[0]] <= begin) & (self.ends[inside[1]] >= end)
        return first, after, whole


def chosen_words(data: ReportData, models: Sequence[Model]) -> list[Passage]:
    """Return passages of words for models of any tokens, the one on which they disagree most first."""
    tokens = [_Tokens.of(model) for model in models]
    documents = reduce(np.intersect1d, [each.rows["document"].unique() for each in tokens])
    if not len(documents):
        return []
    entries = [model.entry for model in models]
    stored_words, stored_bits = [], []
    for block in word_blocks(data.run, entries, "test", COLUMNS, seeds=1, documents=documents):
        some = pd.DataFrame(block.features)
        stored = np.logical_and.reduce([each.of_words(some)[2] for each in tokens]) & (some["word"] != "").to_numpy()
        stored_words.append(some[stored])
        stored_bits.append(block.bits[:, stored])
    words = pd.concat(stored_words, ignore_index=True)
    if words.empty:
        return []
    bits = np.concatenate(stored_bits, axis=1)
    spread = disagreement(bits, [m.name not in data.unranked for m in models])
    rows_of = [each.of_words(words) for each in tokens]
    costs = np.sum([after - first for first, after, _ in rows_of], axis=0)
    spans = affordable(_cut(words), spread, costs, BUDGET)
    names = data.run.tokens[models[0].entry.tokens_fingerprint].documents_of("test")["name"].astype(str).tolist()
    tops = [
        top_tokens(model.cell.top, each.rows.iloc[np.concatenate([first[a:b] for a, b in spans])])
        for model, each, (first, _, _) in zip(models, tokens, rows_of, strict=True)
        if spans
    ]
    passages = []
    for start, stop in spans:
        here = words.iloc[start:stop]
        pieces = [
            tuple(tuple(each.pieces[a:b]) for a, b in zip(first[start:stop], after[start:stop], strict=True))
            for each, (first, after, _) in zip(tokens, rows_of, strict=True)
        ]
        top = [
            tuple(of_model[each.places[a]] for a in first[start:stop])
            for each, of_model, (first, _, _) in zip(tokens, tops, rows_of, strict=True)
        ]
        passages.append(
            Passage(
                document=names[int(here["document"].iloc[0])],
                number=int(here["document"].iloc[0]),
                first=int(here["position"].iloc[0]),
                tokens=tuple(here["word"]),
                spaced=(False, *[True] * (len(here) - 1)),
                unknown=tuple(any(p.unknown for p in chain(*word)) for word in zip(*pieces, strict=True)),
                bits=bits[:, start:stop],
                top=tuple(top),
                disagreement=float(spread[start:stop].mean()),
                pieces=tuple(pieces),
            )
        )
    return passages


def _key(rows: pd.DataFrame, column: str) -> Array:
    """(N,) a number for each place in the test text, in the order of documents and bytes."""
    found: Array = (rows["document"].to_numpy(np.int64) << 40) + rows[column].to_numpy(np.int64)
    return found


def _cut(words: pd.DataFrame) -> list[tuple[int, int]]:
    """Divide words into spans of successive ones that end at sentence ends after enough bytes, and at gaps."""
    document, position, sentence = (words[name].to_numpy() for name in ("document", "position", "sentence"))
    begin, end = words["byte_start"].to_numpy(), words["byte_end"].to_numpy()
    spans: list[tuple[int, int]] = []
    start = 0
    for i in range(1, len(words) + 1):
        broken = i == len(words) or document[i] != document[i - 1] or position[i] != position[i - 1] + 1
        long = end[i - 1] - begin[start]
        if broken or long >= 2 * BYTES or (long >= BYTES and sentence[i] != sentence[i - 1]):
            spans.append((start, i))
            start = i
    return spans
