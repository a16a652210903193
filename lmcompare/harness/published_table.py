"""``[[published]]`` of an experiment file: figures of papers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lmcompare.errors import unknown
from lmcompare.harness.faults import Table
from lmcompare.tokens import TOKENIZERS


class PublishedTable(Table):
    """One of ``[[published]]``: a figure of a paper, which the report shows beside the figures of the run.

    ``tokens`` is the tokenizer under which a run has the tokens of a perplexity. ``over`` is the number of tokens,
    characters or bytes of the split that the figure is a mean of: a run that scores other ones is not compared.
    """

    name: str
    figure: float = Field(gt=0)
    unit: Literal["perplexity", "bits per character", "bits per byte"]
    split: Literal["valid", "test"] = "test"
    tokens: str = ""
    over: int | None = Field(default=None, ge=1)
    source: str
    note: str = ""

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if self.unit == "perplexity" and not self.tokens:
            raise ValueError(
                "a perplexity needs tokens: set tokens to the tokenizer with which a run has the same tokens"
            )
        if self.unit != "perplexity" and self.tokens:
            raise ValueError(f"{self.unit} do not depend on the tokens: leave tokens out")
        if self.tokens and ":" not in self.tokens and self.tokens not in TOKENIZERS.installed():
            raise ValueError(unknown("tokenizer", self.tokens, TOKENIZERS.installed()))
        if self.unit == "bits per character" and self.over is None:
            raise ValueError(
                "bits per character can be compared with bits per byte only if each character is one byte: set over"
                " to the number of characters that the figure is a mean of"
            )
        return self
