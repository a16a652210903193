"""The copy of a model that the page of a report computes, and how much worse it is than the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.model import LanguageModel, PageCopy
from lmcompare.runfolder.parquet import read_blocks
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

MEASURED = 50_000  # tokens of the test text on which a copy is measured
MOST = 100_000_000  # characters of a copy, written as JSON


def page_copy(cell: Path, model: LanguageModel, corpus: TokenizedCorpus, *, whole: bool) -> dict[str, Any]:
    """Return what the page computes a model from, with what the copy loses; or ``reason``.

    Parameters
    ----------
    cell : Path
        The folder of the model's cell, with its scores.
    model : LanguageModel
    corpus : TokenizedCorpus
    whole : bool
        As in ``LanguageModel.in_page``.

    Returns
    -------
    dict
        The copy's table. ``bits_lost`` is what a copy that is not exact needs more than the model, in bits per byte
        of the first ``MEASURED`` tokens of the test text.
    """
    try:
        copy = model.in_page(corpus.valid, whole=whole)
        table = dict(copy.table)
        if copy.log_probs is not None:
            table["bits_lost"] = _lost(copy, corpus.test, cell / "scores.parquet")
        if len(json.dumps(table, allow_nan=False)) > MOST:
            raise LmcompareError(f"its copy for the page has more than {MOST:,} characters")
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
