"""Text to ids and back: tokenizers, vocabularies, encoded documents and the exact code length of a text."""

from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.vocabulary import END_TOKEN, UNKNOWN_TOKEN, IntArray, Vocabulary

__all__ = ["END_TOKEN", "UNKNOWN_TOKEN", "Encoded", "IntArray", "Vocabulary"]
