"""Documents to ids, with the vocabulary, prompts and the fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.registry import source_of
from lmcompare.scratch import GrowingArray
from lmcompare.state import State
from lmcompare.tokens.codelength import CODE_VERSION
from lmcompare.tokens.cutting import tokenised
from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.registered import is_built_in
from lmcompare.tokens.tokenised import BLOCK_TOKENS, Text
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray, Vocabulary


def build_vocabulary(train: Text, tokenizer: Tokenizer, min_count: int = 1, size: int | None = None) -> Vocabulary:
    """Return the vocabulary of the training documents.

    Parameters
    ----------
    train : sequence of Document, or Tokenised
    tokenizer : Tokenizer
    min_count : int
        The least count of a token in the vocabulary.
    size : int, optional
        The largest number of tokens in the vocabulary, ``<unk>`` and ``</s>`` included.

    Raises
    ------
    LmcompareError
        If the training text has too few types for ``size``, or none at all.
    """
    cut = tokenised(train, tokenizer)
    if tokenizer.types is not None:
        ends, *counts = cut.counts().tolist()
        counted = dict(zip(cut.types[1:], counts, strict=True)) | {END_TOKEN: ends}
        return Vocabulary(tokenizer.types, np.array([counted.get(token, 0) for token in tokenizer.types]))
    sentences, *counts = cut.counts().tolist()
    return Vocabulary.of_counts(
        dict(zip(cut.types[1:], counts, strict=True)),
        sentences,
        min_count=min_count,
        size=size,
        always=tokenizer.always_tokens,
    )


def encode(documents: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> Encoded:
    """Return the documents as ids, with byte spans in each document's UTF-8.

    ``</s>`` closes each sentence or, if the tokenizer cuts whole documents, each document.
    """
    cut = tokenised(documents, tokenizer)
    ids = np.append(vocabulary.end, vocabulary.ids(cut.types[1:])).astype(np.int32)  # by type; type 0 is </s>
    of_tokens = GrowingArray(np.int32)
    for start in range(0, len(cut), BLOCK_TOKENS):
        of_tokens.append(ids[cut.tokens[start : start + BLOCK_TOKENS]])
    return Encoded(of_tokens.finish(), cut.starts, vocabulary, cut.spans, cut.names)


def prompt_pieces(text: str, tokenizer: Tokenizer) -> list[str]:
    """Return the pieces of a prompt for a tokenizer: its lines, or the whole prompt if it cuts whole documents."""
    return [text] if tokenizer.covers == "documents" else text.replace("\r\n", "\n").split("\n")


def encode_prompt(text: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> IntArray:
    """Return the ids of the beginning of a document.

    A line end closes a sentence, if the tokenizer cuts sentences; the end of the prompt does not.

    Returns
    -------
    (n,) int32 array

    Raises
    ------
    LmcompareError
        For a text that is not valid Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LmcompareError("the prompt is not valid UTF-8: check the encoding of the terminal") from None
    ids: list[int] = []
    for index, piece in enumerate(prompt_pieces(text, tokenizer)):
        if index:
            ids.append(vocabulary.end)
        ids.extend(vocabulary.ids(tokenizer.tokenize(piece)[0]).tolist())
    return np.array(ids, np.int32)


def fingerprint_parts(tokenizer: Tokenizer, vocabulary: Vocabulary) -> dict[str, str]:
    """Return digests of the parts of ``tokens_fingerprint`` without the corpus, to find out in which two differ."""
    parts = {
        "tokenizer": _identity(tokenizer),
        "vocabulary": vocabulary.tokens,
        "charged": CODE_VERSION,
    }
    return {name: _digest(part) for name, part in parts.items()}


def tokens_fingerprint(corpus_fingerprint: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> str:
    """Return 16 hexadecimal digits: figures per token or per byte are comparable if and only if the digits are equal.

    The fingerprint covers the corpus, the tokenizer with its options, its code and what it has learnt, the vocabulary
    in order, and the version of the code length.
    """
    return _digest([corpus_fingerprint, *_identity(tokenizer), vocabulary.tokens, CODE_VERSION])


def tokenizer_code(tokenizer: Tokenizer) -> str:
    """Return a digest of the code of a tokenizer plug-in; "" for a built-in tokenizer, whose ``rule`` decides."""
    return "" if is_built_in(tokenizer) else hashlib.sha256(source_of([type(tokenizer)])).hexdigest()[:16]


def _identity(tokenizer: Tokenizer) -> list[Any]:
    """Return the JSON values that decide how the tokenizer cuts, without the paths of its files."""
    state = tokenizer.state()
    spec = {name: value for name, value in tokenizer.spec.items() if name not in tokenizer.files}
    if is_built_in(tokenizer):
        learnt = [_learnt(state)] if state.arrays or state.values else []
        return [spec, tokenizer.rule, *learnt]
    spec["kind"] = type(tokenizer).__qualname__
    return [spec, [tokenizer.rule, tokenizer_code(tokenizer), *_learnt(state)]]


def _learnt(state: State) -> list[Any]:
    arrays = hashlib.sha256()
    for name in sorted(state.arrays):
        array = np.ascontiguousarray(state.arrays[name])
        arrays.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return [dict(state.values), arrays.hexdigest()]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
