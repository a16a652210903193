"""The kinds of tokenizer by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.errors import LmcompareError, unknown
from lmcompare.tokens.byte import ByteTokenizer
from lmcompare.tokens.char import CharTokenizer
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.whitespace import WhitespaceTokenizer
from lmcompare.tokens.word import WordTokenizer

TOKENIZERS: dict[str, type[Tokenizer]] = {
    k.kind: k for k in (WordTokenizer, WhitespaceTokenizer, CharTokenizer, ByteTokenizer)
}

VOCABULARY_KEYS = ("min_count", "size")


def make_tokenizer(table: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer of an experiment's ``[tokens]`` table: ``kind`` and the options of that kind.

    ``min_count`` and ``size`` may stand in the table too; they are the vocabulary's and are passed over here.
    Raises ``LmcompareError`` for an unknown kind or option.
    """
    options = {key: value for key, value in table.items() if key not in VOCABULARY_KEYS}
    kind = options.pop("kind", WordTokenizer.kind)
    if not isinstance(kind, str) or kind not in TOKENIZERS:
        raise LmcompareError(unknown("kind of tokenizer", str(kind), TOKENIZERS))
    known = TOKENIZERS[kind].option_names()
    for key in options:
        if key not in known:
            raise LmcompareError(unknown(f"option of the {kind} tokenizer", key, ("kind", *known, *VOCABULARY_KEYS)))
    return TOKENIZERS[kind](**options)
