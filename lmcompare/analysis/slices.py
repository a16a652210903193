"""Where each model is good: the test text divided by kind of token or document.

Every table has one row a model and value, in the order of the experiment and of the values. Surprisal per token and
perplexity may be compared between models with the same ``tokens_fingerprint`` only; bits per byte, which exists where
whole documents are cut, between all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.analysis.metrics import document_figures
from lmcompare.analysis.resampling import Units, dealt, summed, units_of
from lmcompare.analysis.token_blocks import Columns, blocks
from lmcompare.analysis.totals import LN2, by_tokens
from lmcompare.analysis.word_kinds import CLASSES, word_classes
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run, kept

RESAMPLES = 2_000
LEAST_UNITS = 10  # a group of tokens that occurs in fewer units has no interval
RARE = 100  # a rare token occurs at most this often in the training text

COUNT_EDGES = (0, 1, 3, 10, 100, 1_000, 10_000)
SENTENCE_EDGES = (1, 2, 3, 4, 5, 10, 20, 40)
DOCUMENT_EDGES = (16, 64, 256, 1_024, 4_096)


@dataclass(frozen=True)
class TokenSlice:
    """One way to cut the tokens. ``labels``: its values in order. ``place``: features → (N,) index into ``labels``,
    −1 for tokens that are left out.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    place: Callable[[Columns], Array]


def _bucket_labels(edges: tuple[int, ...], start: int) -> tuple[str, ...]:
    """Name the buckets that end at each edge, and the open one after the last."""
    begins = [start, *(edge + 1 for edge in edges)]
    closed = [f"{a:,}" if a == b else f"{a:,}–{b:,}" for a, b in zip(begins, edges, strict=False)]
    return (*closed, f"over {edges[-1]:,}")


def _bucket(values: Array, edges: tuple[int, ...]) -> Array:
    return np.searchsorted(np.array(edges), values, side="left")


def _longest_seen(features: Columns) -> Array:
    """(N,) 0 … 4: the longest n-gram of order 1 … 5 that ends at the token and occurs in the training text."""
    longest = np.zeros(len(features["position"]), np.int64)
    for order in range(2, 6):
        longest = np.where(features[f"seen_{order}"], order - 1, longest)
    return longest


def _before(longest: Array, position: Array, carried: int) -> Array:
    """(N,) the same of the token before each, which is ``carried`` for the first row; −1 where a document begins."""
    return np.where(position > 0, np.append(carried, longest[:-1])[: len(longest)], -1)


def _repeated(features: Columns) -> Array:
    """Unknown words, which train has never seen, are left out: as one token they all would repeat one another."""
    return np.where(features["train_count"] > 0, features["repeated"].astype(np.int64), -1)


def _rare_repeated(features: Columns) -> Array:
    return np.where(features["train_count"] <= RARE, _repeated(features), -1)


TOKEN_SLICES: tuple[TokenSlice, ...] = (
    TokenSlice("word_class", "by kind of word", CLASSES, lambda f: f["word_class"]),
    TokenSlice(
        "train_count",
        "by how often the token occurs in the training text (0: unknown)",
        _bucket_labels(COUNT_EDGES, 0),
        lambda f: _bucket(f["train_count"], COUNT_EDGES),
    ),
    TokenSlice(
        "context_order",
        "by the length of the longest n-gram of the training text right before the token",
        ("1", "2", "3", "4", "5"),
        lambda f: f["longest_before"],
    ),
    TokenSlice(
        "seen_order",
        "by the length of the longest n-gram of the training text that ends at the token",
        ("1", "2", "3", "4", "5"),
        lambda f: f["longest_seen"],
    ),
    TokenSlice(
        "position_in_sentence",
        "by position in the sentence",
        _bucket_labels(SENTENCE_EDGES, 1),
        lambda f: _bucket(f["position_in_sentence"] + 1, SENTENCE_EDGES),
    ),
    TokenSlice(
        "position_in_document",
        "by position in the document",
        _bucket_labels(DOCUMENT_EDGES, 1),
        lambda f: _bucket(f["position"] + 1, DOCUMENT_EDGES),
    ),
    TokenSlice(
        "repeated",
        "known tokens: first mention in the document or repetition",
        ("first mention", "repetition"),
        _repeated,
    ),
    TokenSlice(
        "repeated_rare",
        f"rare tokens (1 to {RARE} times in the training text): first mention or repetition",
        ("first mention", "repetition"),
        _rare_repeated,
    ),
)
FEATURES = (
    "token_id",
    "train_count",
    *(f"seen_{order}" for order in range(2, 6)),
    "position_in_sentence",
    "repeated",
)
TITLES: Mapping[str, str] = {s.name: s.title for s in TOKEN_SLICES} | {"document": "by document"}


