"""The tokenizer of a Hugging Face model, with the vocabulary that the model predicts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from lmcompare.errors import LmcompareError, expanded, one_line
from lmcompare.state import State
from lmcompare.tokens.pieces import PieceTokenizer
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray, Vocabulary

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS = "*.safetensors"
FILES = (CONFIG, TOKENIZER, "tokenizer_config.json", f"{WEIGHTS}.index.json", WEIGHTS)
"""The only files of a model that are read; none of them contains code."""

_HUB_NAME = re.compile(r"\w[\w.-]*(/[\w.-]+)?")
_REFUSED = {  # reasons by the name of the library's error
    "GatedRepoError": "only users who have accepted its terms can download it",
    "RepositoryNotFoundError": "the hub has no public model of this name",
}


def located(path: str) -> Path:
    """Return the folder of a model: the folder of this name, or the cached folder of a model of Hugging Face's hub.

    A model of the hub that is not in the cache is downloaded, without any code that it may contain.

    Raises
    ------
    LmcompareError
        If there is no such folder, and no such model that is in the cache or can be downloaded.
    """
    folder = expanded(path)
    if folder.is_dir():
        return folder
    if folder.exists() or not _HUB_NAME.fullmatch(path):
        what = "is a file" if folder.exists() else "is not a folder"
        raise LmcompareError(f"{path} {what}; give the folder of a model, as save_pretrained writes it")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise LmcompareError(
            "models of Hugging Face need the library transformers; install it with: pip install 'lmcompare[hf]'"
        ) from None
    reason = "it could not be downloaded"
    for offline in (True, False):
        try:
            found = Path(snapshot_download(path, allow_patterns=list(FILES), local_files_only=offline))
        except Exception as error:  # errors of several libraries, which change with their versions
            reason = next((_REFUSED[c.__name__] for c in type(error).__mro__ if c.__name__ in _REFUSED), reason)
            continue
        if (found / CONFIG).is_file():
            return found
    raise LmcompareError(
        f"{path} is neither a folder nor a model of Hugging Face's hub in the cache, and {reason}; give a folder that"
        " save_pretrained wrote, or run the command once where you can download the model"
    )


def digest_of(folder: Path, *, weights: bool) -> str:
    """Return a digest of the files of a model, with or without its weights."""
    names = [file.name for pattern in FILES for file in folder.glob(pattern) if weights or pattern != WEIGHTS]
    digest = hashlib.sha256()
    for name in sorted(set(names)):
        with (folder / name).open("rb") as file:
            digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()} ".encode())
    return digest.hexdigest()


def table_in(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON object in a file of a model. Raises ``LmcompareError`` if it is missing or broken."""
    try:
        table = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LmcompareError(
            f"{folder} has no {name}; save the model and its tokenizer there with save_pretrained"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise LmcompareError(f"{folder / name} can't be read ({one_line(error)}); save it again") from None
    if not isinstance(table, dict):
        raise LmcompareError(f"{folder / name} is not a JSON object; save it again")
    return table


def text_part(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that is about text; all of it if the model reads nothing but text."""
    part = config.get("text_config")
    return {**config, **part} if isinstance(part, dict) else config


class HuggingFaceTokenizer(PieceTokenizer):
    """The tokenizer of a Hugging Face model, with the vocabulary that the model predicts.

    The ids are those of the model. ``</s>`` has the id of the model's own end-of-text token. A special token that is
    written out in a text, such as ``<|endoftext|>``, is cut like any other text. The tokenizer may put a blank before
    every text; this blank is not part of the text.

    Parameters
    ----------
    path : str
        The folder of the model, or its name on Hugging Face's hub.
    """

    kind = "hf"
    description = "The tokenizer of a Hugging Face model, with the vocabulary that the model predicts."
    files: ClassVar[tuple[str, ...]] = ("path",)

    _special_as_text = True

    def __init__(self, path: str = "") -> None:
        if not path:
            raise LmcompareError("no model is named; give --tokens hf:FOLDER, or path in an experiment file")
        self.path = path
        self._types: tuple[str, ...] = ()
        self._end = 0

    def fit(self, texts: Sequence[str]) -> Self:
        folder = located(self.path)
        table, config = table_in(folder, TOKENIZER), text_part(table_in(folder, CONFIG))
        self._adopt(json.dumps(table), self._end_of(folder, table, config), int(config.get("vocab_size") or 0))
        for text in texts:
            self.tokenize(text)  # raises an error if the tokens do not have the bytes of the text
        return self

    def state(self) -> State:
        return State(values={**super().state().values, "end": self._end, "types": len(self._types)})

    def restore(self, state: State) -> None:
        self._adopt(str(state.values["tokenizer"]), int(state.values["end"]), int(state.values["types"]))

    @property
    def types(self) -> tuple[str, ...]:
        return self._types

    @property
    def always_tokens(self) -> tuple[str, ...]:
        return tuple(name for name in self._types if name != END_TOKEN)

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        if self._mark and text:
            self._compare(self._mark + text, tokens, f"the tokenizer of {self.path}")
            return tokens, np.maximum(offsets - 1, 0)
        self._compare(text, tokens, f"the tokenizer of {self.path}")
        return tokens, offsets

    def detokenize(self, tokens: Sequence[str]) -> str:
        return super().detokenize(tokens).removeprefix(self._mark)

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        raise LmcompareError(f"the tokenizer comes from {self.path}: copy its tokenizer.json instead")

    def _adopt(self, content: str, end: int, types: int) -> None:
        self._take(content, f"the tokenizer of {self.path}")
        assert self._cutter is not None, "it was just taken"
        self._cutter.encode_special_tokens = self._special_as_text
        names = list(self._names)
        names += [f"<unused {number}>" for number in range(len(names), types)]
        self._bytes = {name: piece for name, piece in self._bytes.items() if name != names[end]}
        names[end] = END_TOKEN
        self._names, self._types, self._end = tuple(names), tuple(names), end
        blank = all(self._bytes_of(text) == f" {text}".encode() for text in ("a", " a"))
        self._mark = " " if blank else ""  # as in Llama 2

    def _bytes_of(self, text: str) -> bytes:
        return b"".join(self._bytes.get(token, b"") for token in super().tokenize(text)[0])

    def _end_of(self, folder: Path, table: dict[str, Any], config: dict[str, Any]) -> int:
        """Return the id of the model's end-of-text token: from its configuration, or else from its tokenizer."""
        end = config.get("eos_token_id")
        if isinstance(end, list):  # first the end of a text, then the ends of turns of a dialogue
            end = next(iter(end), None)
        if end is None and (folder / "tokenizer_config.json").is_file():
            named = table_in(folder, "tokenizer_config.json").get("eos_token")
            content = named.get("content") if isinstance(named, dict) else named
            known = {each["content"]: each["id"] for each in table.get("added_tokens") or ()}
            known |= (table.get("model") or {}).get("vocab") or {}
            end = known.get(content)
        if not isinstance(end, int) or end < 0:
            raise LmcompareError(
                f"the model of {self.path} has no token for the end of a text, so the end of a document can't be "
                "predicted; set eos_token_id in its config.json"
            )
        return end
