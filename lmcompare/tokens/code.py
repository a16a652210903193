"""The bits that a text costs beside what a language model is charged for its ids: a real code length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.tokens.classes import TokenClasses
from lmcompare.tokens.decisions import FloatArray
from lmcompare.tokens.gaps import GapModel
from lmcompare.tokens.separators import SeparatorModel
from lmcompare.tokens.spelling import Spelling
from lmcompare.tokens.tokenised import Text, Tokenised, tokenised
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import Vocabulary

CODE_VERSION = 1
"""Raise it whenever the same text would be charged other bits: it enters the fingerprint of the tokens."""


@dataclass(frozen=True, eq=False)
class OverheadBits:
    """(N,) bits a token, each: ``spelling`` of an unknown word, the ``gap`` before it, the ``separator`` after it."""

    spelling: FloatArray
    gap: FloatArray
    separator: FloatArray

    @property
    def total(self) -> FloatArray:
        """(N,) the sum of the three."""
        return self.spelling + self.gap + self.separator


@dataclass(frozen=True, eq=False)
class TextCode:
    """Charges what the ids do not say, so that every byte of the raw text is paid for exactly once.

    A decoder can follow, sentence by sentence and token by token: the id (the language model's charge); if it is
    ``<unk>``, the spelling of the word; the gap, the white space that parts the token from the one before it; after
    ``</s>``, which has a gap of its own, the separator: the text up to the next sentence and whether the document
    ends. Fitted on train, the same for every model that reads this vocabulary. ``gaps`` is None for a tokenizer
    whose tokens touch: there is nothing to say.
    """

    spelling: Spelling
    separators: SeparatorModel
    gaps: GapModel | None
    classes: TokenClasses
    n_ids: int

    @classmethod
    def fit(cls, train: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> TextCode:
        """Fit the spelling of unknown words, the gaps and the separators on the training documents.

        The examples of an unknown word are the types that train has once; if there is none, the rarest tenth.
        """
        text = tokenised(train, tokenizer)
        classes = TokenClasses.fit(text)
        return cls(
            spelling=Spelling(_unknown_examples(text, tokenizer)),
            separators=SeparatorModel.fit(text, classes),
            gaps=None if tokenizer.gapless else GapModel.fit(text, classes, vocabulary),
            classes=classes,
            n_ids=len(vocabulary),
        )

    def charge(self, text: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> OverheadBits:
        """Return the bits of each token of the documents, in the order of ``encode``'s ids, by what they pay for.

        Raises ``LmcompareError`` if tokenizer or vocabulary are not those that the code was fitted with.
        """
        if len(vocabulary) != self.n_ids or tokenizer.gapless != (self.gaps is None):
            raise LmcompareError(
                f"this code length was fitted with another tokenizer or vocabulary (of {self.n_ids:,} types): "
                "fit it again"
            )
        cut = tokenised(text, tokenizer)
        return OverheadBits(
            spelling=self._spelling_bits(cut, tokenizer, vocabulary),
            gap=np.zeros(len(cut)) if self.gaps is None else self.gaps.bits(cut, vocabulary),
            separator=self.separators.bits(cut),
        )

    def overhead_bits(self, text: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> FloatArray:
        """(N,) what is charged beside the model's own -log2 p, in bits: spelling, gap and separator of each token."""
        return self.charge(text, tokenizer, vocabulary).total

    def _spelling_bits(self, text: Tokenised, tokenizer: Tokenizer, vocabulary: Vocabulary) -> FloatArray:
        bits = np.zeros(len(text.types))
        unknown = np.flatnonzero(vocabulary.ids(text.types[1:]) == vocabulary.unknown) + 1
        bits[unknown] = self.spelling.bits([tokenizer.token_bytes(text.types[i]) for i in unknown])
        return bits[text.tokens]

    def to_json(self) -> dict[str, Any]:
        """Return the code as a JSON-able table."""
        return {
            "version": CODE_VERSION,
            "n_ids": self.n_ids,
            "classes": list(self.classes.names),
            "spelling": self.spelling.to_json(),
            "separators": self.separators.to_json(),
            "gaps": None if self.gaps is None else self.gaps.to_json(),
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> TextCode:
        """Return the code that ``to_json`` stored. Raises ``LmcompareError`` for one of another version."""
        if table.get("version") != CODE_VERSION:
            raise LmcompareError("the stored code length was written by another version of lmcompare: run again")
        classes = TokenClasses(table["classes"])
        return cls(
            spelling=Spelling.from_json(table["spelling"]),
            separators=SeparatorModel.from_json(table["separators"], classes),
            gaps=None if table["gaps"] is None else GapModel.from_json(table["gaps"], classes),
            classes=classes,
            n_ids=int(table["n_ids"]),
        )


def _unknown_examples(train: Tokenised, tokenizer: Tokenizer) -> list[bytes]:
    """Return the bytes of the types seen once in train; if there is none, of the rarest tenth of types."""
    counts = train.counts()[1:]
    once = np.flatnonzero(counts == 1)
    if not len(once):
        once = np.argsort(counts, kind="stable")[: -(-len(counts) // 10)]
    return [tokenizer.token_bytes(train.types[i + 1]) for i in once]
