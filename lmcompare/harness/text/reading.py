"""The corpus of a run: read, cut into the tokens of its models and stored, in a process of its own.

Formats, named corpora and tokenizers may be code of other packages, and a process gives back much of the memory that
a long text takes only when it ends.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import to_jsonable_python

from lmcompare import __version__, corpora, plugins
from lmcompare.corpora import Document, Texts
from lmcompare.errors import LmcompareError, PluginError, permitted
from lmcompare.harness.experiment import CorpusTable, Experiment
from lmcompare.harness.manifest import read_earlier
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text import reread
from lmcompare.measure.features import compressed, token_features
from lmcompare.measure.scoring import digest_of
from lmcompare.measure.word_bits import LN2, WordCounts, word_features
from lmcompare.memory import give_back_what_is_free
from lmcompare.model import Setting
from lmcompare.processes import Emit, Event, JunkError, call, explained
from lmcompare.runfolder.files import read_object
from lmcompare.runfolder.guards import claim, damage, is_sealed, locked
from lmcompare.runfolder.layout import HELD_OUT, SCHEMA_VERSION, SPLITS, TOKENS, TOKENS_FILES
from lmcompare.runfolder.manifest import CorpusEntry, SplitSizes, TokensEntry
from lmcompare.runfolder.tokens import TokenizedCorpus, write_tokens
from lmcompare.tokens import (
    CODE_VERSION,
    Encoded,
    IntArray,
    OverheadBits,
    TextCode,
    Tokenizer,
    Vocabulary,
    as_text,
    build_vocabulary,
    encode,
    fit_tokenizer,
    make_tokenizer,
    tokenise,
    tokenizer_code,
    tokens_fingerprint,
)

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Corpus, Document
    from lmcompare.harness.tables import TokensTable
    from lmcompare.tokens import Tokenised


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
    known: Path | None = None,
) -> RunCorpus:
    """Read the corpus of an experiment, and store its tokens in the run folder, which is claimed for it.

    A text that was read before is not read again: what is known of it is in the run folder, or in the user's cache.

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
    known : Path, optional
        Another run folder that may have read the text before.

    Raises
    ------
    LmcompareError
        For a corpus or tokens that are wrong, and for a plug-in that ends its process, sends junk or takes too long.
    """
    parts = [experiment.corpus.source or "the given split", *(f"its {table.kind} tokens" for table in tables)]
    begun, said = [parts[0]], list[str]()

    def take(event: Event) -> None:
        match event:
            case {"event": "part", "part": int(part)} if 0 <= part < len(parts):
                begun.append(parts[part])
                show.say(f"Reading {parts[part]} …")
            case _:
                if isinstance(sentence := event.get("sentence"), str):
                    said.append(sentence)
                show_sent(event, show)

    try:
        if corpus is not None or any(table.kind.startswith("__main__:") for table in tables):
            where = experiment.corpus.where
            load = partial(corpora.load, where, experiment.corpus, base=base) if corpus is None else lambda: corpus
            return _read(take, load, tables, folder, base, force)
        key = reread.key_of(experiment.corpus, tables, base)
        if key is not None and (before := reread.found(experiment.corpus, key, folder, known)) is not None:
            with suppress(JunkError):
                made = _checked(before.corpus, len(tables))
                read_earlier(folder, made.entry.fingerprint, force, Display())  # raises for another corpus
                for sentence in before.said:
                    show.say(sentence)
                return made
        given = to_jsonable_python((experiment.corpus, tables, folder, base, force))
        with explained(lambda: f"reading {begun[-1]}"):
            found = call(
                f"{__name__}:read_job",
                *given,
                on_event=take,
                seconds=experiment.seconds,
                stdin=experiment.corpus.source == "-",
                meanwhile=_import_tables if experiment.memory is None else lambda: None,
            )
            made = _checked(found, len(tables))
        if key is not None:
            with locked(folder):
                reread.keep(experiment.corpus, key, folder, reread.Known(found, tuple(said)))
        return made
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
        marks = (
            beside.submit(_marks, corpus, known) if corpus.kind == "text" else None
        )  # at the same time as the tokens
        made = []
        for part, table in enumerate(tables, 1):
            emit({"event": "part", "part": part})
            with chdir("."):
                made.append(_tokens(corpus, table.completed(base), folder.absolute() / TOKENS, show))
        entry = entry_of(corpus, {} if marks is None else marks.result())
    return RunCorpus(entry, prompts_of(corpus.valid) if corpus.kind == "text" else (), tuple(made))


def _marks(corpus: corpora.Corpus, known: Mapping[str, float]) -> dict[str, float]:
    return compressed(corpora.Texts(corpus.train), corpora.Texts(corpus.test), known)  # read when they are used


def _tokens(corpus: corpora.Corpus, table: TokensTable, folder: Path, show: Display) -> RunTokens:
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
        corpus.kind,
    )


ORDERS = (1, 2, 3)  # of the n-gram models that score alternative tokenizers


def best_of(alternatives: Sequence[Tokenizer], corpus: Corpus, show: Display) -> Tokenizer:
    """Return the tokenizer with which an n-gram model gives the validation series the highest density.

    Finer bins say more precisely where a value is, and have fewer examples each. The best pair of a tokenizer and one
    of the n-gram models of ``ORDERS`` is taken. Networks learn from fewer examples for each bin, so for them more
    bins may be better: a sweep over ``tokens.bins`` can find out.
    """
    costs: list[float] = []
    for done, tried in enumerate(alternatives):
        show.share("Choosing the number of bins", done / len(alternatives))
        tried.fit(Texts(corpus.train))
        train, valid = (tokenise(documents, tried) for documents in (corpus.train, corpus.valid))
        vocabulary = build_vocabulary(train, tried)
        encoded = encode(train, tried, vocabulary), encode(valid, tried, vocabulary)
        nats = tried.density(Texts(corpus.valid))
        assert nats is not None, "alternatives have densities"
        scored = np.isfinite(nats)
        models = (plugins.build("ngram", {"order": order}) for order in ORDERS)
        fitted = (model.fit(*encoded, Setting(vocabulary=vocabulary)) for model in models)
        costs.append(min(float((nats - model.log_probs(encoded[1]))[scored].mean()) for model in fitted))
    show.share("Choosing the number of bins", 1.0)
    return alternatives[int(np.argmin(costs))]


TABLES = ("features", "surface", "words", "documents")  # of valid and of test
PART_TOKENS = 1 << 19  # the tables of a long text are made in parts of this size


def prepare(corpus: Corpus, table: TokensTable, folder: Path, show: Display | None = None) -> TokenizedCorpus:
    """Return the corpus under one tokenizer, stored under ``folder / fingerprint``.

    What is stored there already under the same fingerprint is kept. If it was damaged, it is made anew; ``show``
    reports this and the tokenizer's notes on the text, and shows how much of the text is cut.

    Raises
    ------
    LmcompareError
        For a kind or option that does not exist, a vocabulary larger than the data, and a text without tokens.
    """
    show = show or Display()
    tokenizer = make_tokenizer(table.tokenizer)
    request = _request(corpus, tokenizer, table)
    # a file of a tokenizer may change under its name: its tokens are found only after the text was cut
    if not tokenizer.files and (stored := _stored(folder, request, tokenizer.kind)) is not None:
        for note in stored.tokenizer.notes:
            show.say(note)
        return stored
    _check_kind(corpus, tokenizer)
    if alternatives := tokenizer.alternatives():
        tokenizer = best_of(alternatives, corpus, show)
    fit_tokenizer(tokenizer, Texts(corpus.train))
    for note in tokenizer.notes:
        show.say(note)
    cut = _cut(corpus, tokenizer, show)
    vocabulary = build_vocabulary(cut["train"], tokenizer, min_count=table.min_count, size=table.size)
    if tokenizer.fixed_vocabulary and (other := set(vocabulary.text_tokens()) - set(tokenizer.always_tokens)):
        raise PluginError(
            f"{type(tokenizer).__name__} declares fixed_vocabulary, but its always_tokens do not contain"
            f" '{min(other)}', a token of the training text: add it, or leave fixed_vocabulary out"
        )
    as_text(tokenizer, vocabulary.tokens)  # examples need it, after the training
    path = folder / tokens_fingerprint(corpus.fingerprint, tokenizer, vocabulary)
    damaged = damage(path, TOKENS_FILES)
    if damaged is None and read_object(path / "tokenizer.json").get("request") == request:
        return TokenizedCorpus(path, named=[tokenizer.kind])
    if damaged is not None and is_sealed(path):
        show.say(f"{path / damaged} is damaged or lost: it is made anew.")
    total = 1 + len(SPLITS) + len(TABLES) * len(HELD_OUT)
    with _steps(show, "Measuring and storing the tokens", total) as step, ThreadPoolExecutor(1) as beside:
        code = TextCode.fit(cut["train"], tokenizer, vocabulary)
        counted = beside.submit(WordCounts.of, corpus.train)  # only now: both at once need the most memory
        step()
        texts: dict[str, Encoded] = {}
        starts: dict[str, IntArray] = {}
        for split in SPLITS:
            text = cut[split] if split in HELD_OUT else cut.pop(split)  # frees the training text, which may be large
            texts[split], starts[split] = encode(text, tokenizer, vocabulary), text.sentence_starts
            step()
        if not len(texts["test"]) or not len(texts["valid"]):
            raise LmcompareError("the validation or test text has no tokens: give a longer text")
        tables = _tables(corpus, cut, texts, code, tokenizer, vocabulary, counted.result(), step)
        write_tokens(path, table.model_dump(mode="json"), tokenizer, vocabulary, code, texts, starts, tables, request)
    del cut, texts, tables
    give_back_what_is_free()
    return TokenizedCorpus(path, named=[tokenizer.kind])


def _check_kind(corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Raise ``LmcompareError`` for series that are to be read as words, and for words as values."""
    if corpus.kind == tokenizer.reads:
        return
    if tokenizer.reads == "text":
        raise LmcompareError(
            f"{corpus.name} is a series of numbers, which the {tokenizer.kind} tokenizer does not read: give the"
            " tokens bins, quantiles or sax"
        )
    raise LmcompareError(
        f"the {tokenizer.kind} tokenizer reads series of numbers, and {corpus.name} is a text: give a corpus such as"
        " series:FILE.csv#COLUMN"
    )


