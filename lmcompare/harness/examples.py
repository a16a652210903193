"""What a trained model shows of itself: its examples and exhibits, in two files of its cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lmcompare import exhibits
from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.exhibits.attention import at_last_word
from lmcompare.harness.job import Job
from lmcompare.measure.examples import model_examples, word_examples
from lmcompare.measure.forecasts import model_forecasts
from lmcompare.measure.influence import first_numbers, influences
from lmcompare.measure.lags import lag_influences
from lmcompare.measure.steps import example_windows
from lmcompare.measure.word_senses import sense_table
from lmcompare.model import LanguageModel, PageCopy
from lmcompare.runfolder.files import write_json
from lmcompare.runfolder.ownership import see_that_it_is_there
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


T = TypeVar("T")


def write_examples(job: Job, corpus: TokenizedCorpus, model: LanguageModel) -> list[str]:
    """Write examples and exhibits; return notes on parts that could not be made, without which the cell is finished
    all the same.

    Both are made before either is written, so that a finished cell keeps its old ones if they can't be made.
    """
    notes: list[str] = []
    shown: dict[str, Any]
    if "forecast" in job.examples:
        shown, text = {"prompts": [], "sentences": []}, example_windows(corpus)
    else:
        shown, text = model_examples(model, corpus, job.examples, job.seed)

    def explained(what: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except (Exception, SystemExit) as error:
            notes.append(f"{what} could not be made: {what_went_wrong(error)}.")
            return None

    def shown_of_itself() -> list[dict[str, Any]]:
        tables = []
        for number, exhibit in enumerate(model.exhibits(text)):
            if number == exhibits.MOST:
                notes.append(f"It has more than {exhibits.MOST} exhibits: the rest is left out.")
                break
            if wrong := exhibits.problem_with(exhibit):
                notes.append(f"Its exhibit '{str(getattr(exhibit, 'title', ''))[:80]}' is left out: {wrong}.")
            else:
                tables.append(exhibits.to_json(exhibit))
        return tables

    if "forecast" in job.examples:
        options = job.examples["forecast"]
        forecasts = explained("Its forecasts", lambda: [*model_forecasts(model, corpus, options, job.seed)])
        lags = explained("The lags that it reads", lambda: lag_influences(model, corpus, options))
        tables = explained("Its exhibits", shown_of_itself) or []
        see_that_it_is_there(Path(job.folder))
        write_json(job.path / "examples.json", {**shown, "forecasts": forecasts or [], "lags": lags or []})
        write_json(job.path / "exhibits.json", tables)
        return notes
    if job.examples.get("exhibits_only"):
        tables = explained("Its exhibits", shown_of_itself) or []
        see_that_it_is_there(Path(job.folder))
        write_json(job.path / "examples.json", shown)
        write_json(job.path / "exhibits.json", tables)
        return notes
    words = explained("Its words in context", lambda: word_examples(model, corpus, job.examples)) or []
    # if the vectors failed once, they are not asked for again
    senses = None if notes else explained("Its test of word senses", lambda: sense_table(model, corpus))
    depends = explained("The list of what its guesses depend on", lambda: influences(model, corpus)) or []
    in_page = page_copy(job.path, model, corpus, whole=job.whole)
    tables = explained("Its exhibits", shown_of_itself) or []
    if depends and any(table["kind"] == exhibits.Attention.kind for table in tables):
        explained("The list of what it looks at", lambda: add_attention(depends, model, corpus))
    see_that_it_is_there(Path(job.folder))
    examples = {**shown, "words": words, "senses": senses, "influences": depends, "in_page": in_page}
    write_json(job.path / "examples.json", examples)
    write_json(job.path / "exhibits.json", tables)
    return notes


def add_attention(tables: list[dict[str, Any]], model: LanguageModel, corpus: TokenizedCorpus) -> None:
    """Add to the ``influences`` of a model what it looks at before each guess, from its first attention exhibit."""
    for table in tables:
        start = int(corpus.test.starts[table["document"]]) + table["first"]
        ids = corpus.test.ids[start : start + len(table["tokens"])]
        shown = model.exhibits(Encoded.from_documents([ids], corpus.vocabulary))
        first = next((each for each in shown if isinstance(each, exhibits.Attention)), None)
        if first is None or exhibits.problem_with(first) or first.words[1:] != tuple(table["tokens"][:-1]):
            return  # the exhibit shows another text
        table["attention"] = at_last_word(first)
        if first.weigh:  # attention that adds query and key mixes states
            table["states"] = first_numbers(np.array(first.heads[0].values))
