"""Compressed files: what they record, so that only the model that wrote one reads it.

::

    4 bytes   LMC1
    8 bytes   a digest of the model, its tokenizer and its code
    4 bytes   a digest of its first distribution, as this machine computes it
    8 bytes   a digest of the text
    1 byte    n
    n bytes   the versions of lmcompare, numpy and torch, and the threads
    the rest  the text, by arithmetic coding
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import __version__
from lmcompare.coding.arithmetic import Decoder, Encoder, EndOfDataError
from lmcompare.coding.readers import document_reader, next_shares, read, symbols_of
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError, blamed_on, kind_of
from lmcompare.model import Stepper, check_stepper
from lmcompare.runfolder.files import read_object
from lmcompare.runfolder.layout import SEAL, STATE_FILES
from lmcompare.trained import TrainedModel, checked_text

MAGIC = b"LMC1"
MODEL, FIRST, TEXT = 8, 4, 8  # bytes of the digests
THREADS = 1  # of torch: another number can give other sums
NOT_OURS = "this was not written by 'lmcompare compress': give a file that was"
EVERY = 256  # symbols between two reports of progress
NAMES = ("lmcompare", "numpy", "torch", "threads")
OF_CELL = ("plugin", "hyperparameters", "code_digest", "tokens_fingerprint")

Progress = Callable[[float], object]


def compress(model: TrainedModel, text: str, progress: Progress = lambda _: None) -> bytes:
    """Return the content of a compressed file.

    Parameters
    ----------
    model : TrainedModel
    text : str
        One document, whose lines are its sentences.
    progress : callable
        It is given the share that is done, now and then.

    Raises
    ------
    LmcompareError
        For a model that has no stepper of its own.
    """
    (document,) = documents_of([checked_text(text)])
    with _stepping(model) as stepper:
        first, encoder = _first(stepper, model), Encoder()
        symbols = list(symbols_of(document, model.corpus))
        at = 0

        def choose(distribution: np.ndarray) -> int:
            nonlocal at
            encoder.write(distribution, symbols[at])
            at += 1
            if at % EVERY == 0:
                progress(at / len(symbols))
            return symbols[at - 1]

        back = read(document_reader(stepper, model.corpus), choose)
    if back != text:
        raise LmcompareError(
            f"the tokens of '{model.name}' can't be put together to the same text again: choose a model with others"
        )
    versions = "/".join(_versions()).encode()
    digests = compressor(model.place) + first + _digest(text.encode(), TEXT)
    return MAGIC + digests + bytes([len(versions)]) + versions + encoder.finish()


def decompress(model: TrainedModel, data: bytes, progress: Progress = lambda _: None) -> str:
    """Return the text in a compressed file.

    Parameters
    ----------
    model : TrainedModel
        The model that has compressed it, in the same versions and on a machine that computes the same.
    data : bytes
        The content of the file.
    progress : callable
        It is given the share that is done, now and then.

    Raises
    ------
    LmcompareError
        For data that ``compress`` did not write, or that are damaged, and where the text can't be computed again.
    """
    written = Written.of(data)
    if written.model != compressor(model.place):
        raise LmcompareError(f"'{model.name}' is not the model that compressed this: use the model that did")
    had = zip(NAMES, written.versions, _versions(), strict=True)
    if others := [f"{name} {one}" for name, one, here in had if one != here]:
        raise LmcompareError(
            f"it was compressed with {', '.join(others)}, and others may compute other probabilities: use the same,"
            " or fetch the file again if it may be damaged"
        )
    decoder, read_so_far = Decoder(written.coded), 0

    def choose(distribution: np.ndarray) -> int:
        nonlocal read_so_far
        read_so_far += 1
        if read_so_far % EVERY == 0:
            progress(decoder.share)
        return decoder.read(distribution)

    with _stepping(model) as stepper:
        if _first(stepper, model) != written.first:
            raise LmcompareError(
                "this machine computes other probabilities than the one that compressed it: decompress it there"
            )
        try:
            text = read(document_reader(stepper, model.corpus), choose)
        except (EndOfDataError, UnicodeDecodeError):
            text = None
    if text is None or _digest(text.encode(), TEXT) != written.text or len(written.coded) != decoder.size:
        raise LmcompareError(
            "what comes out is not the text that was compressed: the file is damaged, or this machine computes other"
            " probabilities than the one that compressed it"
        )
    return text


@dataclass(frozen=True)
class Written:
    """The parts of a compressed file.

    Parameters
    ----------
    model, first, text : bytes
        The digests.
    versions : tuple of str
        Those of ``NAMES``.
    coded : bytes
        The text.
    """

    model: bytes
    first: bytes
    text: bytes
    versions: tuple[str, ...]
    coded: bytes

    @classmethod
    def of(cls, data: bytes) -> Written:
        """Take a file apart. Raises ``LmcompareError`` for one that ``compress`` did not write."""
        ends = list(accumulate((len(MAGIC), MODEL, FIRST, TEXT, 1)))
        if not isinstance(data, bytes):
            raise LmcompareError(f"the content of a compressed file must be bytes, not {kind_of(data)}")
        if not data.startswith(MAGIC) or len(data) < ends[-1] or len(data) < ends[-1] + data[ends[-1] - 1]:
            raise LmcompareError(NOT_OURS)
        model, first, text = (data[start:end] for start, end in pairwise(ends[:-1]))
        begin = ends[-1] + data[ends[-1] - 1]
        versions = tuple(data[ends[-1] : begin].decode("latin-1").split("/"))
        if len(versions) != len(NAMES):
            raise LmcompareError(NOT_OURS)
        return cls(model, first, text, versions, data[begin:])


def compressor(place: Path) -> bytes:
    """Return the digest by which a compressed file names its model; ``place`` is the folder of the model's cell."""
    info: Mapping[str, Any] = read_object(place / "cell.json", *OF_CELL)
    digests = read_object(place / "model" / SEAL, *STATE_FILES)
    about = [*(info[name] for name in OF_CELL), *(digests[name] for name in STATE_FILES)]
    return _digest(json.dumps(about, sort_keys=True).encode(), MODEL)


def _first(stepper: Stepper, model: TrainedModel) -> bytes:
    """Return a digest of the first distribution, as this machine computes it."""
    return _digest(next_shares(stepper, len(model.corpus.vocabulary)).tobytes(), FIRST)


@contextmanager
def _stepping(trained: TrainedModel) -> Iterator[Stepper]:
    """Give the stepper of a model at the beginning of a document, with one thread for torch."""
    model = trained.model
    if not model.has_stepper():
        raise LmcompareError(
            f"'{trained.name}' can't compress: it has no stepper of its own, or its base has none, and would read the"
            " whole text again for each token: choose another model"
        )
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    if torch is not None:
        torch.set_num_threads(THREADS)
    try:
        with blamed_on(f"{trained.name}'s stepper"):
            stepper = model.stepper(np.zeros(0, np.int64), trained.corpus.vocabulary)
            check_stepper(stepper, type(model).__name__)
            yield stepper
    finally:
        if torch is not None:
            torch.set_num_threads(before)


def _versions() -> tuple[str, ...]:
    return (__version__, version("numpy"), version("torch"), str(THREADS))


def _digest(data: bytes, size: int) -> bytes:
    return hashlib.sha256(data).digest()[:size]
