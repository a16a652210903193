"""A text that was read before: what is known of it, with its tokens, is kept in the run folder.

That of an embedded corpus is also kept once for a machine, in the user's cache folder: ``~/.cache/lmcompare``, or the
folder that ``LMCOMPARE_CACHE`` names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from lmcompare.corpora import FORMATS, files_of, is_embedded
from lmcompare.errors import LmcompareError
from lmcompare.harness.environment import versions
from lmcompare.harness.experiment import CorpusTable
from lmcompare.harness.tables import TokensTable
from lmcompare.plugins import own_code
from lmcompare.runfolder.files import read_object, write_json
from lmcompare.runfolder.guards import OF_TOKENS, check_free, claim, damage, locked, remove_written
from lmcompare.runfolder.layout import READ, TOKENS, TOKENS_FILES
from lmcompare.tokens import make_tokenizer
from lmcompare.tokens.tokenizer import is_built_in

MOST = 500_000_000  # bytes that the cache folder may take
READING = ("mwparserfromhell", "tokenizers", "sentencepiece")  # packages that read texts, beside those of versions()


@dataclass(frozen=True)
class Known:
    """What reading a text has found: the ``corpus`` of the run as JSON, and the sentences that were said."""

    corpus: dict[str, Any]
    said: tuple[str, ...]


def key_of(corpus: CorpusTable, tables: Sequence[TokensTable], base: Path) -> str | None:
    """Return a digest of all that a text and its tokens depend on; None if that is not known before it is read.

    These are its files, the options, and the code of lmcompare and of what it reads with. Of code of other packages
    it is not known.
    """
    if (files := files_of(corpus.where, base)) is None or not all(map(FORMATS.is_built_in, FORMATS.installed())):
        return None
    digest = hashlib.sha256(own_code(""))
    for tokenizer in (make_tokenizer(table.completed(base).tokenizer) for table in tables):
        if not is_built_in(tokenizer):
            return None
        files += [Path(str(getattr(tokenizer, name))) for name in tokenizer.files]
    asked = to_jsonable_python([corpus, tables, versions(), [*map(_version, READING)]])
    digest.update(json.dumps(asked, sort_keys=True).encode())
    try:
        for path in files:
            with path.open("rb") as file:
                digest.update(b"\0" + os.fsencode(path) + b"\0" + hashlib.file_digest(file, "sha256").digest())
    except OSError:  # whoever reads the text says why
        return None
    return digest.hexdigest()[:32]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def found(corpus: CorpusTable, key: str, folder: Path, known: Path | None) -> Known | None:
    """Return what is known of a text that was read before, whose tokens are in the run folder then; or None.

    It is looked for in the run folder, in the run folder ``known`` and in the user's cache.
    """
    check_free(folder)
    for place in (folder, known, _place_in_cache(corpus, key)):
        if place is not None and (place / READ).is_file():
            claim(folder)
            with locked(folder):
                if (there := _found_in(place, key, folder)) is not None:
                    keep(corpus, key, folder, there)
                    return there
    return None


def _found_in(place: Path, key: str, folder: Path) -> Known | None:
    with suppress(LmcompareError, OSError, LookupError, TypeError):
        stored = read_object(place / READ)
        if stored["key"] != key or stored["digest"] != _digest(stored):
            return None
        all_tokens = [f"{TOKENS}/{tokens['fingerprint']}" for tokens in stored["corpus"]["tokens"]]
        if any(damage(place / tokens, TOKENS_FILES) is not None for tokens in all_tokens):
            return None
        for tokens in all_tokens:
            if place != folder and damage(folder / tokens, TOKENS_FILES) is not None:
                remove_written(folder / tokens, OF_TOKENS)
                shutil.copytree(place / tokens, folder / tokens)
        return Known(stored["corpus"], tuple(stored["said"]))
    return None


def keep(corpus: CorpusTable, key: str, folder: Path, known: Known) -> None:
    """Keep what was found in the run folder, which is locked; that of an embedded corpus also in the user's cache.

    Where nothing can be written to the cache, it is not kept there.
    """
    _write(folder, key, known)
    place = _place_in_cache(corpus, key)
    if place is None or place.is_dir():
        return
    with suppress(OSError, LmcompareError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as aside:
            made = Path(aside) / key
            for tokens in known.corpus["tokens"]:
                of_tokens = f"{TOKENS}/{tokens['fingerprint']}"
                shutil.copytree(folder / of_tokens, made / of_tokens)
            _write(made, key, known)
            made.rename(place)
        _make_room(place)


def _make_room(kept: Path) -> None:
    """Remove the oldest texts of the cache if it holds more than it may."""
    held = 0
    for place in sorted(kept.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True):
        held += sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        if held > MOST and place != kept:
            shutil.rmtree(place, ignore_errors=True)


def _write(folder: Path, key: str, known: Known) -> None:
    table: dict[str, Any] = {"key": key, "corpus": known.corpus, "said": known.said}
    write_json(folder / READ, {**table, "digest": _digest(table)})


def _digest(table: Mapping[str, Any]) -> str:
    """Return a digest by which a damaged file is noticed."""
    return hashlib.sha256(json.dumps([table["corpus"], table["said"]], sort_keys=True).encode()).hexdigest()[:16]


def _place_in_cache(corpus: CorpusTable, key: str) -> Path | None:
    """Return the folder of an embedded corpus in the user's cache folder; None for other texts."""
    if not is_embedded(corpus.where):
        return None
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("LMCOMPARE_CACHE") or user / "lmcompare") / "texts" / key
