"""Contamination: held-out documents that also occur in the training text."""

from __future__ import annotations

from collections import Counter

from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import Run

KINDS = ("copy", "near copy", "passages")  # how a document repeats the training text, from most to least


def repeated_documents(run: Run, split: Split) -> dict[str, int]:
    """Return the number of documents of a split, and how many of them repeat the training text, by ``KINDS``.

    Empty if no model was scored: the documents are those of the first model that was.
    """
    tables = next((run.tokens[model.tokens_fingerprint] for model in run.scored), None)
    if tables is None:
        return {}
    kinds = Counter(tables.documents_of(split)["repeats"].tolist())
    return {"documents": kinds.total(), **{kind: kinds[kind] for kind in KINDS}}
