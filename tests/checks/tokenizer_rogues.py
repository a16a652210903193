"""Tokenizers that each break one promise, with the check that must notice."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lmcompare import State
from lmcompare.tokens import IntArray, Tokenizer
from lmcompare.tokens.tokenizer import Covers
from tests.tokens.bpe import BytePairs


class Honest(Tokenizer):
    """Pairs of characters of a sentence; the last one may be alone."""

    description = "Pairs of characters."
    covers: ClassVar[Covers] = "sentences"

    def __init__(self, width: int = 2) -> None:
        self.width = width

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens = [text[i : i + self.width] for i in range(0, len(text), self.width)]
        ends = np.cumsum([len(token.encode()) for token in tokens], dtype=np.int64)
        return tokens, np.stack([np.append(0, ends)[:-1], ends], axis=1)


class RenamesAnOption(Honest):
    def __init__(self, width: int = 2) -> None:
        self.width = width + 1


class LosesAnOption(Honest):
    def __init__(self, size: int = 2) -> None:
        self.width = size


class MarksTheBeginning(Honest):
    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        return ["^", *tokens], np.concatenate([[[0, 0]], offsets])


class EmptyTokens(Honest):
    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        return [token.strip() for token in tokens], offsets


class TextAsOffsets(Honest):
    def tokenize(self, text: str) -> tuple[list[str], Any]:
        tokens, offsets = super().tokenize(text)
        return tokens, offsets.astype(str)


class HalvesOfPairs(Honest):
    """Has tokens that UTF-8 can't store."""

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        return ["\ud800" + token for token in tokens], offsets

    def token_bytes(self, token: str) -> bytes:
        return token[1:].encode()


class CharactersForBytes(Honest):
    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, _ = super().tokenize(text)
        ends = np.cumsum([len(token) for token in tokens], dtype=np.int64)
        return tokens, np.stack([np.append(0, ends)[:-1], ends], axis=1)


class DropsControls(Honest):
    covers = "words"

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        kept = [i for i, token in enumerate(tokens) if token.isprintable()]
        return [tokens[i] for i in kept], offsets[kept]


class Lowercases(Honest):
    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        return [token.lower() for token in tokens], offsets


class PutsBlanks(Honest):
    def detokenize(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)


class StumblesOverEnds(Honest):
    def detokenize(self, tokens: Sequence[str]) -> str:
        if "</s>" in tokens:
            raise KeyError("</s>")
        return super().detokenize(tokens)


class CutsByChance(Honest):
    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        self.width = random.randint(1, 3)
        return super().tokenize(text)


class RemembersTexts(Honest):
    seen = 0

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        self.seen += 1
        self.width = 1 + self.seen // 10
        return super().tokenize(text)


class FitReturnsNone(Honest):
    def fit(self, texts: Sequence[str]) -> Any:
        return None


class SortsTheTexts(Honest):
    def fit(self, texts: Sequence[str]) -> SortsTheTexts:
        assert isinstance(texts, list)
        texts.sort()
        return self


class LearnsItsOption(Honest):
    def fit(self, texts: Sequence[str]) -> LearnsItsOption:
        self.width = 3
        return self


class Learns(Honest):
    """Cuts off the letters that are frequent in the training text, and stores them."""

    frequent = ""

    def fit(self, texts: Sequence[str]) -> Learns:
        self.frequent = "".join(sorted(c for c, n in Counter("".join(texts)).items() if n > 20))
        return self

    def state(self) -> State:
        return State(values={"frequent": self.frequent})

    def restore(self, state: State) -> None:
        self.frequent = state.values["frequent"]

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens = ["".join(run) for _, run in itertools.groupby(text, lambda c: c in self.frequent)]
        ends = np.cumsum([len(token.encode()) for token in tokens], dtype=np.int64)
        return tokens, np.stack([np.append(0, ends)[:-1], ends], axis=1)


class LearnsByChance(Learns):
    def fit(self, texts: Sequence[str]) -> LearnsByChance:
        self.frequent = "".join(random.sample("etaoinsh", 3))
        return self


class LearnsOnTop(Learns):
    def fit(self, texts: Sequence[str]) -> LearnsOnTop:
        self.frequent += "xyzthe "[len(self.frequent) :][:1]
        return self


class ForgetsOnRestore(Learns):
    def restore(self, state: State) -> None:
        return None


class StoresASet(Learns):
    def state(self) -> State:
        return State(values={"frequent": set(self.frequent)})


class TakesTheEnd(Honest):
    @property
    def always_tokens(self) -> tuple[str, ...]:
        return ("a", "</s>")


class NamesTwice(Honest):
    @property
    def always_tokens(self) -> tuple[str, ...]:
        return ("a", "a")


class NeverEnds(Honest):
    @property
    def always_tokens(self) -> Any:
        return map(str, itertools.count())


class TypesWithoutAnEnd(Honest):
    types = ("a", "b")


class NotFixed(BytePairs):
    @property
    def always_tokens(self) -> tuple[str, ...]:
        return super().always_tokens[:256]


HONEST: list[type[Tokenizer]] = [Honest, Learns, BytePairs]
GALLERY: list[tuple[type[Tokenizer], list[str]]] = [
    (RenamesAnOption, ["options-are-stored"]),
    (LosesAnOption, ["options-are-stored"]),
    (MarksTheBeginning, ["empty-text"]),
    (EmptyTokens, ["every-byte-once"]),
    (TextAsOffsets, ["every-byte-once"]),
    (HalvesOfPairs, ["every-byte-once"]),
    (CharactersForBytes, ["every-byte-once", "tokens-spell-the-text"]),
    (DropsControls, ["every-byte-once"]),
    (Lowercases, ["tokens-spell-the-text"]),
    (PutsBlanks, ["detokenize-gives-text"]),
    (StumblesOverEnds, ["detokenize-gives-text"]),
    (CutsByChance, ["same-when-cut-again"]),
    (RemembersTexts, ["same-when-cut-again"]),
    (FitReturnsNone, ["fit-returns-itself"]),
    (SortsTheTexts, ["fit-returns-itself"]),
    (LearnsItsOption, ["fit-returns-itself"]),
    (LearnsByChance, ["same-when-fitted-again"]),
    (LearnsOnTop, ["same-when-fitted-again"]),
    (ForgetsOnRestore, ["state-can-be-stored"]),
    (StoresASet, ["state-can-be-stored"]),
    (TakesTheEnd, ["vocabulary-is-fixed"]),
    (NamesTwice, ["vocabulary-is-fixed"]),
    (NeverEnds, ["vocabulary-is-fixed"]),
    (TypesWithoutAnEnd, ["vocabulary-is-fixed"]),
    (NotFixed, ["vocabulary-is-fixed"]),
]