@contextmanager
def _steps(show: Display, what: str, number: int) -> Iterator[Callable[[], None]]:
    """Give a function to call after each of ``number`` steps, and show how many are done."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        show.share(what, min(1.0, done / number))

    show.share(what, 0.0)
    try:
        yield step
    finally:  # interrupted, too: a bar hides the cursor of the terminal
        show.share(what, 1.0)


def _cut(corpus: Corpus, tokenizer: Tokenizer, show: Display) -> dict[str, Tokenised]:
    """Cut each split into tokens."""
    what = f"Cutting the text into {tokenizer.kind} tokens"
    total = sum(document.n_bytes for split in SPLITS for document in corpus.split(split))
    cut: dict[str, Tokenised] = {}

    def progress(done: int) -> None:
        before = sum(int(text.n_bytes.sum()) for text in cut.values())
        show.share(what, (before + done) / max(total, 1))

    try:
        for split in SPLITS:
            cut[split] = tokenise(corpus.split(split), tokenizer, progress)
    finally:  # interrupted, too: a bar hides the cursor of the terminal
        show.share(what, 1.0)
    give_back_what_is_free()
    return cut


def _request(corpus: Corpus, tokenizer: Tokenizer, table: TokensTable) -> str:
    """Return a digest of everything that the stored tokens depend on, except a tokenizer's files.

    It is the digest of a JSON text with the metadata of all documents; the whole text is never in memory.
    """
    spec = {name: value for name, value in tokenizer.spec.items() if name not in tokenizer.files}
    asked = [spec, tokenizer.rule, tokenizer_code(tokenizer), table.min_count, table.size]
    versions = [CODE_VERSION, SCHEMA_VERSION, __version__]
    digest = hashlib.sha256(f"[{json.dumps(corpus.fingerprint)}, [".encode())
    before = ""
    for document in (document for split in SPLITS for document in corpus.split(split)):
        digest.update(f"{before}{json.dumps(dict(document.metadata), sort_keys=True)}".encode())
        before = ", "
    digest.update(f"], {json.dumps(versions)}, {json.dumps(asked, sort_keys=True)}]".encode())
    return digest.hexdigest()[:16]


def _stored(folder: Path, request: str, kind: str) -> TokenizedCorpus | None:
    """Return the tokens that an earlier run stored for the same request, if they are whole."""
    for path in folder.glob("*/tokenizer.json"):
        with suppress(LmcompareError):
            if read_object(path).get("request") == request and damage(path.parent, TOKENS_FILES) is None:
                return TokenizedCorpus(path.parent, named=[kind])
    return None


def _tables(
    corpus: Corpus,
    cut: Mapping[str, Tokenised],
    texts: Mapping[str, Encoded],
    code: TextCode,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    train_words: WordCounts,
    made: Callable[[], None],
) -> dict[str, Iterator[pd.DataFrame]]:
    """Return the tables of the tokens, words and documents of valid and of test, in parts made when asked for.

    ``made`` is called after each table of each text.
    """

    def charged_bits(split: str) -> OverheadBits:
        nats = tokenizer.density(Texts(corpus.split(split)))
        if nats is not None:
            none = np.zeros(len(nats))
            return OverheadBits(spelling=np.nan_to_num(nats) / LN2, white_space=none, separator=none)
        return code.charge(cut[split], tokenizer, vocabulary)

    def features(split: str) -> Iterator[pd.DataFrame]:
        overhead, starts = charged_bits(split), cut[split].sentence_starts
        for part, at, first in _parts(texts[split]):
            charged = OverheadBits(overhead.spelling[at], overhead.white_space[at], overhead.separator[at])
            begins = starts[slice(*np.searchsorted(starts, [at.start, at.stop]))] - at.start
            table = token_features(texts["train"], part, begins, charged, split)
            yield table.assign(document=table["document"] + np.int32(first))

    def surface(split: str) -> Iterator[pd.DataFrame]:
        types = np.array(cut[split].types, object)
        written = tokenizer.surface(Texts(corpus.split(split)))
        shown = None if written is None else np.array(written, object)
        for part, at, first in _parts(texts[split]):
            table = _surface(part, types[cut[split].tokens[at]] if shown is None else shown[at], split)
            yield table.assign(document=table["document"] + np.int32(first))

    makers: dict[str, Callable[[str], Iterable[pd.DataFrame]]] = {
        "features": features,
        "surface": surface,
        "words": lambda split: word_features(corpus.split(split), train_words, split),
        "documents": lambda split: [_documents(texts[split], corpus, tokenizer, split)],
    }

    def parts(make: Callable[[str], Iterable[pd.DataFrame]]) -> Iterator[pd.DataFrame]:
        for split in HELD_OUT:
            yield from make(split)
            made()

    return {name: parts(makers[name]) for name in TABLES}


def _parts(text: Encoded) -> Iterator[tuple[Encoded, slice, int]]:
    """Yield a text in parts of whole documents, with the positions and the first document of each."""
    begin = document = 0
    for part in text.parts(PART_TOKENS):
        yield part, slice(begin, begin + len(part)), document
        begin, document = begin + len(part), document + part.n_documents


def _surface(text: Encoded, tokens: npt.NDArray[np.object_], split: str) -> pd.DataFrame:
    """Return the table of the tokens as they are in the text."""
    import pandas as pd

    at = np.arange(len(text))
    document = text.document_of(at)
    assert text.spans is not None, "text was encoded"
    return pd.DataFrame(
        {
            "split": split,
            "document": document.astype(np.int32),
            "position": (at - text.starts[document]).astype(np.int32),
            "token": tokens,
            "byte_start": text.spans[:, 0].astype(np.int64),
            "byte_end": text.spans[:, 1].astype(np.int64),
            "is_unknown": text.vocabulary.is_unknown(text.ids),
        }
    )


def _repeated_bytes(document: Document) -> list[list[int]]:
    """Return the bytes of a document that also occur in earlier text, as (start, end)."""
    text, found, size, at = document.text, [], 0, 0
    for start, end in () if document.repeat is None else document.repeat.spans:
        begins = size + len(text[at:start].encode())
        size, at = begins + len(text[start:end].encode()), end
        found.append([begins, size])
    return found


def _documents(text: Encoded, corpus: Corpus, tokenizer: Tokenizer, split: str) -> pd.DataFrame:
    """Return the table of the documents."""
    import pandas as pd

    documents = corpus.split(split)

    return pd.DataFrame(
        {
            "split": split,
            "document": range(len(documents)),
            "name": [d.name for d in documents],
            "bytes": [tokenizer.size(d.text) for d in documents],
            "tokens": text.ends - text.starts,
            "sentences": [len(d.sentences) for d in documents],
            "metadata": [json.dumps(dict(d.metadata), ensure_ascii=False) for d in documents],
            "repeated_spans": [json.dumps(_repeated_bytes(d)) for d in documents],
        }
    )
