"""Tokenizers of numbers: a value becomes the bin that it falls into."""

from lmcompare.tokens.values.tokenizer import ValueTokenizer

__all__ = ["ValueTokenizer"]
