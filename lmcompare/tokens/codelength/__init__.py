"""The code length of a text: the bits that bits per byte charges in addition to the language model's own.

To read it, start at the top and go down:

1. ``text_code``: which bits a token is charged in addition to -log2 of its probability.
2. ``between`` (white space before a token, separators after a sentence) and ``spelling`` (of an unknown word): small
   probability models.
3. ``token_classes``: the classes of tokens on which white space and separators depend.
4. ``interpolation``: how the models of white space, separators and spelling estimate a probability.

The decoder that shows that this is a real code is in the tests (``tests/tokens/test_text_code.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.tokens.codelength.between import SeparatorModel, SpellingModel, TokenClasses, WhiteSpaceModel
from lmcompare.tokens.cutting import Text, Tokenised, tokenised
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import FloatArray, Vocabulary

CODE_VERSION = 1
"""Raise it with every change of the bits that a text is charged: it is part of the fingerprint of the tokens."""


@dataclass(frozen=True, eq=False)
class OverheadBits:
    """The bits that each token of a text is charged in addition to the language model's own.

    Parameters
    ----------
    spelling : (N,) float array
        Bits for the spelling of the token, if it is unknown.
    white_space : (N,) float array
        Bits for the white space before the token.
    separator : (N,) float array
        Bits for the separator after the token, if it is a ``</s>``.
    """

    spelling: FloatArray
    white_space: FloatArray
    separator: FloatArray

    @property
    def total(self) -> FloatArray:
        """(N,) the sum of the three."""
        return self.spelling + self.white_space + self.separator


@dataclass(frozen=True, eq=False)
class TextCode:
    """Charges what the token ids do not determine, so that every byte of the raw text is charged exactly once.

    A decoder reads, token by token: the id, whose bits are the language model's own; the spelling, if the id is
    ``<unk>``; the white space between the token and the token before it; and after ``</s>``, which has white space
    before it too, the separator: the text up to the next sentence, and whether the document ends. The code is fitted
    on the training text and is the same for every model with this vocabulary.

    Parameters
    ----------
    spelling : SpellingModel
        Spells unknown words.
    separators : SeparatorModel or None
        None for a tokenizer that cuts whole documents: ``</s>`` ends the document, and there is no separator.
    white_space : WhiteSpaceModel or None
        None for a tokenizer without white space between its tokens.
    classes : TokenClasses
        The classes of tokens, which the models of separators and white space share.
    n_ids : int
        The size of the vocabulary.
    """

    spelling: SpellingModel
    separators: SeparatorModel | None
    white_space: WhiteSpaceModel | None
    classes: TokenClasses
    n_ids: int

    @classmethod
    def fit(cls, train: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> TextCode:
        """Fit the models of spelling, separators and white space on the training documents.

        The spelling is learnt from the types that occur once, which unknown words resemble most; if there are none,
        from the rarest tenth of the types.
        """
        text = tokenised(train, tokenizer)
        whole = tokenizer.covers == "documents"
        classes = TokenClasses(()) if whole else TokenClasses.fit(text)
        return cls(
            spelling=SpellingModel(_unknown_examples(text, tokenizer)),
            separators=None if whole else SeparatorModel.fit(text, classes),
            white_space=WhiteSpaceModel.fit(text, classes, vocabulary) if tokenizer.covers == "words" else None,
            classes=classes,
            n_ids=len(vocabulary),
        )

    def charge(self, text: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> OverheadBits:
        """Return the overhead bits of each token of the documents, in the order of ``encode``'s ids.

        Raises
        ------
        LmcompareError
            If the code was fitted with another tokenizer or vocabulary.
        """
        fitted = ("words" if self.white_space else "sentences") if self.separators else "documents"
        if len(vocabulary) != self.n_ids or tokenizer.covers != fitted:
            raise LmcompareError(
                f"this code length was fitted with another tokenizer or vocabulary (of {self.n_ids:,} types): "
                "fit it again"
            )
        cut = tokenised(text, tokenizer)
        return OverheadBits(
            spelling=self._spelling_bits(cut, tokenizer, vocabulary),
            white_space=np.zeros(len(cut)) if self.white_space is None else self.white_space.bits(cut, vocabulary),
            separator=np.zeros(len(cut)) if self.separators is None else self.separators.bits(cut),
        )

    def overhead_bits(self, text: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> FloatArray:
        """(N,) the bits that each token is charged in addition to -log2 of its probability."""
        return self.charge(text, tokenizer, vocabulary).total

    def _spelling_bits(self, text: Tokenised, tokenizer: Tokenizer, vocabulary: Vocabulary) -> FloatArray:
        bits = np.zeros(len(text.types))
        unknown = np.flatnonzero(vocabulary.is_unknown(vocabulary.ids(text.types[1:]))) + 1
        bits[unknown] = self.spelling.bits([tokenizer.token_bytes(text.types[i]) for i in unknown])
        return bits[text.tokens]

    def to_json(self) -> dict[str, Any]:
        """Return the code as a JSON-able table."""
        return {
            "version": CODE_VERSION,
            "n_ids": self.n_ids,
            "classes": list(self.classes.names),
            "spelling": self.spelling.to_json(),
            "separators": None if self.separators is None else self.separators.to_json(),
            "white_space": None if self.white_space is None else self.white_space.to_json(),
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> TextCode:
        """Return the code that ``to_json`` stored.

        Raises
        ------
        LmcompareError
            If another version of lmcompare stored it.
        """
        if table.get("version") != CODE_VERSION:
            raise LmcompareError(
                "the stored code length was written by another version of lmcompare: run the experiment again"
            )
        classes = TokenClasses(table["classes"])
        separators, white_space = table["separators"], table["white_space"]
        return cls(
            spelling=SpellingModel.from_json(table["spelling"]),
            separators=None if separators is None else SeparatorModel.from_json(separators, classes),
            white_space=None if white_space is None else WhiteSpaceModel.from_json(white_space, classes),
            classes=classes,
            n_ids=int(table["n_ids"]),
        )


def _unknown_examples(train: Tokenised, tokenizer: Tokenizer) -> list[bytes]:
    """Return the bytes of the types seen once in the training text; if there is none, of the rarest tenth."""
    counts = train.counts()[1:]
    once = np.flatnonzero(counts == 1)
    if not len(once):
        once = np.argsort(counts, kind="stable")[: -(-len(counts) // 10)]
    return [tokenizer.token_bytes(train.types[i + 1]) for i in once]
