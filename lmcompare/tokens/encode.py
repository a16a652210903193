"""Documents to ids, and what belongs to it: the vocabulary, the surface of the tokens, prompts, the fingerprint."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError
from lmcompare.tokens.code import CODE_VERSION
from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.tokenised import Text, tokenised
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import IntArray, Vocabulary


def build_vocabulary(train: Text, tokenizer: Tokenizer, min_count: int = 1, size: int | None = None) -> Vocabulary:
    """Return the types of the training documents seen ``min_count`` times or more, ``size`` at most.

    Raises ``LmcompareError`` when train has too few types for ``size``, or none at all.
    """
    cut = tokenised(train, tokenizer)
    return Vocabulary.build(cut.sentences(), min_count=min_count, size=size, always=tokenizer.always_tokens)


def encode(documents: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> Encoded:
    """Return the documents as ids, each sentence closed by ``</s>``, with byte spans in each document's UTF-8."""
    cut = tokenised(documents, tokenizer)
    ids = np.append(vocabulary.end, vocabulary.ids(cut.types[1:]))  # of each type; the first one closes sentences
    return Encoded(ids[cut.tokens], cut.starts, vocabulary, cut.spans, cut.names)


def surface(documents: Text, tokenizer: Tokenizer) -> npt.NDArray[np.object_]:
    """(N,) the token strings in the order of ``encode``'s ids, as in the text, also of unknown words."""
    return tokenised(documents, tokenizer).surface()


def encode_prompt(text: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> IntArray:
    """(n,) int32: the ids of the beginning of a document; a line end closes a sentence, the text's end does not.

    Raises ``LmcompareError`` for a text that is no valid Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LmcompareError("the prompt is no valid UTF-8: check the encoding of the terminal") from None
    ids: list[int] = []
    for index, line in enumerate(text.replace("\r\n", "\n").split("\n")):
        if index:
            ids.append(vocabulary.end)
        ids.extend(vocabulary.ids(tokenizer.tokenize(line)[0]).tolist())
    return np.array(ids, np.int32)


def fingerprint_parts(tokenizer: Tokenizer, vocabulary: Vocabulary) -> dict[str, str]:
    """Return what ``tokens_fingerprint`` is made of beside the corpus, so that one can say in what two differ."""
    parts = {
        "tokenizer": [tokenizer.spec, tokenizer.rule],
        "vocabulary": vocabulary.tokens,
        "charged": CODE_VERSION,
    }
    return {name: _digest(part) for name, part in parts.items()}


def tokens_fingerprint(corpus_fingerprint: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> str:
    """Return 16 hexadecimal digits: figures per token or per byte may be compared if and only if theirs agree.

    They cover the corpus, the tokenizer and its rule, the vocabulary in order, and the version of the code length.
    """
    parts = [corpus_fingerprint, tokenizer.spec, tokenizer.rule, vocabulary.tokens, CODE_VERSION]
    return _digest(parts)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
