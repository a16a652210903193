"""The code length of a text: the bits that bits per byte charges in addition to the language model's own.

To read it, start at the top and go down:

1. ``text_code``: which bits a token is charged in addition to -log2 of its probability.
2. ``between`` (white space before a token, separators after a sentence) and ``spelling`` (of an unknown word): small
   probability models.
3. ``token_classes``: the classes of tokens on which white space and separators depend.
4. ``interpolation``: how the models of white space, separators and spelling estimate a probability.

The decoder that shows that this is a real code is in the tests (``tests/tokens/test_text_code.py``).
"""

from lmcompare.tokens.codelength.text_code import CODE_VERSION, OverheadBits, TextCode

__all__ = ["CODE_VERSION", "OverheadBits", "TextCode"]
