"""Text to ids and back: tokenizers, vocabularies, encoded documents and the code length of a text."""

from lmcompare.tokens.codelength import CODE_VERSION, OverheadBits, TextCode
from lmcompare.tokens.cutting import as_text, fit_tokenizer, sentence_begins, text_after, tokenise, tokenised
from lmcompare.tokens.encode import (
    build_vocabulary,
    encode,
    encode_prompt,
    fingerprint_parts,
    prompt_pieces,
    tokenizer_code,
    tokens_fingerprint,
)
from lmcompare.tokens.encoded import SAMPLE, Encoded, excerpt, excerpt_parts
from lmcompare.tokens.reading import read_tokenised
from lmcompare.tokens.registered import TOKENIZERS, is_tokenizer, listing, make_tokenizer, table_of
from lmcompare.tokens.tokenised import Separator, Text, Tokenised, rebuilt
from lmcompare.tokens.tokenizer import ScoringRules, Tokenizer
from lmcompare.tokens.vocabulary import (
    END_TOKEN,
    UNKNOWN_ID,
    UNKNOWN_TOKEN,
    FloatArray,
    IntArray,
    Vocabulary,
)

__all__ = [
    "CODE_VERSION",
    "END_TOKEN",
    "SAMPLE",
    "TOKENIZERS",
    "UNKNOWN_ID",
    "UNKNOWN_TOKEN",
    "Encoded",
    "FloatArray",
    "IntArray",
    "OverheadBits",
    "ScoringRules",
    "Separator",
    "Text",
    "TextCode",
    "Tokenised",
    "Tokenizer",
    "Vocabulary",
    "as_text",
    "build_vocabulary",
    "encode",
    "encode_prompt",
    "excerpt",
    "excerpt_parts",
    "fingerprint_parts",
    "fit_tokenizer",
    "is_tokenizer",
    "listing",
    "make_tokenizer",
    "prompt_pieces",
    "read_tokenised",
    "rebuilt",
    "sentence_begins",
    "table_of",
    "text_after",
    "tokenise",
    "tokenised",
    "tokenizer_code",
    "tokens_fingerprint",
]
