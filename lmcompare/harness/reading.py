"""The corpus of a run: read, and cut into the tokens of its models, in a process of its own.

Formats, named corpora and tokenizers may be code of other packages, and a process gives back much of the memory that
a long text takes only when it ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import to_jsonable_python

from lmcompare import corpora
from lmcompare.corpora import Document
from lmcompare.errors import LmcompareError, permitted
from lmcompare.harness.experiment import CorpusTable, Experiment
from lmcompare.harness.manifest import read_earlier
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.harness.tokens_table import TokensTable
from lmcompare.measure.compressed import compressed
from lmcompare.measure.selection import digest_of
from lmcompare.memory import give_back_what_is_free
from lmcompare.processes import Emit, EndedError, Event, JunkError, RaisedError, TimeLimitError, call
from lmcompare.runfolder.layout import SPLITS, TOKENS
from lmcompare.runfolder.manifest import CorpusEntry, SplitSizes, TokensEntry
from lmcompare.runfolder.ownership import claim
from lmcompare.runfolder.seals import locked

COUNT = 4
_WORDS = re.compile(r"\s*(\S+\s+\S+\s+\S+)(?:\s+\S+){3}")  # three words, with three more behind them
_CHARACTERS = re.compile(r"\s*(\S{5})\S{5}")  # of text without white space between words


def prompts_of(documents: Iterable[Document]) -> tuple[str, ...]:
    """Return the beginnings of some sentences: three words, or five characters of text without white space.

    They are drawn by a hash of themselves, so that the same text gives the same prompts.
    """
    found: set[str] = set()
    for document in documents:
        for start, end in document.sentences:
            sentence = document.text[start : min(end, start + 200)]
            if match := _WORDS.match(sentence) or _CHARACTERS.match(sentence):
                found.add(match[1])
    return tuple(sorted(found, key=digest_of)[:COUNT])


@dataclass(frozen=True)
class RunTokens:
    """What a run has to know of its corpus under one tokenizer.

    Parameters
    ----------
    table : TokensTable
        The table ``[tokens]``, with the tokenizer's defaults.
    tokenizer : str
        The name of the tokenizer, with an absolute path.
    fingerprint : str
        The fingerprint of the tokens, which are stored under it.
    entry : TokensEntry
        The manifest's entry.
    """

    table: TokensTable
    tokenizer: str
    fingerprint: str
    entry: TokensEntry


@dataclass(frozen=True)
class RunCorpus:
    """What a run has to know of its corpus.

    Parameters
    ----------
    entry : CorpusEntry
        The manifest's entry.
    prompts : tuple of str
        Prompts out of the text.
    tokens : tuple of RunTokens
        The corpus under each tokenizer that some model reads, in the order in which they were asked for.
    """

    entry: CorpusEntry
    prompts: tuple[str, ...]
    tokens: tuple[RunTokens, ...]


def read(
    experiment: Experiment,
    tables: Sequence[TokensTable],
    folder: Path,
    base: Path,
    force: bool,
    show: Display,
    corpus: corpora.Corpus | None = None,
) -> RunCorpus:
    """Read the corpus of an experiment, and store its tokens in the run folder, which is claimed for it.

    Parameters
    ----------
    experiment : Experiment
    tables : sequence of TokensTable
        The kinds of tokens that are asked for.
    folder : Path
        The run folder.
    base : Path
        What relative paths of the experiment are relative to.
    force : bool
        Whether figures on another corpus may be replaced.
    show : Display
        Is told of the progress.
    corpus : Corpus, optional
        A loaded corpus in place of the experiment's. Its tokens are made in this process, as are those of a tokenizer
        that only this process has.

    Raises
    ------
    LmcompareError
        For a corpus or tokens that are wrong, and for a plug-in that ends its process, sends junk or takes too long.
    """
    parts = [experiment.corpus.source or "the given split", *(f"its {table.kind} tokens" for table in tables)]
    begun = [parts[0]]

    def take(event: Event) -> None:
        match event:
            case {"event": "part", "part": int(part)} if 0 <= part < len(parts):
                begun.append(parts[part])
                show.say(f"Reading {parts[part]} …")
            case _:
                show_sent(event, show)

    try:
        if corpus is not None or any(table.kind.startswith("__main__:") for table in tables):
            where = experiment.corpus.where
            load = partial(corpora.load, where, experiment.corpus, base=base) if corpus is None else lambda: corpus
            return _read(take, load, tables, folder, base, force)
        given = to_jsonable_python((experiment.corpus, tables, folder, base, force))
        found = call(
            f"{__name__}:read_job",
            *given,
            on_event=take,
            seconds=experiment.seconds,
            stdin=experiment.corpus.source == "-",
            meanwhile=_import_tables if experiment.memory is None else lambda: None,
        )
        return _checked(found, len(tables))
    except RaisedError as error:
        raise LmcompareError(str(error) if error.expected else f"reading {begun[-1]}: {error}") from error
    except TimeLimitError as late:
        raise LmcompareError(f"reading {begun[-1]}: {late}; raise the limit with --time-limit") from None
    except (EndedError, JunkError) as error:
        raise LmcompareError(f"reading {begun[-1]}: {error}") from error
    finally:
        show.share("", 1.0)  # a bar hides the cursor of the terminal


def _checked(found: Any, kinds: int) -> RunCorpus:
    """Return what the other process returned. Raises ``JunkError`` if a plug-in's code has sent it."""
    with suppress(TypeError, ValidationError):
        corpus = RunCorpus(**found)
        if len(corpus.tokens) == kinds:
            return corpus
    raise JunkError(str(found)[:80])


