"""Text to ids and back: tokenizers, vocabularies, encoded documents and the exact code length of a text."""

from lmcompare.tokens.code import CODE_VERSION, OverheadBits, TextCode
from lmcompare.tokens.encode import (
    build_vocabulary,
    encode,
    encode_prompt,
    fingerprint_parts,
    surface,
    tokens_fingerprint,
)
from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.kinds import TOKENIZERS, make_tokenizer
from lmcompare.tokens.reading import read_tokenised
from lmcompare.tokens.tokenised import Separator, Text, Tokenised, tokenise, tokenised
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import END_TOKEN, UNKNOWN_TOKEN, FloatArray, IntArray, Vocabulary

__all__ = [
    "CODE_VERSION",
    "END_TOKEN",
    "TOKENIZERS",
    "UNKNOWN_TOKEN",
    "Encoded",
    "FloatArray",
    "IntArray",
    "OverheadBits",
    "Separator",
    "Text",
    "TextCode",
    "Tokenised",
    "Tokenizer",
    "Vocabulary",
    "build_vocabulary",
    "encode",
    "encode_prompt",
    "fingerprint_parts",
    "make_tokenizer",
    "read_tokenised",
    "surface",
    "tokenise",
    "tokenised",
    "tokens_fingerprint",
]
