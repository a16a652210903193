"""Where each model is good: the test text divided by kind of token or document.

Every table has one row a model and value, in the order of the experiment and of the values. Surprisal per token and
perplexity may be compared between models with the same ``tokens_fingerprint`` only; bits per byte, which exists where
whole documents are cut, between all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lmcompare.analysis.blocks import PLACE, Columns, blocks
from lmcompare.analysis.metrics import LN2, by_tokens, document_figures
from lmcompare.analysis.units import Units, dealt, placed, summed, units_of
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import ModelEntry, Run, kept
from lmcompare.studies.slices.tables import Crossed, Part, Slice, exp2, shared_slices, tables_of
from lmcompare.studies.slices.words import CLASSES, WORD_SLICES, word_classes


def _longest_seen(features: Columns) -> Array:
    """(N,) 0 … 4: the longest n-gram of order 1 … 5 that ends at the token and occurs in the training text."""
    longest = np.zeros(len(features["position"]), np.int64)
    for order in range(2, 6):
        longest = np.where(features[f"seen_{order}"], order - 1, longest)
    return longest


def _before(longest: Array, position: Array, carried: int) -> Array:
    """(N,) ``longest`` of the token before each token: ``carried`` in the first row, −1 where a document begins."""
    return np.where(position > 0, np.append(carried, longest[:-1])[: len(longest)], -1)


_by_count, *_others = shared_slices("token")
TOKEN_SLICES: tuple[Slice, ...] = (
    Slice("word_class", "by kind of word", CLASSES, lambda f: f["word_class"]),
    _by_count,
    Slice(
        "context_order",
        "by the length of the longest n-gram of the training text right before the token",
        ("1", "2", "3", "4", "5"),
        lambda f: f["longest_before"],
    ),
    Slice(
        "seen_order",
        "by the length of the longest n-gram of the training text that ends at the token",
        ("1", "2", "3", "4", "5"),
        lambda f: f["longest_seen"],
    ),
    *_others,
)
FEATURES = (
    "token_id",
    "train_count",
    *(f"seen_{order}" for order in range(2, 6)),
    "position_in_sentence",
    "repeated",
)
MOST_KEYS = 20  # metadata keys that divide the documents into tables
MOST_VALUES = 20  # that such a key may have
LONGEST = 200  # characters of a key or value that names a kind
TITLES: Mapping[str, str] = {s.name: s.title for s in (*TOKEN_SLICES, *WORD_SLICES)} | {"document": "by document"}


@kept
def slices(run: Run) -> Mapping[str, pd.DataFrame]:
    """Return all tables by name: those of ``TOKEN_SLICES``, "document" and "metadata:KEY".

    There is a table for each of the first ``MOST_KEYS`` of ``metadata_keys``.

    Returns
    -------
    mapping of str to DataFrame
        Token tables have the columns model, tokens_fingerprint, place (0, 1, …), value (its label), tokens, share (of
        the model's test tokens), surprisal (mean bits per token, no overhead bits) with low and high (95 % interval;
        NaN if fewer than ten units contain such tokens), perplexity (2 to the surprisal). Document and metadata
        tables have model, tokens_fingerprint, place, value, documents, bytes, tokens, bits_per_byte with low and high
        (metadata only), perplexity.
    """
    tables = tables_of(token_parts(run), "surprisal")
    tables["document"] = by_document(run).drop(columns=["metadata", "bits", "nats"], errors="ignore")
    return tables | tables_of(metadata_parts(run), "bits_per_byte")


@kept
def token_parts(run: Run) -> list[Part]:
    """Return the rows of every model in each of ``TOKEN_SLICES``, in the order of the experiment."""
    units = units_of(run)
    crossed = [part for models in by_tokens(run).values() for part in _crossed(run, models, units)]
    order = {model.name: i for i, model in enumerate(run.scored)}
    return sorted(crossed, key=lambda part: order[part.model.name])


def token_places(run: Run, fingerprint: str, keys: Array) -> dict[str, Array]:
    """Return by slice (N,) in which group each of N test tokens is, −1 for none, given (N, 2) document and position.

    The tokens are in the order of the text.
    """
    found: dict[str, list[Array]] = {s.name: [np.zeros(0, np.int64)] for s in TOKEN_SLICES}
    wanted = placed(keys[:, 0], keys[:, 1])
    derive = _Derived(run, fingerprint)
    for block in run.tokens[fingerprint].feature_blocks("test", (*PLACE, *FEATURES)):
        features = derive(block)
        here = np.isin(placed(features["document"], features["position"]), wanted)
        for s in TOKEN_SLICES:
            found[s.name].append(np.asarray(s.place(features))[here])
    return {name: np.concatenate(places) for name, places in found.items()}


class _Derived:
    """Adds the features that only the slices need to blocks of features, which must come in the order of the text."""

    def __init__(self, run: Run, fingerprint: str) -> None:
        vocabulary = run.tokens[fingerprint].vocabulary
        self.classes = word_classes(vocabulary.tokens, vocabulary.counts.tolist())
        self.carried = 0  # the longest n-gram that ends at the last token of the block before

    def __call__(self, features: Columns) -> Columns:
        longest = _longest_seen(features)
        before = _before(longest, features["position"], self.carried)
        self.carried = int(longest[-1])
        classes = self.classes[features["token_id"]]
        return features | {"word_class": classes, "longest_seen": longest, "longest_before": before}


def _crossed(run: Run, models: Sequence[ModelEntry], units: Units) -> list[Part]:
    """Return the sums of every slice for models with the same tokens, in one pass over the tokens."""
    crossed = Crossed(TOKEN_SLICES, models, units)
    derive = _Derived(run, models[0].tokens_fingerprint)
    for block in blocks(run, models, "test", features=FEATURES, scores=("log_prob", "byte_start")):
        features = derive(block.features)
        unit = units.of(features["document"], block.stacked(0, "byte_start")[0])
        of_models = [-block.stacked(m) / LN2 for m in range(len(models))]
        crossed.add(features, unit, of_models)
    return crossed.parts("tokens")


@kept
def metadata_keys(run: Run) -> list[str]:
    """Return the metadata keys that divide the test documents into two to ``MOST_VALUES`` kinds.

    Keys that are longer than ``LONGEST`` characters, or have such a value, name no kinds.
    """
    values: dict[str, set[str]] = {}
    for model in run.scored[:1]:
        documents = run.tokens[model.tokens_fingerprint].documents_of("test")
        for text in documents["metadata"].unique():
            for key, value in _metadata(text).items():
                seen = values.setdefault(key, set())
                if len(seen) <= MOST_VALUES:
                    seen.add(value)
    return [
        key
        for key, seen in values.items()
        if 2 <= len(seen) <= MOST_VALUES and max(map(len, (key, *seen))) <= LONGEST
    ]


def _metadata(text: object) -> dict[str, str]:
    try:
        table = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in table.items()} if isinstance(table, dict) else {}


@kept
def by_document(run: Run) -> pd.DataFrame:
    """Return one row for each finished model and document with tokens, with what is summed over documents."""
    return pd.concat([_by_document(run, model) for model in run.scored]) if run.scored else pd.DataFrame()


def _by_document(run: Run, model: ModelEntry) -> pd.DataFrame:
    found = document_figures(run, model).rename(columns={"document": "place", "name": "value"})
    found = found[found["tokens"] > 0].assign(
        model=model.name,
        tokens_fingerprint=model.tokens_fingerprint,
        documents=1,
        nats=lambda table: np.log(table["perplexity"]) * table["tokens"],
    )
    columns = ["model", "tokens_fingerprint", "place", "value", "documents", "bytes", "tokens", "bits_per_byte"]
    return found[[*columns, "perplexity", "metadata", "bits", "nats"]]


@kept
def metadata_parts(run: Run) -> list[Part]:
    """Return the rows of every model for each of the first ``MOST_KEYS`` of ``metadata_keys``."""
    parts: list[Part] = []
    keys = metadata_keys(run)[:MOST_KEYS]
    if not keys:
        return []
    documents = by_document(run)
    codes, texts = pd.factorize(documents["metadata"], use_na_sentinel=False)  # many documents have the same metadata
    of_texts = [[table.get(key, "(none)") for key in keys] for table in map(_metadata, texts)]
    for key, values in zip(keys, zip(*of_texts, strict=True), strict=True):
        labelled = documents.assign(value=np.array(values, object)[codes])
        for model in run.scored:
            parts.append(_of_labels(key, model, sorted(set(values)), labelled[labelled["model"] == model.name]))
    return parts


def _of_labels(key: str, model: ModelEntry, labels: Sequence[str], documents: pd.DataFrame) -> Part:
    """Return the rows of a model for a metadata key: D documents with L different labels as ``value``."""
    chosen = np.stack([(documents["value"] == label).to_numpy() for label in labels], axis=1)  # (D, L)

    def by_label(column: str) -> Array:
        return np.where(chosen, documents[column].to_numpy(np.float64)[:, None], 0.0)

    group = dealt(len(documents))
    tokens = by_label("tokens").sum(axis=0)
    with np.errstate(invalid="ignore"):
        perplexity = exp2(by_label("nats").sum(axis=0) / tokens / LN2)
    columns = {
        "place": np.arange(len(labels)),
        "value": labels,
        **{name: by_label(name).sum(axis=0).astype(np.int64) for name in ("documents", "bytes", "tokens")},
    }
    sums = summed(by_label("bits"), group), summed(by_label("bytes"), group)
    return Part(f"metadata:{key}", model, columns, *sums, perplexity)