def _import_tables() -> None:
    """Import the slowest modules that the report needs, while the other process starts."""
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401


def read_job(
    emit: Emit, table: dict[str, Any], tables: list[dict[str, Any]], folder: str, base: str, force: bool
) -> Any:
    """Do what ``read`` does; runs in a process of its own."""
    corpus = CorpusTable(**table)
    load = partial(corpora.load, corpus.where, corpus, base=Path(base))
    asked = [TokensTable.model_validate(each) for each in tables]
    return to_jsonable_python(_read(emit, load, asked, Path(folder), Path(base), force))


@permitted()
def _read(
    emit: Emit,
    load: Callable[[], corpora.Corpus],
    tables: Sequence[TokensTable],
    folder: Path,
    base: Path,
    force: bool,
) -> RunCorpus:
    show = Sending(emit)
    emit({"event": "part", "part": 0})
    with chdir("."):  # a plug-in may change the working directory, from which relative paths start
        corpus = load()
    give_back_what_is_free()
    for sentence in corpus.said:
        show.say(sentence)
    earlier = read_earlier(folder, corpus.fingerprint, force, Display())  # raises for another corpus
    claim(folder)
    with locked(folder), ThreadPoolExecutor(1) as beside:
        known = {} if earlier is None else earlier.corpus.compressors
        marks = beside.submit(_marks, corpus, known) if not corpus.series else None  # at the same time as the tokens
        made = []
        for part, table in enumerate(tables, 1):
            emit({"event": "part", "part": part})
            with chdir("."):
                made.append(_tokens(corpus, table.completed(base), folder.absolute() / TOKENS, show))
        entry = entry_of(corpus, {} if marks is None else marks.result())
    return RunCorpus(entry, () if corpus.series else prompts_of(corpus.valid), tuple(made))


def _marks(corpus: corpora.Corpus, known: Mapping[str, float]) -> dict[str, float]:
    return compressed(corpora.Texts(corpus.train), corpora.Texts(corpus.test), known)  # read when they are used


def _tokens(corpus: corpora.Corpus, table: TokensTable, folder: Path, show: Display) -> RunTokens:
    from lmcompare.harness.prepare import prepare  # the process of the run does not need it

    tokens = prepare(corpus, table, folder, show)
    return RunTokens(table, tokens.tokenizer.kind, tokens.fingerprint, tokens.entry())


def entry_of(corpus: corpora.Corpus, compressors: dict[str, float]) -> CorpusEntry:
    """Return what the manifest says of a corpus, with the bits per byte that compressors need."""
    splits = {
        which: SplitSizes(
            documents=len(documents),
            sentences=sum(len(d.sentences) for d in documents),
            bytes=sum(d.n_bytes for d in documents),
            words=sum(d.words for d in documents),
        )
        for which in SPLITS
        for documents in [corpus.split(which)]
    }
    return CorpusEntry(
        corpus.name,
        corpus.source,
        corpus.fingerprint,
        dict(corpus.parts),
        tuple(corpus.notes),
        splits,
        compressors,
        corpus.series,
    )
