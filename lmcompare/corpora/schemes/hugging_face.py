"""``hf:NAME``: data sets of Hugging Face that are on this machine; nothing is downloaded, no code of theirs is run.

Lhoest et al. (2021), *Datasets: A Community Library for Natural Language Processing*, EMNLP.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lmcompare.corpora.contents import Content
from lmcompare.corpora.contract import CorpusScheme, File, Found
from lmcompare.corpora.document import SPLITS, Piece
from lmcompare.corpora.formats import documents_of_rows, unknown_column
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.splits import listed, split_named
from lmcompare.errors import LmcompareError, expanded, in_one_sentence, one_line, ordinary, suggest

EXTRA = "pip install 'lmcompare[hf]'"
SAVED = ("dataset_dict.json", "state.json")  # a folder with one of them was written by save_to_disk

Rows = Mapping[str, Any]  # the tables of a data set by their split


def read_hugging_face(name: str, options: CorpusOptions) -> Found:
    """Return a document for each row of a data set of Hugging Face.

    Parameters
    ----------
    name : str
        ``NAME``, ``NAME/CONFIG`` or the path of a folder, and a colon and the name of a split if only that is read.
        A folder has the layout of a data set, or was written by ``save_to_disk``.
    options : CorpusOptions
        ``text_column`` names the column with the text. Without it this is the column "text", or the only column of
        strings.

    Raises
    ------
    LmcompareError
        If ``datasets`` is not installed, the data set is not on this machine or cannot be read, it has no such split,
        or its column of text is not known.
    """
    if reason := missing():
        raise LmcompareError(f"'hf:{name}' cannot be read because {reason}")
    place, _, split = name.partition(":")
    if not place:
        raise LmcompareError("hf: names no data set; give hf:NAME, hf:NAME/CONFIG or hf:FOLDER")
    with _quiet():
        tables = _tables(place)
        if split and split not in tables:
            raise LmcompareError(
                f"the data set '{place}' has no split '{split}'{suggest(split, tables)}; give one of "
                f"{', '.join(tables)}"
            )
        chosen = {split: tables[split]} if split else tables
        found = {which: _documents(table, place, which, options) for which, table in chosen.items()}
    notes = tuple(note for each in found.values() for note in each.notes)
    read = Found(table=True, notes=notes, name=_short(place), source=f"the data set '{place}' of Hugging Face")
    if len(found) == 1:
        return replace(read, pieces=next(iter(found.values())).pieces)
    splits, said = _splits({which: each.pieces for which, each in found.items()}, place)
    return replace(read, splits=splits, said=said)


def missing() -> str:
    """Return why data sets of Hugging Face cannot be read on this machine, or ""."""
    return "" if find_spec("datasets") is not None else f"the library datasets is not installed; run {EXTRA}"


def _tables(place: str) -> Rows:
    """The tables of a data set by split: those of a folder, or of the cache that ``load_dataset`` has filled."""
    import datasets  # seconds: only when it is needed

    folder, config = expanded(place), None
    described = (
        len(folder.parts) > 1 and (folder.parent / "README.md").is_file()
    )  # the configs of a data set are there
    if not folder.is_dir() and described:
        folder, config = folder.parent, folder.name
    if folder.is_dir():
        with _explained(place):
            if any((folder / name).is_file() for name in SAVED):
                for path in folder.rglob("*"):
                    ordinary(path)  # the library would wait for a pipe for ever
                return _by_split(datasets.load_from_disk(str(folder)))
            # some versions can run the code of a data set: the argument forbids it
            safe = "trust_remote_code" in inspect.signature(datasets.load_dataset).parameters
            with tempfile.TemporaryDirectory() as cache:
                loaded = datasets.load_dataset(
                    str(folder),
                    config,
                    cache_dir=cache,
                    keep_in_memory=True,
                    **({"trust_remote_code": False} if safe else {}),
                )
                return _by_split(loaded)
    return _cached(place)


def _cached(place: str) -> Rows:
    """The tables that ``load_dataset`` has stored on this machine; "a/b" is a name, or else a name and its config."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase
    from datasets.packaged_modules.cache.cache import Cache

    first, *others = place.split("/")
    candidates = [("/".join((first, *others[:1])), "/".join(others[1:]))]
    if len(others) == 1:
        candidates.append((first, others[0]))
    for name, of_name in candidates:
        owner, slash, last = name.rpartition("/")
        stored = Path(config.HF_DATASETS_CACHE, f"{owner}{'___' if slash else ''}{camelcase_to_snakecase(last)}")
        if not any(stored.glob("*/*/*/dataset_info.json")):
            continue
        with _explained(place):
            builder = Cache(
                dataset_name=last,
                repo_id=name,
                config_name=of_name or None,
                version="auto",
                hash="auto",
            )
            return _by_split(builder.as_dataset())
    _refuse_path(place)
    name, of_name = candidates[0]
    arguments = ", ".join(f"'{argument}'" for argument in (name, of_name) if argument)
    raise LmcompareError(
        f"the data set '{place}' of Hugging Face is not on this machine; fetch it with python -c "
        f'"import datasets; datasets.load_dataset({arguments})", or give a folder that contains it, as hf:FOLDER'
    )


