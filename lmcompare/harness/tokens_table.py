"""The table ``[tokens]`` of an experiment file: a tokenizer with its options, and the limits of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from lmcompare.errors import LmcompareError
from lmcompare.harness.faults import Table, check_depth
from lmcompare.registry import absolute, placed
from lmcompare.tokens import TOKENIZERS, Tokenizer, table_of

LEAST_COUNT = "min_count must be at least 1, which keeps every type of the training text"


class TokensTable(Table):
    """``[tokens]``: a tokenizer, the vocabulary's limits, and the tokenizer's own options.

    If ``min_count`` is not given, it is the tokenizer's ``usual_min_count``. A string is the kind alone, such as
    "char" or "bpe:4000". The defaults of another package's tokenizer are not filled in before ``completed`` imports
    it; until then ``min_count`` may be 0.
    """

    model_config = ConfigDict(extra="allow")

    kind: str = "word"
    min_count: int = 0
    size: int | None = Field(default=None, ge=3)

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, table: Any) -> Any:
        table = {"kind": table} if isinstance(table, str) else table
        kind = table.get("kind", "word") if isinstance(table, Mapping) else None
        if not isinstance(kind, str) or _is_of_others(kind):
            return table
        try:
            named = _named(table)
        except LmcompareError as error:
            raise ValueError(str(error)) from None
        return {"min_count": TOKENIZERS.resolve(named["kind"]).usual_min_count, **table, **named}

    @model_validator(mode="after")
    def _within_reason(self) -> Self:
        check_depth(self.model_extra)
        if self.min_count < 0:
            raise ValueError(LEAST_COUNT)
        if not _is_of_others(self.kind):
            self._check(TOKENIZERS.resolve(self.kind))
        return self

    def _check(self, tokenizer: type[Tokenizer]) -> None:
        """Raise ``ValueError`` for limits of the vocabulary that the tokenizer can't have."""
        if self.min_count < 1:
            raise ValueError(LEAST_COUNT)
        if (self.min_count > 1 or self.size is not None) and tokenizer.fixed_vocabulary:
            raise ValueError(f"{self.kind} always has the same vocabulary: leave min_count and size out")

    def completed(self, folder: Path) -> TokensTable:
        """Return the table with the defaults of its tokenizer, and with the paths in it made absolute.

        For another package's tokenizer, the plug-in is imported, and the paths are relative to ``folder``. Raises
        ``LmcompareError`` if it can't be imported, or can't have these limits of the vocabulary.
        """
        if not _is_of_others(self.kind):
            return self
        named = _placed(self.model_dump(), folder)
        tokenizer = TOKENIZERS.resolve(named["kind"])
        full = self.model_copy(update={**named, "min_count": self.min_count or tokenizer.usual_min_count})
        try:
            full._check(tokenizer)
        except ValueError as error:
            raise LmcompareError(str(error)) from None
        return full

    def changed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the table with other values; those that it has belong to its own kind of tokenizer."""
        same_kind = options.get("kind", self.kind) == self.kind
        return {**(self.model_dump() if same_kind else {}), **options}

    @property
    def tokenizer(self) -> dict[str, Any]:
        """The tokenizer's own table: the kind and its options."""
        return {"kind": self.kind, **(self.model_extra or {})}


def placed_tokens(tokens: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a table ``[tokens]`` with the paths in it made absolute: they start from the experiment file.

    ``TokensTable.completed`` does this for the files of tokenizers of other packages.
    """
    if not isinstance(tokens.get("kind"), str):
        return tokens
    table = tokens | {"kind": absolute(tokens["kind"], folder)}
    return table if _is_of_others(table["kind"]) else _placed(table, folder)


def _placed(tokens: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a table ``[tokens]`` with the paths of the tokenizer's files made absolute, from ``folder`` on."""
    table = tokens | _named(tokens)
    for name in TOKENIZERS.resolve(table["kind"]).files:
        if isinstance(table.get(name), str):
            table[name] = placed(table[name], folder)
    return table


def _is_of_others(kind: str) -> bool:
    """Return whether a tokenizer is not lmcompare's own, and is imported only in the process that reads the text."""
    name, _, option = kind.partition(":")
    if name in TOKENIZERS.installed():
        return not TOKENIZERS.is_built_in(name)
    return bool(option) and not option.isdecimal() and not kind.endswith(".json")


def _named(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the kind of a table ``[tokens]`` says. Raises ``LmcompareError`` if an option says otherwise."""
    kind = tokens.get("kind", "word")
    named = table_of(kind)
    for key, value in named.items():
        if key != "kind" and tokens.get(key, value) != value:
            raise LmcompareError(
                f"the kind {kind} sets {key} to {value}, and {key} is given as {tokens[key]}: leave one of them out"
            )
    return named