@kept
def slices(run: Run) -> Mapping[str, pd.DataFrame]:
    """Return all tables by name: those of ``TOKEN_SLICES``, "document" and "metadata:KEY".

    There is a table for each metadata key with two to twenty values among the test documents.

    Returns
    -------
    mapping of str to DataFrame
        Token tables have the columns model, tokens_fingerprint, place (0, 1, …), value (its label), tokens, share (of
        the model's test tokens), surprisal (mean bits per token, no overhead bits) with low and high (95 % interval;
        NaN if fewer than ten units contain such tokens), perplexity (2 to the surprisal). Document and metadata
        tables have model, tokens_fingerprint, place, value, documents, bytes, tokens, bits_per_byte with low and high
        (metadata only), perplexity.
    """
    tables = token_slices(run)
    by_document = pd.concat([_by_document(run, model) for model in run.scored]) if run.scored else pd.DataFrame()
    tables["document"] = by_document.drop(columns=["metadata", "bits", "nats"], errors="ignore")
    return tables | _by_metadata(run, by_document)


def token_slices(run: Run) -> dict[str, pd.DataFrame]:
    """Return the tables of ``TOKEN_SLICES`` by name."""
    units = units_of(run)
    crossed = [part for models in by_tokens(run).values() for part in _crossed(run, models, units)]
    order = {model.name: i for i, model in enumerate(run.scored)}
    return _tables(sorted(crossed, key=lambda part: order[part.model.name]), "surprisal")


@dataclass(frozen=True)
class _Part:
    """The L rows of one model in the table of a slice.

    Parameters
    ----------
    columns : dict of str to array of shape (L,)
        The columns before the figure.
    bits, sizes : array of shape (U, L)
        By resampling unit, what the figure is the ratio of.
    perplexity : array of shape (L,) or None
        By default 2 to the figure.
    """

    slice: str
    model: ModelEntry
    columns: dict[str, Any]
    bits: Array
    sizes: Array
    perplexity: Array | None = None


def _tables(parts: Sequence[_Part], figure: str) -> dict[str, pd.DataFrame]:
    """Return the tables by the names of their slices; ``figure`` is the name of the column of ratios."""
    found: dict[str, list[pd.DataFrame]] = {}
    for part, (estimate, low, high) in zip(parts, _intervals([(p.bits, p.sizes) for p in parts]), strict=True):
        whose = {"model": part.model.name, "tokens_fingerprint": part.model.tokens_fingerprint}
        perplexity = _exp2(estimate) if part.perplexity is None else part.perplexity
        measured = {figure: estimate, "low": low, "high": high, "perplexity": perplexity}
        found.setdefault(part.slice, []).append(pd.DataFrame(whose | part.columns | measured))
    return {
        name: pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
        for name, tables in found.items()
    }


def _crossed(run: Run, models: Sequence[ModelEntry], units: Units) -> list[_Part]:
    """Return the sums of every slice of models of the same tokens, which are gone through once."""
    vocabulary = run.tokens[models[0].tokens_fingerprint].vocabulary
    classes = word_classes(vocabulary.tokens, vocabulary.counts.tolist())
    sizes = {s.name: len(units) * len(s.labels) for s in TOKEN_SLICES}
    # the last cell is for tokens that are left out
    counts = {name: np.zeros(size + 1, np.int64) for name, size in sizes.items()}
    bits = {name: np.zeros((len(models), size + 1)) for name, size in sizes.items()}
    total = carried = 0
    for block in blocks(run, models, "test", features=FEATURES, scores=("log_prob", "byte_start")):
        longest = _longest_seen(block.features)
        features = block.features | {
            "word_class": classes[block.features["token_id"]],
            "longest_seen": longest,
            "longest_before": _before(longest, block.features["position"], carried),
        }
        carried = int(longest[-1])
        unit = units.of(features["document"], block.stacked(0, "byte_start")[0])
        of_models = [-block.stacked(m).mean(axis=0) / LN2 for m in range(len(models))]
        total += len(block)
        for s in TOKEN_SLICES:
            place = s.place(features)
            cell = np.where(place >= 0, unit * len(s.labels) + place, sizes[s.name])
            counts[s.name] += np.bincount(cell, minlength=sizes[s.name] + 1)
            for m, values in enumerate(of_models):
                bits[s.name][m] += np.bincount(cell, values, minlength=sizes[s.name] + 1)
    found = []
    for s in TOKEN_SLICES:
        shape = (len(units), len(s.labels))
        whole = counts[s.name][:-1].reshape(shape)
        place = np.flatnonzero(whole.sum(axis=0))
        tokens = whole.sum(axis=0)[place]
        labels = [s.labels[i] for i in place]
        columns = {"place": place, "value": labels, "tokens": tokens, "share": tokens / max(total, 1)}
        amounts = whole[:, place].astype(np.float64)
        for m, model in enumerate(models):
            found.append(_Part(s.name, model, columns, bits[s.name][m, :-1].reshape(shape)[:, place], amounts))
    return found


