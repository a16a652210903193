"""A corpus under one kind of tokens, stored once in the run folder and read by every cell and by later scoring."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lmcompare import storage
from lmcompare.errors import LmcompareError
from lmcompare.harness.features import token_features
from lmcompare.model import FloatArray
from lmcompare.tokens import (
    Encoded,
    IntArray,
    TextCode,
    Tokenizer,
    Vocabulary,
    build_vocabulary,
    encode,
    encode_prompt,
    fingerprint_parts,
    make_tokenizer,
    tokenise,
    tokens_fingerprint,
)

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Corpus, Document
    from lmcompare.harness.experiment import TokensTable
    from lmcompare.harness.scoring import Ranked

SPLITS = ("train", "valid", "test")
TABLES = ("tokenizer.json", "vocabulary.json", "code.json")
FILES = (
    *TABLES,
    *("train.npz", "valid.npz", "test.npz", "features.parquet", "surface.parquet", "documents.parquet"),
)
SHOWN_TOKENS = 20_000  # the likeliest tokens are stored at no more positions of test than this
PASSAGE_SENTENCES = 20
EXAMPLE_LENGTHS = range(8, 31)  # tokens of an example sentence


@dataclass(frozen=True)
class ExampleSentence:
    """A held-out sentence to show: where it stands in test, and its tokens as in the text."""

    document: int
    start: int  # position in all of test
    first: int  # position in the document
    tokens: list[str]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Tokenizer, vocabulary, code and the encoded splits; made by ``prepare``, read back by ``load``."""

    folder: Path
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    code: TextCode
    splits: dict[str, Encoded]

    @property
    def fingerprint(self) -> str:
        """The tokens' fingerprint, which names the folder."""
        return self.folder.name

    @property
    def train(self) -> Encoded:
        """The training split."""
        return self.splits["train"]

    @property
    def valid(self) -> Encoded:
        """The split for choices."""
        return self.splits["valid"]

    @property
    def test(self) -> Encoded:
        """The split for figures."""
        return self.splits["test"]

    @classmethod
    def load(cls, folder: Path, *, texts: bool = True) -> Prepared:
        """Read what ``prepare`` wrote; ``texts=False`` leaves the splits out. Raises ``LmcompareError`` if broken."""
        if storage.is_sealed(folder) and (damaged := storage.damage(folder, FILES if texts else TABLES)):
            raise LmcompareError(f"{folder / damaged} is damaged or lost: run the experiment again to make it good")
        return cls._read_back(folder, texts)

    @classmethod
    def _read_back(cls, folder: Path, texts: bool = True) -> Prepared:
        """Read files whose checksums were looked at."""
        tables = storage.read_json(folder / "tokenizer.json")
        words = storage.read_json(folder / "vocabulary.json")
        vocabulary = Vocabulary(words["tokens"], np.array(words["counts"]))
        return cls(
            folder=folder,
            tokenizer=make_tokenizer(tables["spec"]),
            vocabulary=vocabulary,
            code=TextCode.from_json(storage.read_json(folder / "code.json")),
            splits={which: _read(folder / f"{which}.npz", vocabulary) for which in SPLITS} if texts else {},
        )

    @cached_property
    def unigram_log_probs(self) -> FloatArray:
        """(V,) nats: the add-one smoothed floor that models are held against."""
        counts = np.bincount(self.train.ids, minlength=len(self.vocabulary)) + 1.0
        log_probs: FloatArray = np.log(counts / counts.sum())
        return log_probs

    @cached_property
    def exemplary(self) -> npt.NDArray[np.bool_]:
        """(D,) which documents of test may be shown: not those that stand in train as well, unless all do.

        That a table of counts knows a text by heart is no example of how it guesses.
        """
        import pandas as pd

        documents = pd.read_parquet(self.folder / "documents.parquet")
        if "repeated" not in documents:  # made by an older version
            documents["repeated"] = False
        fresh: npt.NDArray[np.bool_] = ~documents.loc[documents["split"] == "test", "repeated"].to_numpy(np.bool_)
        return fresh if fresh.any() else ~fresh

    @cached_property
    def shown(self) -> IntArray:
        """(M,) the positions of test whose likeliest tokens are stored: passages drawn by the hash of their place."""
        begins = self.test.sentence_starts()
        document = self.test.document_of(begins)
        first = np.flatnonzero(np.append(True, document[1:] != document[:-1]))
        within = np.arange(len(begins)) - np.repeat(first, np.diff(np.append(first, len(begins))))
        passage_begins = begins[within % PASSAGE_SENTENCES == 0]
        passages = list(zip(passage_begins, np.append(passage_begins[1:], len(self.test)), strict=True))
        chosen: list[IntArray] = []
        left = SHOWN_TOKENS
        for start, end in sorted(passages, key=lambda p: digest_of(self.fingerprint, int(p[0]))):
            if self.exemplary[self.test.document_of(start)] and end - start <= left:
                chosen.append(np.arange(start, end))
                left -= int(end - start)
        return np.sort(np.concatenate(chosen)) if chosen else np.arange(min(len(self.test), SHOWN_TOKENS))

    def top_table(self, ranked: Ranked) -> pd.DataFrame:
        """Return the table of ``top.parquet`` for the likeliest tokens at the ``shown`` positions."""
        import pandas as pd

        count, places = ranked.top_ids.shape
        document = self.test.document_of(self.shown)
        strings = np.array(self.vocabulary.tokens, object)
        return pd.DataFrame(
            {
                "document": np.repeat(document, places),
                "position": np.repeat(self.shown - self.test.starts[document], places),
                "place": np.tile(np.arange(1, places + 1), count),
                "token": strings[ranked.top_ids.ravel()],
                "log_prob": ranked.top_log_probs.ravel(),
            }
        )

    def token_table(self) -> pd.DataFrame:
        """Return one row a token of valid and test: split, document, position, token, bytes, is_unknown."""
        import pandas as pd

        return pd.read_parquet(self.folder / "surface.parquet")

    @cached_property
    def test_strings(self) -> npt.NDArray[np.object_]:
        """(N,) the tokens of test as in the text, also of unknown words."""
        surface = self.token_table()
        strings: npt.NDArray[np.object_] = surface.loc[surface["split"] == "test", "token"].to_numpy()
        return strings

    def prompt_ids(self, prompt: str) -> IntArray:
        """Return the (n,) ids of the beginning of a document."""
        return encode_prompt(prompt, self.tokenizer, self.vocabulary)

    def example_sentences(self, count: int) -> list[ExampleSentence]:
        """Return held-out sentences of readable length, drawn by the hash of their place: the same for all models."""
        begins = self.test.sentence_starts()
        lengths = np.diff(np.append(begins, len(self.test)))
        fresh = np.flatnonzero(self.exemplary[self.test.document_of(begins)]).tolist()
        fitting = [i for i in fresh if lengths[i] in EXAMPLE_LENGTHS] or fresh
        fitting.sort(key=lambda i: digest_of("sentence", self.fingerprint, i))
        strings = self.test_strings
        chosen = []
        for index in sorted(fitting[:count]):
            start, length = int(begins[index]), int(lengths[index])
            document = int(self.test.document_of(np.array([start]))[0])
            first = start - int(self.test.starts[document])
            chosen.append(ExampleSentence(document, start, first, strings[start : start + length].tolist()))
        return chosen

    def read(self, documents: Sequence[Document]) -> tuple[Encoded, list[str], FloatArray]:
        """Return new documents as ids, their N token strings, and the (N,) bits charged beside the model."""
        cut = tokenise(documents, self.tokenizer)
        encoded = encode(cut, self.tokenizer, self.vocabulary)
        return encoded, cut.surface().tolist(), self.code.overhead_bits(cut, self.tokenizer, self.vocabulary)

    def describe(self) -> dict[str, Any]:
        """Return the manifest's table of these tokens."""
        return {
            "spec": storage.read_json(self.folder / "tokenizer.json")["table"],
            "description": self.tokenizer.description,
            "types": len(self.vocabulary),
            "parts": fingerprint_parts(self.tokenizer, self.vocabulary),
            "tokens": {which: len(text) for which, text in self.splits.items()},
            "unknown": {
                which: int(np.count_nonzero(text.ids == self.vocabulary.unknown))
                for which, text in self.splits.items()
            },
        }


