"""A trained model of a run with its tokenizer: text in, figures and text out."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare import plugins
from lmcompare.corpora import Document, documents_of, has_utf8
from lmcompare.errors import LmcompareError, PluginError, as_written, blamed_on, kind_of, usable_path
from lmcompare.measure.sampling import Sampling, continued, continued_by_token, continued_until, next_tokens
from lmcompare.measure.text_scores import Scored, WordScore, WordScorer, batches, is_greedy, score_together
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import write_aside, write_folder_aside, write_json
from lmcompare.runfolder.guards import check_sealed, require_seal, target_of
from lmcompare.runfolder.layout import STATE_FILES
from lmcompare.runfolder.states import restored
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.tokens.tokenizer import Covers
from lmcompare.tokens.tokenizer_json import beginning_with_end
from lmcompare.tokens.vocabulary import END_TOKEN, UNKNOWN_TOKEN

if TYPE_CHECKING:
    import pandas as pd

DOCUMENTS = 256  # that are scored together
PROBED = 4  # tokens of the text with which a restored model is asked for its distributions
SUM = 1e-3  # how far from one the sum of probabilities may be
MOST_TOKENS = 10**12  # of a continuation
_FOLDER = "/"  # the suffix of a format that is a folder
_TOKENIZER = "tokenizer.json"
_WRITTEN = {  # which models have a format that not every model has
    ".arpa": "the models ngram and ngram-tuned",
    ".arpa.gz": "the models ngram and ngram-tuned",
    ".safetensors": "networks",
    ".vec": "models with word vectors",
    _FOLDER: "a transformer trained with style = llama and of an hf-causal with train = true",
}
_WHITE_SPACE = re.compile(r"\s")
FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class TrainedModel:
    """A model of a run with its tokenizer: text in, figures and text out."""

    def __init__(self, cell: Cell, model: LanguageModel, corpus: TokenizedCorpus) -> None:
        self.name, self.model, self.corpus = cell.name, model, corpus
        self.truthful = cell.truth.get("passed") is True  # whether it passed the validity checks of its run
        self.place = cell.path  # the folder of its cell
        self.key = cell.info.get("key")  # what its figures depend on, as a digest

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
        require_seal(cell.path)
        info, stored = cell.info, cell.path / "model"
        with plugins.only_installed(*named):
            with as_written(cell.path):
                model = plugins.build(info["plugin"], info["hyperparameters"])
                of_files = [info["plugin"], *(getattr(model, base) for base in model.bases)]
                if any(":" in plugin for plugin in of_files) and info["code_digest"] != plugins.code_digest(model):
                    raise LmcompareError(
                        f"the code of '{cell.name}' has changed since it was trained: repeat the run, or name a file"
                        " with the old code (--plugin, or plugin=… in Python)"
                    )
                require_seal(stored)
                check_sealed(stored, STATE_FILES)
            with blamed_on(f"{cell.name}'s restore"):
                restored(model, stored)
        fingerprint = str(info.get("tokens_fingerprint"))
        if not FINGERPRINT.fullmatch(fingerprint):
            raise LmcompareError(
                f"{cell.path / 'cell.json'} names tokens that no run wrote: repeat the lmcompare run that wrote it"
            )
        tokens = folder / "tokens" / fingerprint
        require_seal(tokens)
        with as_written(tokens):
            corpus = TokenizedCorpus(tokens, named=(*named, str((model.tokens or {}).get("kind", ""))))
            _ = corpus.tokenizer, corpus.vocabulary, corpus.code  # read here, so that damage is reported at once
        if corpus.tokenizer.reads != "text":
            raise LmcompareError(
                f"'{cell.name}' has learnt series of numbers, not a text: its forecasts and densities are in"
                f" {folder / 'report.html'}"
            )
        opened = cls(cell, model, corpus)
        if opened.truthful:
            with blamed_on(f"{cell.name}'s next_log_probs"):
                check_sums(model, corpus.vocabulary, stored)
        return opened

    def __repr__(self) -> str:
        return f"TrainedModel({self.name!r}, {type(self.model).__name__})"

    @property
    def covers(self) -> Covers:
        """What its tokens cover: "words", "sentences" or "documents", as ``Tokenizer.covers`` defines it."""
        return self.corpus.tokenizer.covers

    def score(self, text: str, *, context: str = "", ends: bool = False) -> Scored:
        """Score a text; its lines are its sentences.

        Parameters
        ----------
        text : str
            The beginning of a document, or how it goes on after ``context``.
        context : str
            What the document begins with. It is cut into tokens together with the text and is not scored; a token
            that crosses the border is a token of the text.
        ends : bool
            Whether the document ends with the text, so that ``</s>`` and the end are charged as well. Otherwise what
            comes after the text is left open, and white space at its end is not scored.
        """
        (scored,) = self.score_documents(documents_of([checked_text(context) + checked_text(text)]), ends=ends)
        return scored.after(len(context.encode())) if context else scored

    def is_greedy(self, text: str, *, context: str = "") -> bool:
        """Return whether each token of a text is the most likely one, ``context`` and ``text`` as in ``score``."""
        (document,) = documents_of([checked_text(context) + checked_text(text)])
        with blamed_on(f"{self.name}'s next_log_probs"):
            return is_greedy(self.model, self.corpus, document, len(context.encode()))

    def surprisal(self, text: str, *, ends: bool = False) -> pd.DataFrame:
        """Return a table of the tokens of a text with their surprisal in bits: ``score(text).to_frame()``."""
        return self.score(text, ends=ends).to_frame()

    def words(self, text: str, *, ends: bool = False) -> pd.DataFrame:
        """Return a table of the words of a text, whatever the tokens of the model are.

        The columns are those of `lmcompare.measure.text_scores.WordScore`: the word with its place, and its surprisal
        in bits, which includes that the word ends.
        """
        import pandas as pd

        rows = next(self.word_scores(documents_of([checked_text(text)]), ends=ends))
        return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(WordScore)])

    def word_scores(self, documents: Iterable[Document], *, ends: bool = False) -> Iterator[list[WordScore]]:
        """Score the words of each document; ``ends`` is that of ``score``."""
        for batch in self._batches(documents):
            with blamed_on(f"{self.name}'s next_log_probs"):
                yield from self._word_scorer.score(batch, ends=yes_or_no(ends, "ends"))

    @cached_property
    def _word_scorer(self) -> WordScorer:
        return WordScorer(self.model, self.corpus)

    def score_documents(self, documents: Iterable[Document], *, ends: bool = False) -> Iterator[Scored]:
        """Score documents, some at a time, each as if it were alone; ``ends`` is that of ``score``."""
        for batch in self._batches(documents):
            with blamed_on(f"{self.name}'s log_probs"):
                yield from score_together(self.model, self.corpus, batch, ends=yes_or_no(ends, "ends"))

    def _batches(self, documents: Iterable[Document]) -> Iterator[list[Document]]:
        """Yield documents that are scored together, which is faster and changes no score."""
        if not isinstance(documents, Iterable):
            raise LmcompareError(f"documents must be a list of lmcompare.corpora.Document, not {kind_of(documents)}")
        size = 1 if self.model.traits.adaptive else DOCUMENTS  # an adaptive model would learn from the first ones
        for batch in batches(documents, size):
            for document in batch:
                if not isinstance(document, Document):
                    raise LmcompareError(
                        f"a document must be an lmcompare.corpora.Document, not {kind_of(document)}: score() takes a"
                        " text"
                    )
            yield batch

    def next_tokens(self, prompt: str, k: int | None = 10) -> list[tuple[str, float]]:
        """Return the ``k`` most likely tokens after a prompt, or all of them, with their probabilities."""
        _check_most(k)
        with blamed_on(f"{self.name}'s next_log_probs"):
            rows = next_tokens(self.model, self.corpus, checked_text(prompt), k)
        return [(row["token"], row["probability"]) for row in rows]

    def generate(
        self,
        prompt: str,
        length: int = 50,
        *,
        temperature: float = 0.8,
        top_k: int | None = 50,
        top_p: float = 0.95,
        seed: int = 0,
        until: Sequence[str] | None = None,
    ) -> str:
        """Return a continuation of the prompt, ``length`` tokens long.

        Parameters
        ----------
        prompt : str
        length : int
        temperature : float
            Above 0. 1 leaves the probabilities unchanged; below 1, likely tokens become likelier.
        top_k : int or None
            Draw from this many of the most likely tokens only.
        top_p : float
            Draw from the fewest tokens that together have this probability.
        seed : int
            The seed of the draws.
        until : sequence of str, optional
            The continuation is over before the first of these texts, and where its document ends.
        """
        sampling = Sampling(temperature, top_k, top_p, seed)
        if until is None:
            return "".join(self.stream(prompt, length, sampling))
        if isinstance(until, str) or not (isinstance(until, Sequence) and all(isinstance(t, str) for t in until)):
            raise LmcompareError(f"until must be a list of texts, not {reprlib.repr(until)}")
        _check_length(length)
        with blamed_on(f"{self.name}'s stepper"):
            return continued_until(self.model, self.corpus, checked_text(prompt), length, sampling, until)

    def stream(self, prompt: str, length: int, sampling: Sampling) -> Iterator[str]:
        """Yield what ``generate`` returns line by line, so that a text of any length can be drawn."""
        _check_length(length)
        with blamed_on(f"{self.name}'s stepper"):
            yield from continued(self.model, self.corpus, checked_text(prompt), length, sampling)

    def by_token(self, prompt: str, length: int, sampling: Sampling) -> Iterator[str]:
        """Yield what ``generate`` returns token by token, as it is drawn."""
        _check_length(length)
        with blamed_on(f"{self.name}'s stepper"):
            yield from continued_by_token(self.model, self.corpus, checked_text(prompt), length, sampling)

    def export(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the model to a file that other tools read; its name decides the format.

        N-gram models have the formats ``.arpa`` and ``.arpa.gz``, networks have ``.safetensors``, models with word
        vectors have ``.vec``, the text format of word2vec, and all have ``tokenizer.json``. A name without a suffix
        is a folder for Hugging Face's transformers, which a transformer in the style of Llama has.

        Raises
        ------
        LmcompareError
            For a model without such a format, for an unknown suffix, and for a file that exists, unless ``force`` is
            true.
        """
        file = usable_path(path, "a model must be written to the path of a file")
        with blamed_on(f"{self.name}'s file_formats or word_vectors"):
            formats, vectors = dict(self.model.file_formats()), self.model.word_vectors()
        if vectors is not None:
            formats.setdefault(".vec", self._write_vectors)
        formats[_TOKENIZER] = self._write_tokenizer
        whole = formats.pop(_FOLDER, None)
        known = sorted((suffix for suffix in formats if file.name.endswith(suffix)), key=len)
        folder = whole is not None and not known and not file.suffix
        if not folder and (not known or (file.name == known[-1]) != (known[-1] == _TOKENIZER)):
            also = ", or, if Hugging Face's transformers has such a model, as a folder, whose name has no suffix"
            can = f"it can be written as {', '.join(self._that_work(formats))}{'' if whole is None else also}"
            asked = next(
                (suffix for suffix in _WRITTEN if file.name.endswith(suffix)), "" if file.suffix else _FOLDER
            )
            if asked in _WRITTEN and asked not in formats:
                what = "a folder for Hugging Face's transformers" if asked == _FOLDER else asked
                raise LmcompareError(
                    f"'{self.name}' can't be written as {what}, which is a format of {_WRITTEN[asked]} only: {can}"
                )
            raise LmcompareError(f"'{self.name}' can't be written to a file named {file.name!r}: {can}")
        target = target_of(file, yes_or_no(force, "force"))
        if folder and file.exists():
            raise LmcompareError(f"{file} is a file, but the model is written to a folder: choose another name")
        if whole is not None and folder:
            with blamed_on(f"{self.name}'s folder"):
                write_folder_aside(file, lambda aside: self._fill(aside, whole))
            return file
        with blamed_on(f"{self.name}'s {known[-1]} format"):
            write_aside(target, lambda aside: formats[known[-1]](self.corpus.vocabulary, aside))
        return file

    def _that_work(self, formats: Iterable[str]) -> Iterator[str]:
        """Yield those of its formats in which this model can be written: not every tokenizer has a tokenizer.json."""
        for suffix in formats:
            try:
                _ = suffix == _TOKENIZER and self.tokenizer_json()
            except LmcompareError:
                continue
            yield suffix

    def tokenizer_json(self) -> dict[str, Any]:
        """Return the table of ``tokenizer.json``, Hugging Face's format, of the model's tokenizer.

        Raises ``LmcompareError`` for a tokenizer that the format can't express exactly.
        """
        return self.corpus.tokenizer.tokenizer_json(self.corpus.vocabulary)

    def _write_tokenizer(self, _: Vocabulary, path: Path) -> None:
        write_json(path, self.tokenizer_json())

    def _fill(self, folder: Path, write: Callable[[Vocabulary, Path], None]) -> None:
        """Write the model into a folder, with its tokenizer if that can be expressed."""
        write(self.corpus.vocabulary, folder)
        try:
            table = self.tokenizer_json()
        except LmcompareError:
            return
        write_json(folder / _TOKENIZER, beginning_with_end(table))
        names = {"bos_token": END_TOKEN, "eos_token": END_TOKEN, "unk_token": UNKNOWN_TOKEN}
        about = {"tokenizer_class": "PreTrainedTokenizerFast", **names, "clean_up_tokenization_spaces": False}
        write_json(folder / "tokenizer_config.json", about)

    def word_vector(self, word: str) -> FloatArray:
        """Return a token's vector (d,). Raises ``LmcompareError`` for a model without vectors or an unknown token."""
        vector: FloatArray = self._vectors()[self._known(word)]
        return vector

    def neighbours(self, word: str, k: int | None = 10) -> list[tuple[str, float]]:
        """Return the ``k`` tokens, or all, whose vectors have the highest cosine similarity with that of a token.

        Raises ``LmcompareError`` as ``word_vector``. ``<unk>`` and ``</s>`` are left out.
        """
        _check_most(k)
        unit = self._vectors().astype(np.float64)
        unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
        index = self._known(word)
        cosines = unit @ unit[index]  # (V,)
        cosines[[index, *self.corpus.vocabulary.special]] = -np.inf
        best = np.argsort(-cosines, kind="stable")[:k]
        return [(self.corpus.vocabulary[int(i)], float(cosines[i])) for i in best if np.isfinite(cosines[i])]

    def similarity(self, first: str, second: str) -> float:
        """Return the cosine similarity of the vectors of two tokens. Raises ``LmcompareError`` as ``word_vector``."""
        one, other = (self.word_vector(word).astype(np.float64) for word in (first, second))
        return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))

    def _write_vectors(self, vocabulary: Vocabulary, path: Path) -> None:
        """Write the vectors as text: a header with V and d, and a line for each token.

        White space separates the columns, so that in a token " " becomes "▁" and other white space its bytes.
        """
        vectors = self._vectors()
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(vocabulary)} {vectors.shape[1]}\n")
            for token, vector in zip(vocabulary.tokens, vectors.tolist(), strict=True):
                name = _WHITE_SPACE.sub(lambda found: _written(found[0]), token)
                file.write(f"{name} {' '.join(f'{value:.6g}' for value in vector)}\n")

    def _vectors(self) -> FloatArray:
        with blamed_on(f"{self.name}'s word_vectors"):
            vectors = self.model.word_vectors()
        if vectors is None:
            raise LmcompareError(f"'{self.name}' has no word vectors: only networks and word2vec-bow have them")
        return vectors

    def _known(self, word: str) -> int:
        if checked_text(word) not in self.corpus.vocabulary:
            raise LmcompareError(f"'{reprlib.repr(word)[1:-1]}' is not in the vocabulary: choose another word")
        return self.corpus.vocabulary.id(word)