def _refuse_path(place: str) -> None:
    """Raise ``LmcompareError`` if a place that was not found can only be a path."""
    path = expanded(place)
    if path.exists():
        raise LmcompareError(f"'{place}' is a file, but hf: reads data sets; give the file without hf:, as {place}")
    parts = Path(place).parts
    if place.startswith(("/", ".", "~")) or (len(parts) > 1 and Path(parts[0]).is_dir()):
        there = next(parent for parent in path.parents if parent.is_dir())
        lost = path.relative_to(there).parts[0]
        raise LmcompareError(
            f"there is no folder {place}, since {there.resolve()} has no '{lost}'; give a folder that contains a "
            "data set, as hf:FOLDER"
        )


def _by_split(loaded: Any) -> Rows:
    return dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}


def _documents(table: Any, place: str, which: str, options: CorpusOptions) -> Found:
    from datasets import ClassLabel, Value

    file = File(Content(b""), f"the data set '{place}'", which)
    features: dict[str, Any] = dict(table.features)
    column = _text_column(features, file, options)
    kept = [name for name, kind in features.items() if isinstance(kind, Value | ClassLabel) or name == column]
    labels = {name: features[name] for name in kept if isinstance(features[name], ClassLabel)}

    def rows() -> Iterator[tuple[int, dict[str, Any]]]:
        for number, row in enumerate(table.select_columns(kept), 1):
            named = {
                name: kind.int2str(row[name])
                for name, kind in labels.items()
                if isinstance(row[name], int) and 0 <= row[name] < kind.num_classes
            }
            yield number, row | named

    return documents_of_rows(rows(), file, replace(options, text_column=column), "row")


def _text_column(features: Mapping[str, Any], file: File, options: CorpusOptions) -> str:
    """The column that the options name; without one "text", or the only column of strings."""
    if options.text_column is not None:
        if options.text_column not in features:
            raise unknown_column(file, options.text_column, features)
        return options.text_column
    strings = [name for name, kind in features.items() if getattr(kind, "dtype", "") in ("string", "large_string")]
    if "text" in features or len(strings) != 1:
        if "text" not in features:
            raise unknown_column(file, "text", strings or features)
        return "text"
    return strings[0]


def _splits(
    found: Mapping[str, tuple[Piece, ...]], place: str
) -> tuple[dict[str, tuple[Piece, ...]], tuple[str, ...]]:
    """Return the splits under lmcompare's names, and sentences on how the splits were interpreted."""
    named = {which: split for split in found if (which := split_named(split)) is not None}
    others = [split for split in found if split not in named.values()]
    taken = {which: named[which] for which in SPLITS if which in named}
    if "train" not in taken or len(taken) < 2:
        raise LmcompareError(
            f"the data set '{place}' has the splits {listed(list(found))}, which are not train and test; give one of "
            f"them as hf:{place}:{next(iter(found))}"
        )
    notes = []
    if "test" not in taken:
        taken = {"train": taken["train"], "test": taken["valid"]}
        notes.append(f"'{place}' has no test text of its own, so its validation text is the test text.")
    if others:
        notes.append(f"Left out of '{place}': {listed(others)}.")
    said = "; ".join(f"{which}: {split}, {_rows(len(found[split]))}" for which, split in taken.items())
    return {which: found[split] for which, split in taken.items()}, (f"'{place}' is split already: {said}.", *notes)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _short(place: str) -> str:
    """The name of a data set for reports: without its owner, or the last folder of its path."""
    return expanded(place).resolve().name if expanded(place).is_dir() else place.rpartition("/")[2]


def _explained(place: str) -> AbstractContextManager[None]:
    """Turn whatever ``datasets`` raises into one sentence."""
    return in_one_sentence(
        lambda error: (
            f"Hugging Face's datasets cannot read '{place}' ({one_line(error)[:300]}); give hf:NAME/CONFIG, or the "
            "folder of a data set"
        )
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars and warnings of ``datasets`` off the terminal, and then as they were."""
    import datasets

    bars, level = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()


HUGGING_FACE = CorpusScheme(
    "a data set of Hugging Face that is on this machine, or in a FOLDER of that layout",
    read_hugging_face,
    argument="NAME[/CONFIG][:SPLIT]",
    missing=missing,
)
