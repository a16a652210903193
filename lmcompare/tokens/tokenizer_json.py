"""Parts of ``tokenizer.json``, the format of Hugging Face's library ``tokenizers``, that the tokenizers share.

If a tokenizer cuts sentences, a line end of the text becomes ``</s>``, as in the prompts of trained models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.tokens.vocabulary import END_TOKEN, UNKNOWN_TOKEN, Vocabulary

Table = dict[str, Any]


def of_lines(model: Table, *, pre_tokenizer: Table | None, decoder: Table | None) -> Table:
    """Return the table of a tokenizer that cuts sentences, the lines of a text."""
    to_ends = [_replaced("\r\n", "\n"), _replaced("\n", END_TOKEN)]
    return {
        "version": "1.0",
        "added_tokens": [added(END_TOKEN, model["vocab"][END_TOKEN])],
        "normalizer": {"type": "Sequence", "normalizers": to_ends},
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": model,
    }


def added(token: str, index: int) -> Table:
    """Return the entry of a special token, which is found in the text after it was normalised."""
    kinds = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": True}
    return {"id": index, "content": token, **kinds}


def by_character(vocabulary: Vocabulary, *, bytes_of_others: bool) -> Table:
    """Return the model whose tokens are characters; others are unknown, or bytes of UTF-8 such as ``<0xC3>``."""
    return {
        "type": "BPE",
        "vocab": ids(vocabulary),
        "merges": [],
        "unk_token": UNKNOWN_TOKEN,
        "fuse_unk": False,
        "byte_fallback": bytes_of_others,
    }


def by_word(vocabulary: Vocabulary) -> Table:
    """Return the model whose tokens are the words that the pre-tokenizer cuts."""
    return {"type": "WordLevel", "vocab": ids(vocabulary), "unk_token": UNKNOWN_TOKEN}


def cut_by(pattern: str) -> Table:
    """Return the pre-tokenizer that keeps the matches of an expression in the syntax of Oniguruma."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}


def ids(vocabulary: Vocabulary) -> dict[str, int]:
    """Return the id of each token."""
    return {token: index for index, token in enumerate(vocabulary.tokens)}


def beginning_with_end(table: Mapping[str, Any]) -> Table:
    """Return the table of a tokenizer that puts ``</s>`` before each text, as the beginning of a document."""
    number, end = table["model"]["vocab"][END_TOKEN], {"SpecialToken": {"id": END_TOKEN, "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    template = {
        "type": "TemplateProcessing",
        "single": [end, first],
        "pair": [end, first, second],
        "special_tokens": {END_TOKEN: {"id": END_TOKEN, "ids": [number], "tokens": [END_TOKEN]}},
    }
    known = list(table["added_tokens"])
    if not any(entry["content"] == END_TOKEN for entry in known):
        known.append(added(END_TOKEN, number))
    return {**table, "added_tokens": known, "post_processor": template}


def _replaced(text: str, by: str) -> Table:
    return {"type": "Replace", "pattern": {"String": text}, "content": by}
