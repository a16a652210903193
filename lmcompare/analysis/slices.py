"""Where each model wins: the test text cut by what its tokens or documents are like.

Every table has one row a model and value, in the order of the experiment and of the values. Surprisal per token and
perplexity may be compared between models with the same ``tokens_fingerprint`` only; bits per byte, which exists where
whole documents are cut, between all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.analysis.metrics import document_figures
from lmcompare.analysis.run import ModelEntry, Run, TokenTables
from lmcompare.analysis.scores import LN2, Array, token_scores
from lmcompare.analysis.units import units_of
from lmcompare.analysis.word_classes import CLASSES, word_classes

RESAMPLES = 2_000
LEAST_UNITS = 10  # a value that stands in fewer documents gets no interval
RARE = 100  # "rare" is seen this often or less in train

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
    place: Callable[[pd.DataFrame], Array]


def _bucket_labels(edges: tuple[int, ...], start: int) -> tuple[str, ...]:
    """Name the buckets that end at each edge, and the open one after the last."""
    begins = [start, *(edge + 1 for edge in edges)]
    closed = [f"{a:,}" if a == b else f"{a:,}–{b:,}" for a, b in zip(begins, edges, strict=False)]
    return (*closed, f"over {edges[-1]:,}")


def _bucket(values: Array, edges: tuple[int, ...]) -> Array:
    return np.searchsorted(np.array(edges), values, side="left")


def _longest_seen(features: pd.DataFrame) -> Array:
    """(N,) 0 … 4: the longest n-gram of order 1 … 5 that ends at the token and stands in train."""
    longest = np.zeros(len(features), np.int64)
    for order in range(2, 6):
        longest = np.where(features[f"seen_{order}"], order - 1, longest)
    return longest


def _rare_repeated(features: pd.DataFrame) -> Array:
    return np.where(features["train_count"] <= RARE, features["repeated"].to_numpy(np.int64), -1)


TOKEN_SLICES: tuple[TokenSlice, ...] = (
    TokenSlice("word_class", "by kind of word", CLASSES, lambda f: f["word_class"].to_numpy()),
    TokenSlice(
        "train_count",
        "by how often the token stands in train (0: unknown)",
        _bucket_labels(COUNT_EDGES, 0),
        lambda f: _bucket(f["train_count"].to_numpy(), COUNT_EDGES),
    ),
    TokenSlice(
        "seen_order",
        "by the longest n-gram ending at the token that stands in train",
        ("1", "2", "3", "4", "5"),
        _longest_seen,
    ),
    TokenSlice(
        "position_in_sentence",
        "by position in the sentence",
        _bucket_labels(SENTENCE_EDGES, 1),
        lambda f: _bucket(f["position_in_sentence"].to_numpy() + 1, SENTENCE_EDGES),
    ),
    TokenSlice(
        "position_in_document",
        "by position in the document",
        _bucket_labels(DOCUMENT_EDGES, 1),
        lambda f: _bucket(f["position"].to_numpy() + 1, DOCUMENT_EDGES),
    ),
    TokenSlice(
        "repeated",
        "by whether the token stood in the document before",
        ("new", "repeated"),
        lambda f: f["repeated"].to_numpy(np.int64),
    ),
    TokenSlice(
        "repeated_rare",
        f"tokens seen {RARE} times or less in train, by whether they stood in the document before",
        ("new", "repeated"),
        _rare_repeated,
    ),
)
FEATURES = (
    "document",
    "position",
    "token_id",
    "train_count",
    *(f"seen_{order}" for order in range(2, 6)),
    "position_in_sentence",
    "repeated",
)
TITLES: Mapping[str, str] = {s.name: s.title for s in TOKEN_SLICES} | {"document": "by document"}


@lru_cache(maxsize=4)
def slices(run: Run) -> Mapping[str, pd.DataFrame]:
    """Return all tables by name: the seven of ``TOKEN_SLICES``, "document", and "metadata:KEY" for each metadata key
    with two to twenty values among the test documents.

    Columns of a token table: model, tokens_fingerprint, place (0, 1, …), value (its label), tokens, share (of the
    model's test tokens), surprisal (mean bits per token, side bits left out) with low and high (95 %, over the run's
    resampling units; NaN where fewer than ten hold such tokens), perplexity (2 to the surprisal).
    Columns of a document or metadata table: model, tokens_fingerprint, place, value, documents, bytes, tokens,
    bits_per_byte with low and high (metadata only), perplexity.
    """
    tables = token_slices(run)
    by_document = pd.concat([_by_document(run, model) for model in run.scored]) if run.scored else pd.DataFrame()
    tables["document"] = by_document.drop(columns=["metadata", "bits", "nats"], errors="ignore")
    for key in metadata_keys(run):
        tables[f"metadata:{key}"] = _by_metadata(run, by_document, key)
    return tables


def token_slices(run: Run) -> dict[str, pd.DataFrame]:
    """Return the tables of ``TOKEN_SLICES`` by name."""
    units = units_of(run)
    found: dict[str, list[pd.DataFrame]] = {s.name: [] for s in TOKEN_SLICES}
    for fingerprint in dict.fromkeys(model.tokens_fingerprint for model in run.scored):
        features = _features(run.tokens[fingerprint])
        models = [m for m in run.scored if m.tokens_fingerprint == fingerprint]
        places = {s.name: s.place(features) for s in TOKEN_SLICES}
        sums: dict[str, list[Array]] = {s.name: [] for s in TOKEN_SLICES}
        for model in models:
            scores = token_scores(run, model)
            unit = units.of(scores.document, scores.sentence)
            bits = -scores.log_prob.mean(axis=0) / LN2
            for s in TOKEN_SLICES:
                sums[s.name].append(_crossed(unit, places[s.name], bits, len(units), len(s.labels)))
        for s in TOKEN_SLICES:
            counts = _crossed(unit, places[s.name], np.ones(len(unit)), len(units), len(s.labels))
            found[s.name].append(_table(s, models, sums[s.name], counts, len(features)))
    order = {model.name: i for i, model in enumerate(run.scored)}
    return {
        name: pd.concat(parts).sort_values("model", key=lambda c: c.map(order), kind="stable").reset_index(drop=True)
        for name, parts in found.items()
        if parts
    }


def _features(tokens: TokenTables) -> pd.DataFrame:
    """Return the features of the test tokens, with the kind of word that each is."""
    features = tokens.features("test", FEATURES)
    classes = word_classes(tokens.vocabulary["tokens"], tokens.vocabulary["counts"])
    return features.assign(word_class=classes[features["token_id"].to_numpy()])


def metadata_keys(run: Run) -> list[str]:
    """Return the metadata keys that divide the test documents into two to twenty kinds."""
    for model in run.scored[:1]:
        documents = run.tokens[model.tokens_fingerprint].documents_of("test")
        tables = [_metadata(text) for text in documents["metadata"]]
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


def _crossed(unit: Array, place: Array, values: Array, units: int, labels: int) -> Array:
    """(U, L) the sum of a value per token by unit and label; −1 is left out."""
    kept = place >= 0
    return np.bincount(unit[kept] * labels + place[kept], values[kept], minlength=units * labels).reshape(
        units, labels
    )


def _table(s: TokenSlice, models: list[ModelEntry], sums: list[Array], counts: Array, total: int) -> pd.DataFrame:
    """One model after the other, one row for each value that occurs."""
    occurs = np.flatnonzero(counts.sum(axis=0))
    rows = []
    for model, bits in zip(models, sums, strict=True):
        estimate, low, high = _interval(bits[:, occurs], counts[:, occurs])
        tokens = counts[:, occurs].sum(axis=0).astype(np.int64)
        rows.append(
            pd.DataFrame(
                {
                    "model": model.name,
                    "tokens_fingerprint": model.tokens_fingerprint,
                    "place": occurs,
                    "value": [s.labels[i] for i in occurs],
                    "tokens": tokens,
                    "share": tokens / max(total, 1),
                    "surprisal": estimate,
                    "low": low,
                    "high": high,
                    "perplexity": _exp2(estimate),
                }
            )
        )
    return pd.concat(rows)


def _interval(numerators: Array, denominators: Array) -> tuple[Array, Array, Array]:
    """(K,) ratios with the ends of their intervals; an infinite code length has none."""
    finite = np.asarray(np.isfinite(numerators).all(axis=0))
    estimate = np.full(len(finite), np.inf)
    low, high = np.full(len(finite), np.nan), np.full(len(finite), np.nan)
    if finite.any():
        found = ratio_bootstrap(numerators[:, finite], denominators[:, finite], resamples=RESAMPLES)
        estimate[finite] = found.estimate
        low[finite], high[finite] = found.interval(least_units=LEAST_UNITS)
    return estimate, low, high


def _by_document(run: Run, model: ModelEntry) -> pd.DataFrame:
    figures = document_figures(run, model)
    figures = figures[figures["tokens"] > 0]
    return pd.DataFrame(
        {
            "model": model.name,
            "tokens_fingerprint": model.tokens_fingerprint,
            "place": figures["document"],
            "value": figures["name"],
            "documents": 1,
            "bytes": figures["bytes"],
            "tokens": figures["tokens"],
            "bits_per_byte": figures["bits_per_byte"],
            "perplexity": figures["perplexity"],
            "metadata": figures["metadata"],
            "bits": figures["bits"],
            "nats": np.log(figures["perplexity"]) * figures["tokens"],
        }
    )


def _by_metadata(run: Run, by_document: pd.DataFrame, key: str) -> pd.DataFrame:
    labelled = by_document.assign(value=[_metadata(text).get(key, "(none)") for text in by_document["metadata"]])
    labels = sorted(set(labelled["value"]))
    return pd.concat(
        [_metadata_rows(model, labelled[labelled["model"] == model.name], labels) for model in run.scored],
        ignore_index=True,
    )


def _metadata_rows(model: ModelEntry, documents: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    chosen = np.stack([(documents["value"] == label).to_numpy(np.float64) for label in labels], axis=1)  # (D, L)
    columns = {c: documents[c].to_numpy(np.float64)[:, None] for c in ("bits", "bytes", "tokens", "nats")}
    with np.errstate(invalid="ignore"):
        bits = np.where(chosen > 0, columns["bits"], 0.0)
        nats = np.where(chosen > 0, columns["nats"], 0.0)
    estimate, low, high = _interval(bits, chosen * columns["bytes"])
    tokens = (chosen * columns["tokens"]).sum(axis=0)
    return pd.DataFrame(
        {
            "model": model.name,
            "tokens_fingerprint": model.tokens_fingerprint,
            "place": np.arange(len(labels)),
            "value": labels,
            "documents": chosen.sum(axis=0).astype(np.int64),
            "bytes": (chosen * columns["bytes"]).sum(axis=0).astype(np.int64),
            "tokens": tokens.astype(np.int64),
            "bits_per_byte": estimate,
            "low": low,
            "high": high,
            "perplexity": _exp2(nats.sum(axis=0) / tokens / LN2),
        }
    )


def _exp2(bits: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(np.exp2(bits))


def iterate(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield name, title in words, and table of each slice."""
    for name, table in tables.items():
        yield name, TITLES.get(name, f"by {name.partition(':')[2]}"), table
