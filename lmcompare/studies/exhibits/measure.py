"""The exhibits with which a model explains itself, as they are stored."""

from __future__ import annotations

from typing import Any

from lmcompare import exhibits
from lmcompare.measure.sampling import shown_sentences
from lmcompare.measure.series import example_windows
from lmcompare.study import Finished


def exhibits_of(finished: Finished) -> list[dict[str, Any]]:
    """Return the exhibits of a model of some test sentences; what is left out, and why, is noted."""
    corpus = finished.corpus
    if corpus.tokenizer.reads == "text":
        text = shown_sentences(corpus, finished.options["sentences"])
    else:
        text = example_windows(corpus)
    tables = []
    for number, exhibit in enumerate(finished.model.exhibits(text)):
        if number == exhibits.MOST:
            finished.notes.append(f"It has more than {exhibits.MOST} exhibits: the rest is left out.")
            break
        if wrong := exhibits.problem_with(exhibit):
            title = str(getattr(exhibit, "title", ""))[:80]
            finished.notes.append(f"Its exhibit '{title}' is left out: {wrong}.")
        else:
            tables.append(exhibits.to_json(exhibit))
    return tables
