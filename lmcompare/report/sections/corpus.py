"""The corpus: splits, tokens, unknown words, contamination, and what a reader should know about the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.report import numbers
from lmcompare.report.data import ReportData, Section
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.verdict import REPEATED

SPLITS = ("train", "valid", "test")
SIZES = ("documents", "sentences", "words", "bytes")


def build(data: ReportData) -> Section:
    """Return the section."""
    corpus = data.run.corpus
    splits = corpus.get("splits") or {}
    tokens = [(data.tokens_name(fp), t.entry) for fp, t in data.run.tokens.items()]
    said = caption(data)
    repeated: Mapping[str, Mapping[str, int]] = data.results["repeated_documents"]
    html = fill(
        "corpus",
        corpus=corpus,
        splits=splits,
        names=SPLITS,
        sizes=SIZES,
        tokens=tokens,
        caption=said,
        repeated=repeated,
        kinds=REPEATED,
    )
    rows = [
        (
            *(s, *(numbers.count(splits[s].get(k)) for k in SIZES)),
            *(numbers.count(repeated.get(s, {}).get(kind)) for kind in REPEATED),
        )
        for s in SPLITS
        if s in splits
    ]
    sizes = (
        table(("split", *SIZES, *(f"in the training text {how}" for how in REPEATED.values())), rows) if rows else ""
    )
    kinds = table(
        ("tokens", "types", *(f"{s} tokens" for s in SPLITS), "unknown in test"),
        (
            (
                plain(name),
                numbers.count(entry.get("types")),
                *(numbers.count((entry.get("tokens") or {}).get(s)) for s in SPLITS),
                numbers.percent(unknown_share(entry, "test")),
            )
            for name, entry in tokens
        ),
    )
    notes = "\n".join(f"- {plain(str(note))}" for note in corpus.get("notes") or ())
    descriptions = "\n".join(f"- {plain(name)}: {plain(str(entry.get('description')))}" for name, entry in tokens)
    parts = (plain(said), sizes, kinds, descriptions, notes)
    return Section("text", "The text", html, "\n\n".join(part for part in parts if part))


def unknown_share(entry: Mapping[str, Any], split: str) -> float | None:
    """Return the share of a split's tokens that are unknown words."""
    total = (entry.get("tokens") or {}).get(split)
    return int((entry.get("unknown") or {}).get(split, 0)) / int(total) if total else None


def caption(data: ReportData) -> str:
    """Return in one sentence what was trained on and what was scored; "" if the run does not say."""
    splits = data.run.corpus.get("splits") or {}
    train, test = splits.get("train") or {}, splits.get("test") or {}
    if not (train and test):
        return ""
    said = (
        f"The models were trained on {numbers.plural(train.get('documents', 0), 'document')}"
        f" ({numbers.size(train.get('bytes'))}) and tested on {numbers.plural(test.get('documents', 0), 'other')}"
        f" ({numbers.size(test.get('bytes'))})."
    )
    if not data.main_tokens:
        return said
    share = unknown_share(data.run.tokens[data.main_tokens].entry, "test")
    return f"{said} {numbers.percent(share)} of the test tokens are unknown words."