def prepare(
    corpus: Corpus, table: TokensTable, folder: Path, say: Callable[[str], object] = lambda _: None
) -> Prepared:
    """Tokenise a corpus, fit vocabulary and code on train, and store all under ``folder / fingerprint``.

    What is stored there already under the same fingerprint is read back; if it was damaged, ``say`` is told, and it
    is made anew. Raises ``LmcompareError`` for a kind or option that does not exist, or a vocabulary larger than the
    data.
    """
    tokenizer = make_tokenizer(table.tokenizer)
    cut = {which: tokenise(corpus.split(which), tokenizer) for which in SPLITS}
    vocabulary = build_vocabulary(cut["train"], tokenizer, min_count=table.min_count, size=table.size)
    place = folder / tokens_fingerprint(corpus.fingerprint, tokenizer, vocabulary)
    damaged = storage.damage(place, FILES)
    if damaged is None:
        return Prepared._read_back(place)
    if storage.is_sealed(place):
        say(f"{place / damaged} is damaged or lost: it is made anew.")
    code = TextCode.fit(cut["train"], tokenizer, vocabulary)
    splits = {which: encode(text, tokenizer, vocabulary) for which, text in cut.items()}
    if not len(splits["test"]) or not len(splits["valid"]):
        raise LmcompareError("valid or test holds no token: give a longer text")
    _write_tables(corpus, cut, splits, code, tokenizer, vocabulary, place)
    storage.write_json(
        place / "tokenizer.json",
        {"spec": tokenizer.spec, "description": tokenizer.description, "table": table.model_dump(mode="json")},
    )
    words = {"tokens": list(vocabulary.tokens), "counts": vocabulary.counts.tolist()}
    storage.write_text(place / "vocabulary.json", json.dumps(words, ensure_ascii=False) + "\n")
    storage.write_text(place / "code.json", json.dumps(code.to_json(), ensure_ascii=False) + "\n")
    for which, text in splits.items():
        _store(place / f"{which}.npz", text)
    storage.seal(place, FILES)
    return Prepared(place, tokenizer, vocabulary, code, splits)


