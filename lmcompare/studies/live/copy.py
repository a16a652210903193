"""The copy of a model that the page computes, and what it loses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.model import PageCopy
from lmcompare.runfolder.files import read_blocks
from lmcompare.study import Finished
from lmcompare.tokens import Encoded

MEASURED = 50_000  # tokens of the test text on which a copy is measured


def page_copy(finished: Finished) -> dict[str, Any]:
    """Return what the page computes a model from, with what the copy loses; or ``reason``.

    Returns
    -------
    dict
        The copy's table. ``bits_lost`` is what a copy that is not exact needs more than the model, in bits per byte
        of the first ``MEASURED`` tokens of the test text.
    """
    corpus = finished.corpus
    try:
        copy = finished.model.in_page(corpus.valid, whole=finished.options["whole"])
        table = dict(copy.table)
        if copy.log_probs is not None:
            table["bits_lost"] = _lost(copy, corpus.test, finished.folder / "scores.parquet")
        json.dumps(table, allow_nan=False)
        return table
    except LmcompareError as error:
        return {"reason": str(error)}
    except (Exception, SystemExit) as error:
        return {"reason": f"its copy for the page could not be made: {what_went_wrong(error)}"}


def _lost(copy: PageCopy, test: Encoded, scores: Path) -> float:
    """Return the bits per byte that a copy loses."""
    assert copy.log_probs is not None
    assert test.spans is not None
    size = min(len(test), MEASURED)
    starts = test.starts[test.starts < size]
    part = Encoded(test.ids[:size], starts, test.vocabulary, test.spans[:size])
    own: list[float] = []
    for block in read_blocks(scores, ["log_prob"], "test"):
        own += block["log_prob"][: size - len(own)].tolist()
        if len(own) == size:
            break
    assert part.spans is not None
    n_bytes = part.spans[part.ends[part.ends > part.starts] - 1, 1].sum()
    return float((np.sum(own) - np.sum(copy.log_probs(part))) / np.log(2) / max(1, n_bytes))
