"""How many held-out documents stand in train as well: what a model knows by heart of them, it did not foresee."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import Run

KINDS = {"copy": "word for word", "near copy": "nearly so", "passages": "in passages, half of it or more"}


def repeated_documents(run: Run, split: Split) -> dict[str, int]:
    """Return the number of documents of a split, and of those among them that repeat train in each of ``KINDS``.

    Empty where no model was scored: the documents are those of the first that was.
    """
    tables = next((run.tokens[model.tokens_fingerprint] for model in run.scored), None)
    if tables is None:
        return {}
    kinds = Counter(tables.documents_of(split)["repeats"].tolist())
    return {"documents": kinds.total(), **{kind: kinds[kind] for kind in KINDS}}


def in_words(counts: Mapping[str, int]) -> str:
    """Return how many documents repeat train, and how: "2 stand in train as well (1 word for word, 1 nearly so)"; ""
    if none does.
    """
    parts = [f"{counts[kind]:,} {words}" for kind, words in KINDS.items() if counts.get(kind)]
    count = sum(counts.get(kind, 0) for kind in KINDS)
    return f"{count:,} {'stands' if count == 1 else 'stand'} in train as well ({', '.join(parts)})" if parts else ""