def _write_tables(
    corpus: Corpus,
    cut: dict[str, Any],
    splits: dict[str, Encoded],
    code: TextCode,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    place: Path,
) -> None:
    """Write the per-token and per-document tables of valid and test."""
    import pandas as pd

    features, surfaces, documents = [], [], []
    for which in ("valid", "test"):
        text = splits[which]
        overhead_bits = code.overhead_bits(cut[which], tokenizer, vocabulary)
        table = token_features(splits["train"], text, overhead_bits, which)
        features.append(table)
        assert text.spans is not None
        surfaces.append(
            table[["split", "document", "position"]].assign(
                token=cut[which].surface(),
                byte_start=text.spans[:, 0],
                byte_end=text.spans[:, 1],
                is_unknown=text.ids == vocabulary.unknown,
            )
        )
        for index, (document, length) in enumerate(
            zip(corpus.split(which), np.diff(np.append(text.starts, len(text))), strict=True)
        ):
            documents.append(
                {
                    "split": which,
                    "document": index,
                    "name": document.name,
                    "bytes": len(document.text.encode()),
                    "tokens": int(length),
                    "sentences": len(document.sentences),
                    "metadata": json.dumps(dict(document.metadata), ensure_ascii=False),
                    "repeated": document.repeated,
                    "repeats": document.repeats,
                }
            )
    storage.write_table(place / "features.parquet", pd.concat(features, ignore_index=True))
    storage.write_table(place / "surface.parquet", pd.concat(surfaces, ignore_index=True))
    storage.write_table(place / "documents.parquet", pd.DataFrame(documents))


def _store(path: Path, text: Encoded) -> None:
    arrays = {"ids": text.ids, "starts": text.starts, "spans": text.spans, "names": np.array(text.names, np.str_)}

    def write(aside: Path) -> None:
        with aside.open("wb") as out:
            np.savez_compressed(out, **arrays)  # type: ignore[arg-type]

    storage.write_aside(path, write)


def _read(path: Path, vocabulary: Vocabulary) -> Encoded:
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = tuple(stored["names"].tolist())
            return Encoded(stored["ids"], stored["starts"], vocabulary, stored["spans"], names)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise LmcompareError(f"{path} is missing or damaged ({error}): run the experiment again") from None


def digest_of(*parts: object) -> bytes:
    """Return a digest by which things are drawn: at random, and the same each time."""
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()
