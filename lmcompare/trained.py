"""A trained model of a run with its tokenizer: text in, figures and text out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.corpora import Document, documents_of, has_utf8
from lmcompare.errors import LmcompareError, as_written, blamed_on, kind_of
from lmcompare.measure.examples import continue_prompt, next_tokens
from lmcompare.measure.sampling import Sampling
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import write_aside
from lmcompare.runfolder.layout import STATE_FILES
from lmcompare.runfolder.seals import check_sealed
from lmcompare.runfolder.states import load_state
from lmcompare.runfolder.tokens import TokenizedCorpus

FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Scored:
    """The score of a text.

    ``log_probability``: of the whole text, in nats. ``bits_per_byte``: every byte is charged; NaN for a text without
    bytes, which is charged for its end only. ``tokens``: the N tokens.
    ``surprisal_bits``: −log2 of each token's probability under the model; ``overhead_bits``: charged beside the model
    for the spelling of unknown words and for the white space between tokens.
    """

    name: str
    text: str
    log_probability: float
    bits_per_byte: float
    tokens: tuple[str, ...]
    surprisal_bits: tuple[float, ...]
    overhead_bits: tuple[float, ...]

    def to_json(self, *, tokens: bool = False) -> dict[str, Any]:
        """Return a table for JSON; ``tokens`` adds each token with its surprisal. An infinite number is null."""
        table: dict[str, Any] = {
            "text": self.text,
            "log_probability": _finite(self.log_probability),
            "bits_per_byte": _finite(self.bits_per_byte),
        }
        if tokens:
            table["tokens"] = [
                {"token": token, "surprisal_bits": _finite(bits)}
                for token, bits in zip(self.tokens, self.surprisal_bits, strict=True)
            ]
        return table


class TrainedModel:
    """A model of a run with its tokenizer: text in, figures and text out."""

    def __init__(self, name: str, model: LanguageModel, corpus: TokenizedCorpus, truthful: bool) -> None:
        self.name = name
        self.model = model
        self.truthful = truthful  # whether it passed the validity checks of its run
        self._corpus = corpus

    @classmethod
    def open(cls, folder: Path, cell: Cell, named: Sequence[str | type[LanguageModel]] = ()) -> TrainedModel:
        """Restore the model of a finished cell.

        Parameters
        ----------
        folder : Path
            The run folder.
        cell : Cell
            The finished cell.
        named : sequence of str or type
            Plug-ins that are not installed and may be used.

        Raises
        ------
        LmcompareError
            If the folder names any other plug-in that is not installed, or one with other code than the model was
            trained with.
        """
        info, stored = cell.info, cell.path / "model"
        with plugins.only_installed(*named):
            with as_written(cell.path):
                model = plugins.build(info["plugin"], info["hyperparameters"])
                of_files = [info["plugin"], *(getattr(model, base) for base in model.bases)]
                if any(":" in plugin for plugin in of_files) and info["code_digest"] != plugins.code_digest(model):
                    raise LmcompareError(
                        f"the code of '{cell.name}' has changed since it was trained: run it again, or name the file"
                        " with the old code"
                    )
                check_sealed(stored, STATE_FILES)
                state = load_state(stored)
            with blamed_on(f"{cell.name}'s restore"):
                model.restore(state)
        fingerprint = str(info.get("tokens_fingerprint"))
        if not FINGERPRINT.fullmatch(fingerprint):
            raise LmcompareError(
                f"{cell.path / 'cell.json'} names tokens that no run wrote: run the same command again"
            )
        tokens = folder / "tokens" / fingerprint
        with as_written(tokens):
            corpus = TokenizedCorpus(tokens, named=(*named, str((model.tokens or {}).get("kind", ""))))
            _ = corpus.tokenizer, corpus.vocabulary, corpus.code  # read here, so that damage is told at once
        return cls(cell.name, model, corpus, cell.truth.get("passed") is True)

    def __repr__(self) -> str:
        return f"TrainedModel({self.name!r}, {type(self.model).__name__})"

    def score(self, text: str) -> Scored:
        """Score a text as one document; its lines are its sentences."""
        return next(iter(self.score_documents(documents_of([_text(text)]))))

    def score_documents(self, documents: Iterable[Document]) -> Iterator[Scored]:
        """Score documents one by one."""
        for document in documents:
            if not isinstance(document, Document):
                raise LmcompareError(
                    f"a document is an lmcompare.corpora.Document, not {kind_of(document)}: score() takes a text"
                )
            encoded, tokens, overhead_bits = self._corpus.read([document])
            with blamed_on(f"{self.name}'s log_probs"):
                nats = checked_log_probs(self.model, encoded)
            bits = -nats / np.log(2)
            n_bytes = len(document.text.encode())
            yield Scored(
                name=document.name,
                text=document.text,
                log_probability=float(np.sum(nats)),
                bits_per_byte=float((bits.sum() + overhead_bits.sum()) / n_bytes) if n_bytes else float("nan"),
                tokens=tuple(tokens),
                surprisal_bits=tuple(bits.tolist()),
                overhead_bits=tuple(overhead_bits.tolist()),
            )

    def next_tokens(self, prompt: str) -> list[tuple[str, float]]:
        """Return the ten most likely tokens after a prompt, with their probabilities."""
        with blamed_on(f"{self.name}'s next_log_probs"):
            rows = next_tokens(self.model, self._corpus, _text(prompt))
        return [(row["token"], row["probability"]) for row in rows]

    def generate(self, prompt: str, length: int = 50, sampling: Sampling | None = None) -> str:
        """Return a continuation of the prompt, ``length`` tokens long."""
        if not isinstance(length, int) or length < 0:
            raise LmcompareError(f"a text is 0 tokens long or more, a whole number, not {length!r}")
        with blamed_on(f"{self.name}'s stepper"):
            return continue_prompt(self.model, self._corpus, _text(prompt), length, sampling or Sampling())

    def export(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the model to a file that other tools read; the suffix decides its format.

        N-gram models have the formats ``.arpa``, ``.arpa.gz`` and ``.safetensors``.

        Raises
        ------
        LmcompareError
            For a model without such a format, for an unknown suffix, and for a file that exists, unless ``force`` is
            true.
        """
        if not isinstance(path, str | os.PathLike) or not str(path) or "\0" in str(path):
            raise LmcompareError(f"the model is written to the path of a file, not to {path!r}")
        formats, file = self.model.file_formats(), Path(path)
        if not formats:
            raise LmcompareError(f"'{self.name}' has no format that other tools read: export an n-gram model")
        known = sorted((suffix for suffix in formats if file.name.endswith(suffix)), key=len)
        if not known or file.name == known[-1]:
            raise LmcompareError(
                f"'{self.name}' can be written as {', '.join(formats)}: give the file one of these suffixes, not"
                f" {file.name!r}"
            )
        if file.is_dir() or (file.exists() and not force):
            replaced = "" if file.is_dir() else ", or replace it with --force (force=True in Python)"
            raise LmcompareError(f"{file} is there already: choose another name{replaced}")
        with blamed_on(f"{self.name}'s {known[-1]} format"):
            write_aside(file, lambda aside: formats[known[-1]](self._corpus.vocabulary, aside))
        return file

    def word_vector(self, word: str) -> FloatArray:
        """Return a token's vector (d,). Raises ``LmcompareError`` for a model without vectors or an unknown token."""
        vectors = self.model.word_vectors()
        if vectors is None:
            raise LmcompareError(f"'{self.name}' has no word vectors: ask word2vec-bow")
        if word not in self._corpus.vocabulary:
            raise LmcompareError(f"'{word}' is not in the vocabulary")
        vector: FloatArray = vectors[self._corpus.vocabulary.id(word)]
        return vector


def _finite(figure: float) -> float | None:
    return figure if np.isfinite(figure) else None


def _text(text: str) -> str:
    """Return the text. Raises ``LmcompareError`` if it is not a valid string."""
    if not isinstance(text, str):
        raise LmcompareError(f"a text is a string, not {kind_of(text)}")
    if not has_utf8(text):
        raise LmcompareError("the text contains half a surrogate pair, which is not a character: decode it properly")
    return text
