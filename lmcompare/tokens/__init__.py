"""Text to ids and back: tokenizers, vocabularies, encoded documents and the code length of a text."""

from lmcompare.tokens.codelength import CODE_VERSION, OverheadBits, TextCode
from lmcompare.tokens.cutting import (
    Separator,
    Text,
    Tokenised,
    as_text,
    fit_tokenizer,
    rebuilt,
    sentence_begins,
    text_after,
    tokenise,
    tokenised,
)
from lmcompare.tokens.encoded import (
    SAMPLE,
    Encoded,
    build_vocabulary,
    encode,
    encode_prompt,
    excerpt,
    excerpt_parts,
    fingerprint_parts,
    prompt_pieces,
    tokenizer_code,
    tokens_fingerprint,
)
from lmcompare.tokens.reading import read_tokenised
from lmcompare.tokens.tokenizer import (
    TOKENIZERS,
    ScoringRules,
    Tokenizer,
    is_tokenizer,
    listing,
    make_tokenizer,
    table_of,
)
from lmcompare.tokens.vocabulary import (
    END_TOKEN,
    UNKNOWN_ID,
    UNKNOWN_TOKEN,
    FloatArray,
    IntArray,
    Vocabulary,
)

__all__ = ["CODE_VERSION", "END_TOKEN", "SAMPLE", "TOKENIZERS", "UNKNOWN_ID", "UNKNOWN_TOKEN", "Encoded"]
__all__ += ["FloatArray", "IntArray", "OverheadBits", "ScoringRules", "Separator", "Text", "TextCode", "Tokenised"]
__all__ += ["Tokenizer", "Vocabulary", "as_text", "build_vocabulary", "encode", "encode_prompt", "excerpt"]
__all__ += ["excerpt_parts", "fingerprint_parts", "fit_tokenizer", "is_tokenizer", "listing", "make_tokenizer"]
__all__ += ["prompt_pieces", "read_tokenised", "rebuilt", "sentence_begins", "table_of", "text_after", "tokenise"]
__all__ += ["tokenised", "tokenizer_code", "tokens_fingerprint"]