def check_sums(model: LanguageModel, vocabulary: Vocabulary, stored: Path) -> None:
    """Raise ``LmcompareError`` unless probabilities after a few tokens sum to one, as in files nobody altered."""
    few = np.unique(np.linspace(0, len(vocabulary) - 1, PROBED).astype(int))
    text = Encoded.from_documents([few], vocabulary)
    try:
        rows = next_distributions(model, text, np.arange(len(few) + 1))
    except PluginError as error:
        raise LmcompareError(
            f"files of the model in {stored} were altered ({error}): run the experiment again"
        ) from None
    sums = np.exp(rows.astype(np.float64)).sum(1)
    if not np.all(np.abs(sums - 1) < SUM):
        worst = sums[np.argmax(np.abs(sums - 1))]
        raise LmcompareError(
            f"the probabilities of the model in {stored} sum to {worst:.4g}, not to 1, so its files were altered: run"
            " the experiment again"
        )


def _written(white_space: str) -> str:
    return "▁" if white_space == " " else "".join(f"<0x{byte:02X}>" for byte in white_space.encode())


def yes_or_no(value: object, what: str) -> bool:
    """Return a truth value. Raises ``LmcompareError``, which names ``what``, for another value."""
    if not isinstance(value, bool):
        raise LmcompareError(f"{what} must be True or False, not {reprlib.repr(value)}")
    return value


def _check_most(k: int | None) -> None:
    if k is not None and (not isinstance(k, int) or k < 1):
        raise LmcompareError(f"k must be a whole number, at least 1, or None for all tokens, not {reprlib.repr(k)}")


def _check_length(length: int) -> None:
    if not isinstance(length, int) or not 0 <= length <= MOST_TOKENS:
        raise LmcompareError(f"length must be a whole number from 0 to {MOST_TOKENS:,}, not {reprlib.repr(length)}")


def checked_text(text: str) -> str:
    """Return the text. Raises ``LmcompareError`` if it is not a valid string."""
    if not isinstance(text, str):
        raise LmcompareError(f"a text must be a string, not {kind_of(text)}")
    if not has_utf8(text):
        raise LmcompareError("the text contains half a surrogate pair, which is not a character: decode it properly")
    return text
