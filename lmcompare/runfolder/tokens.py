"""A corpus under one tokenizer: stored once in the run folder, read by every cell and by the report."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lmcompare.corpora import Document
from lmcompare.corpora.series import MISSING
from lmcompare.errors import LmcompareError
from lmcompare.model import FloatArray
from lmcompare.registry import only_installed
from lmcompare.runfolder.files import (
    REMEDY,
    Array,
    RunFolderError,
    read_blocks,
    read_json,
    read_object,
    read_table,
    unreadable,
    write_aside,
    write_json,
    write_parts,
    write_text,
)
from lmcompare.runfolder.guards import OF_TOKENS, check_sealed, remove_written, seal
from lmcompare.runfolder.layout import (
    DOCUMENT_COLUMNS,
    SPLITS,
    STATE_FILES,
    SURFACE_COLUMNS,
    TOKENS_FILES,
    WORD_COLUMNS,
    Split,
)
from lmcompare.runfolder.states import load_state, save_state
from lmcompare.tokens import (
    Encoded,
    IntArray,
    TextCode,
    Tokenizer,
    Vocabulary,
    encode,
    encode_prompt,
    fingerprint_parts,
    make_tokenizer,
    tokenise,
    tokenizer_code,
)
from lmcompare.tokens.pieces import PieceTokenizer

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.runfolder.manifest import TokensEntry


class TokenizedCorpus:
    """The folder ``tokens/<fingerprint>``. Every file is read, and its checksum compared, when it is first needed.

    Parameters
    ----------
    path : Path
        The folder. Its name is the fingerprint of the tokens.
    named : sequence of str or type
        Tokenizers that are not installed and that the user has named: the folder itself may name no code.

    Raises
    ------
    RunFolderError
        From every property and method, where a file that it needs is missing or is not as it was written.
    """

    def __init__(self, path: Path, named: Sequence[str | type] = ()) -> None:
        self.path, self._named = path, tuple(named)
        self._sentence_starts: dict[str, IntArray] = {}
        self._checked: set[str] = set()  # the files whose checksums were compared

    def __repr__(self) -> str:
        return f"TokenizedCorpus({str(self.path)!r})"

    def check(self) -> None:
        """Compare the checksums of all files. Raises ``RunFolderError`` if one is not as it was written."""
        check_sealed(self.path, TOKENS_FILES)
        self._checked.update(TOKENS_FILES)

    def _file(self, name: str) -> Path:
        if name not in self._checked:
            check_sealed(self.path, (name,))
            self._checked.add(name)
        return self.path / name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tokens, which is the name of the folder."""
        return self.path.name

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, with what it has learnt from the training text.

        Raises
        ------
        PluginError
            For a tokenizer that is neither installed nor named by the user.
        LmcompareError
            For a tokenizer whose code has changed since.
        """
        stored = read_object(self._file("tokenizer.json"), "spec", "code")
        for name in STATE_FILES:
            self._file(f"tokenizer/{name}")
        with only_installed(*self._named):
            tokenizer = make_tokenizer(stored["spec"], load_state(self.path / "tokenizer"))
        if stored["code"] != tokenizer_code(tokenizer):
            raise LmcompareError(
                f"the code of the tokenizer {type(tokenizer).__name__} has changed since the run: run the experiment "
                "again, or name the file with the old code"
            )
        return tokenizer

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary, with the counts of the training text."""
        table = read_object(self._file("vocabulary.json"), "tokens", "counts")
        return Vocabulary(table["tokens"], np.array(table["counts"]))

    @cached_property
    def code(self) -> TextCode:
        """The code by which white space and unknown words are charged."""
        return TextCode.from_json(read_json(self._file("code.json")))

    @cached_property
    def train(self) -> Encoded:
        """The training text."""
        return self._text("train")

    @cached_property
    def valid(self) -> Encoded:
        """The validation text, by which models choose."""
        return self._text("valid")

    @cached_property
    def test(self) -> Encoded:
        """The test text, on which models are compared."""
        return self._text("test")

    def _text(self, split: str) -> Encoded:
        path = self._file(f"{split}.npz")
        try:
            with np.load(path, allow_pickle=False) as stored:
                names = tuple(stored["names"].tolist())
                self._sentence_starts[split] = stored["sentence_starts"]
                starts = stored["starts"]
            # mapped into memory: a long text is read where it is needed
            ids, spans = (
                np.load(self._file(f"{split}.{part}.npy"), mmap_mode="r", allow_pickle=False)
                for part in ("ids", "spans")
            )
            return Encoded(np.asarray(ids), starts, self.vocabulary, np.asarray(spans), names)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise unreadable(path, error) from None

    def split(self, name: str) -> Encoded:
        """Return the text of a split: "train", "valid" or "test"."""
        text: Encoded = getattr(self, name)
        return text

    def sentence_starts(self, name: str) -> IntArray:
        """(S,) the position of the first token of each sentence of a split.

        A tokenizer that cuts whole documents does not close sentences with ``</s>``; these are its sentences all the
        same, for figures and examples. No model sees them.
        """
        self.split(name)
        return self._sentence_starts[name]

    @cached_property
    def chosen_by(self) -> Encoded:
        """The text by which a training chooses: the validation text, for series without the given past.

        The given past is training text: a model that has memorised it would look best.
        """
        if self.tokenizer.rules.every_token:
            return self.valid
        text, sentence = self.valid, self.features("valid", ["sentence"])["sentence"].to_numpy()
        kept = [
            text.ids[begin:end][sentence[begin:end] > 0] for begin, end in zip(text.starts, text.ends, strict=True)
        ]
        return Encoded.from_documents(kept, self.vocabulary)

    def scored_steps(self, name: Split) -> npt.NDArray[np.bool_]:
        """(N,) which tokens of a split of series are scored: the known values after the given past."""
        sentence = self.features(name, ["sentence"])["sentence"].to_numpy()
        missing = [self.vocabulary.id(MISSING), *self.vocabulary.special]
        found: npt.NDArray[np.bool_] = (sentence > 0) & ~np.isin(self.split(name).ids, missing)
        return found

    def sentences(self, name: str) -> Encoded:
        """Return a split with every sentence a document of its own, for per-sentence figures."""
        text = self.split(name)
        return Encoded(text.ids, self.sentence_starts(name), self.vocabulary, text.spans)

    @cached_property
    def documents(self) -> pd.DataFrame:
        """One row per document of valid and test.

        Columns: split, document, name, bytes, tokens, sentences, metadata (JSON), and repeated_spans, the bytes that
        also occur in earlier text, as a list of (start, end) in JSON.
        """
        return read_table(self._file("documents.parquet"), DOCUMENT_COLUMNS)

    def documents_of(self, split: Split) -> pd.DataFrame:
        """Return the documents of one split, indexed from 0 as ``document`` counts them."""
        rows = self.documents[self.documents["split"] == split].set_index("document", drop=False)
        if list(rows.index) != list(range(len(rows))):
            raise RunFolderError(
                f"{self.path / 'documents.parquet'} does not number the {split} documents from 0: {REMEDY}"
            )
        return rows

    def surface(self, split: Split) -> Iterator[pd.DataFrame]:
        """Yield one row per token of a split, block by block in order, with the columns ``SURFACE_COLUMNS``."""
        import pandas as pd

        columns = [name for name in SURFACE_COLUMNS if name != "split"]
        for block in read_blocks(self._file("surface.parquet"), columns, split):
            yield pd.DataFrame({"split": split, **block})

    def words(self, split: Split, columns: Sequence[str] = WORD_COLUMNS) -> pd.DataFrame:
        """Return one row per word of a split and one per end of a document, by default with ``WORD_COLUMNS``."""
        return read_table(self._file("words.parquet"), columns, split)

    def word_blocks(
        self, split: Split, columns: Sequence[str], documents: Array | None = None
    ) -> Iterator[dict[str, Array]]:
        """Yield these columns of ``words`` block by block, (W,) each; of these documents or all."""
        return read_blocks(self._file("words.parquet"), columns, split, documents)

    @cached_property
    def test_strings(self) -> Array:
        """(N,) the tokens of the test text as they occur in it, also unknown words."""
        strings, begin = np.empty(len(self.test), object), 0
        known: dict[str, str] = {}  # stores each different token only once
        for block in read_blocks(self._file("surface.parquet"), ["token"], "test"):
            tokens = [known.setdefault(token, token) for token in block["token"].tolist()]
            strings[begin : begin + len(tokens)] = tokens
            begin += len(tokens)
        return strings

    def features(self, split: Split | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the table of token features, its rows in the order of every model's scores."""
        return read_table(self._file("features.parquet"), columns, split)

    def feature_blocks(self, split: Split, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Yield these columns of a split's token features block by block, in order; (N,) each."""
        return read_blocks(self._file("features.parquet"), columns, split)

    def prompt_ids(self, prompt: str) -> IntArray:
        """Return the (n,) ids of the beginning of a document."""
        return encode_prompt(prompt, self.tokenizer, self.vocabulary)

    def read(self, documents: Sequence[Document]) -> tuple[Encoded, list[str], FloatArray]:
        """Return new documents as ids, their N token strings, and the (N,) overhead bits charged beside the model."""
        cut = tokenise(documents, self.tokenizer)
        encoded = encode(cut, self.tokenizer, self.vocabulary)
        return encoded, cut.surface().tolist(), self.code.overhead_bits(cut, self.tokenizer, self.vocabulary)

    def _cut(self, text: str) -> tuple[str, ...]:
        """Return the tokens of a text that are not white space, unknown ones as "<unk>"."""
        tokens = (self.vocabulary[i] for i in self.prompt_ids(text))
        return tuple(token for token in tokens if token.strip())

    def entry(self) -> TokensEntry:
        """Return the manifest's entry of these tokens."""
        from lmcompare.runfolder.manifest import TokensEntry  # pydantic, which the processes of cells do not need

        texts = {name: self.split(name) for name in SPLITS}
        return TokensEntry(
            spec=read_object(self._file("tokenizer.json"), "table")["table"],
            description=self.tokenizer.description,
            types=len(self.vocabulary),
            parts=fingerprint_parts(self.tokenizer, self.vocabulary),
            tokens={name: len(text) for name, text in texts.items()},
            unknown={
                name: int(np.count_nonzero(self.vocabulary.is_unknown(text.ids))) for name, text in texts.items()
            },
            notes=self.tokenizer.notes,
            strawberry=self._cut(" strawberry") if self.tokenizer.reads == "text" else (),
            in_page=self._in_page(),
            rules=self.tokenizer.rules,
        )

    def pieces_in_page(self) -> dict[str, Any]:
        """Return how the page cuts a text into pieces, which is too long for the manifest.

        Raises ``LmcompareError`` if it can't, or if the tokenizer has no pieces.
        """
        if not isinstance(self.tokenizer, PieceTokenizer):
            raise RunFolderError(f"{self.path / 'tokenizer.json'} names a tokenizer that has no pieces")
        return self.tokenizer.pieces_in_page(self.vocabulary)

    def _in_page(self) -> dict[str, Any]:
        try:
            return self.tokenizer.in_page()
        except LmcompareError as error:
            return {"reason": str(error)}


def write_tokens(
    path: Path,
    table: Mapping[str, Any],
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    code: TextCode,
    texts: Mapping[str, Encoded],
    sentence_starts: Mapping[str, IntArray],
    tables: Mapping[str, Iterable[pd.DataFrame]],
    request: str,
) -> None:
    """Write and seal the folder of a corpus under one tokenizer.

    Parameters
    ----------
    path : Path
        The folder, named by the fingerprint of the tokens.
    table : Mapping
        The table ``[tokens]`` of the experiment.
    tokenizer, vocabulary, code
        Fitted on the training text.
    texts : Mapping
        The encoded text of each split, with byte spans.
    sentence_starts : Mapping
        (S,) the position of the first token of each sentence of each split.
    tables : Mapping
        The tables "features", "surface", "words" and "documents" in parts: of valid and of test.
    request : str
        The digest by which a later run finds these tokens before it cuts the text.
    """
    remove_written(path, OF_TOKENS)  # including unfinished files of a killed run
    for name, parts in tables.items():
        write_parts(path / f"{name}.parquet", parts)
    about = {"spec": tokenizer.spec, "description": tokenizer.description, "code": tokenizer_code(tokenizer)}
    write_json(path / "tokenizer.json", {**about, "table": dict(table), "request": request})
    save_state(tokenizer.state(), path / "tokenizer")
    words = {"tokens": list(vocabulary.tokens), "counts": vocabulary.counts.tolist()}
    write_text(path / "vocabulary.json", json.dumps(words, ensure_ascii=False) + "\n")
    write_text(path / "code.json", json.dumps(code.to_json(), ensure_ascii=False) + "\n")
    for split, text in texts.items():
        _write_text(path, split, text, sentence_starts[split])
    seal(path, TOKENS_FILES)


def _write_text(folder: Path, split: str, text: Encoded, sentence_starts: IntArray) -> None:
    assert text.spans is not None, "text was encoded"
    arrays = {"starts": text.starts, "names": np.array(text.names, np.str_), "sentence_starts": sentence_starts}
    _write(folder / f"{split}.ids.npy", lambda out: np.save(out, text.ids))
    _write(folder / f"{split}.spans.npy", lambda out: np.save(out, text.spans))  # type: ignore[arg-type]
    _write(folder / f"{split}.npz", lambda out: np.savez_compressed(out, **arrays))  # type: ignore[arg-type]


def _write(path: Path, save: Callable[[BinaryIO], None]) -> None:
    def write(aside: Path) -> None:
        with aside.open("wb") as out:
            save(out)

    write_aside(path, write)
