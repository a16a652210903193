"""The code length of a text: the bits that bits per byte charges beside the language model's own.

To read it, start at the top and go down:

1. ``text_code``: which bits a token is charged beside -log2 of its probability.
2. ``between`` (white space before a token, separators after a sentence) and ``spelling`` (of an unknown word): small
   probability models.
3. ``token_classes``: what white space and separators depend on.
4. ``interpolation``: how all three estimate a probability.

The decoder that shows this to be a real code is in the tests (``tests/tokens/codelength``).
"""

from lmcompare.tokens.codelength.text_code import CODE_VERSION, OverheadBits, TextCode

__all__ = ["CODE_VERSION", "OverheadBits", "TextCode"]