def metadata_keys(run: Run) -> list[str]:
    """Return the metadata keys that divide the test documents into two to twenty kinds."""
    for model in run.scored[:1]:
        documents = run.tokens[model.tokens_fingerprint].documents_of("test")
        tables = [_metadata(text) for text in documents["metadata"].unique()]
        values: dict[str, set[str]] = {}
        for table in tables:
            for key, value in table.items():
                values.setdefault(key, set()).add(value)
        return [key for key, seen in values.items() if 2 <= len(seen) <= 20]
    return []


def _metadata(text: object) -> dict[str, str]:
    try:
        table = json.loads(str(text))
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in table.items()} if isinstance(table, dict) else {}


def _intervals(parts: Sequence[tuple[Array, Array]]) -> list[tuple[Array, Array, Array]]:
    """Return the (K,) ratios of numerators and denominators, (U, K) each, with the ends of their intervals.

    An infinite code length has no interval. Parts with equally many units are resampled together.
    """
    found: dict[int, tuple[Array, Array, Array]] = {}
    for units in {len(numerators) for numerators, _ in parts}:
        which = [i for i, (numerators, _) in enumerate(parts) if len(numerators) == units]
        stacked = (np.concatenate([parts[i][side] for i in which], axis=1) for side in (0, 1))
        edges = np.cumsum([parts[i][0].shape[1] for i in which])[:-1]
        pieces = (np.split(column, edges) for column in _interval(*stacked))
        found |= {i: (estimate, low, high) for i, estimate, low, high in zip(which, *pieces, strict=True)}
    return [found[i] for i in range(len(parts))]


def _interval(numerators: Array, denominators: Array) -> tuple[Array, Array, Array]:
    finite = np.asarray(np.isfinite(numerators).all(axis=0))
    estimate = np.full(len(finite), np.inf)
    low, high = np.full(len(finite), np.nan), np.full(len(finite), np.nan)
    if finite.any():
        found = ratio_bootstrap(numerators[:, finite], denominators[:, finite], resamples=RESAMPLES)
        estimate[finite] = found.estimate
        low[finite], high[finite] = found.interval(least_units=LEAST_UNITS)
    return estimate, low, high


def _by_document(run: Run, model: ModelEntry) -> pd.DataFrame:
    """Return one row for each document with tokens, with what is summed over documents of one kind."""
    found = document_figures(run, model).rename(columns={"document": "place", "name": "value"})
    found = found[found["tokens"] > 0].assign(
        model=model.name,
        tokens_fingerprint=model.tokens_fingerprint,
        documents=1,
        nats=lambda table: np.log(table["perplexity"]) * table["tokens"],
    )
    columns = ["model", "tokens_fingerprint", "place", "value", "documents", "bytes", "tokens", "bits_per_byte"]
    return found[[*columns, "perplexity", "metadata", "bits", "nats"]]


def _by_metadata(run: Run, by_document: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the table of every metadata key by the name of the slice."""
    parts: list[_Part] = []
    for key in metadata_keys(run):
        codes, texts = pd.factorize(by_document["metadata"], use_na_sentinel=False)  # many documents say the same
        values = [_metadata(text).get(key, "(none)") for text in texts]
        labelled = by_document.assign(value=np.array(values, object)[codes])
        for model in run.scored:
            parts.append(_of_labels(key, model, sorted(set(values)), labelled[labelled["model"] == model.name]))
    return _tables(parts, "bits_per_byte")


def _of_labels(key: str, model: ModelEntry, labels: Sequence[str], documents: pd.DataFrame) -> _Part:
    """Return the rows of a model for a metadata key: D documents with L different labels as ``value``."""
    chosen = np.stack([(documents["value"] == label).to_numpy() for label in labels], axis=1)  # (D, L)

    def by_label(column: str) -> Array:
        return np.where(chosen, documents[column].to_numpy(np.float64)[:, None], 0.0)

    group = dealt(len(documents))
    tokens = by_label("tokens").sum(axis=0)
    with np.errstate(invalid="ignore"):
        perplexity = _exp2(by_label("nats").sum(axis=0) / tokens / LN2)
    columns = {
        "place": np.arange(len(labels)),
        "value": labels,
        **{name: by_label(name).sum(axis=0).astype(np.int64) for name in ("documents", "bytes", "tokens")},
    }
    sums = summed(by_label("bits"), group), summed(by_label("bytes"), group)
    return _Part(f"metadata:{key}", model, columns, *sums, perplexity)


def _exp2(bits: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(np.exp2(bits))


def iterate(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield name, title in words, and table of each slice."""
    for name, table in tables.items():
        yield name, TITLES.get(name, f"by {name.partition(':')[2]}"), table
