"""How the page of a report cuts a text into pieces: the parts of ``tokenizer.json`` that its script carries out.

``live-pieces.js`` repeats what Hugging Face's library ``tokenizers`` does with them. A tokenizer with any other part
is refused, so that the page always shows the same tokens as Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcompare.errors import LmcompareError

Table = Mapping[str, Any]

_WORDS = (  # the expression of GPT-2 in JavaScript, whose \s is not Unicode's White_Space
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"
    r"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"
)


def page_table(table: Table, ids: Mapping[str, int], *, special_as_text: bool) -> dict[str, Any]:
    """Return how the page cuts a text into pieces.

    Parameters
    ----------
    table : mapping
        The content of ``tokenizer.json``.
    ids : mapping of str to int
        The id of each piece that a text may be cut into.
    special_as_text : bool
        Whether special tokens that are written out in a text are cut like any other text.

    Returns
    -------
    dict
        "added"
            The ids of the added tokens that are found in the text first, and of those that are found in the rest.
        "changes"
            The changes of the text between added tokens, in order: ["prepend", text], ["replace", text, by] or
            ["nfc"].
        "cuts"
            The steps that cut this text into words, in order: ["match", expression]; ["blank"] for a blank before the
            text; ["bytes"] for a character per byte; ["digits", each by itself]; ["replace", text, by]; or ["before",
            character].
        "pieces", "bytes"
            The pieces by id, "" for an id that no text has; and whether a character without a piece is cut into
            bytes.
        "merges", "whole"
            For byte pair encoding, pairs of ids by rank, as a flat list; and whether a word that is a piece stays
            whole.
        "scores", "least"
            For a unigram model, the log-probability of each piece; and that of the least likely piece.

    Raises
    ------
    LmcompareError
        If the page can't cut a text as the tokenizer does.
    """
    changes = [step for part in _flat(table.get("normalizer"), "normalizers") for step in _change(part)]
    added: tuple[dict[str, int], dict[str, int]] = {}, {}
    for token in table.get("added_tokens") or ():
        if special_as_text and token["special"]:
            continue
        if token["single_word"] or token["lstrip"] or token["rstrip"] or (token["normalized"] and changes):
            raise _cannot(f"it has special rules for {token['content']}")
        if token["content"] not in ids:
            raise _cannot(f"{token['content']} is not a text")
        added[token["normalized"]][token["content"]] = ids[token["content"]]
    cuts = [step for part in _flat(table.get("pre_tokenizer"), "pretokenizers") for step in _cuts(part)]
    model = table["model"]
    known = {piece: ids[piece] for piece in _pieces(model) if piece in ids}
    pieces = [""] * (max(known.values(), default=-1) + 1)
    for piece, index in known.items():
        pieces[index] = piece
    fallback = bool(model.get("byte_fallback"))
    steps = {"added": added, "changes": changes, "cuts": cuts, "pieces": pieces, "bytes": fallback}
    return {**steps, **(_merges(model, known) if model["type"] == "BPE" else _scores(model, pieces))}


def _pieces(model: Table) -> list[str]:
    kind = model.get("type")
    if kind == "BPE" and not (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")):
        return list(model["vocab"])
    if kind == "Unigram":
        return [piece for piece, _ in model["vocab"]]
    raise _cannot(f"its model is of the kind {kind}, with options that the page does not have")


def _merges(model: Table, ids: Mapping[str, int]) -> dict[str, Any]:
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    if not all(a in ids and b in ids and a + b in ids for a, b in pairs):
        raise _cannot("it merges pieces that are not text")
    return {"merges": [ids[piece] for pair in pairs for piece in pair], "whole": bool(model.get("ignore_merges"))}


def _scores(model: Table, pieces: Sequence[str]) -> dict[str, Any]:
    scored = dict(model["vocab"])
    return {"scores": [scored.get(piece) for piece in pieces], "least": min(scored.values(), default=0)}


def _flat(part: Table | None, name: str) -> list[Table]:
    """Return the parts of a sequence, or the part itself."""
    if part is None:
        return []
    return [each for one in part[name] for each in _flat(one, name)] if part["type"] == "Sequence" else [part]


def _change(part: Table) -> list[list[Any]]:
    if part["type"] == "Prepend":
        return [["prepend", part["prepend"]]]
    if part["type"] == "NFC":
        return [["nfc"]]
    if part["type"] == "Replace" and "String" in part["pattern"]:
        return [["replace", part["pattern"]["String"], part["content"]]]
    raise _cannot(f"it changes the text by {part['type']}")


def _cuts(part: Table) -> list[list[Any]]:
    kind = part["type"]
    if kind == "ByteLevel":
        return (
            [["blank"]] * part["add_prefix_space"] + [["match", _WORDS]] * part.get("use_regex", True) + [["bytes"]]
        )
    if kind == "Digits":
        return [["digits", part["individual_digits"]]]
    if kind == "Metaspace" and part.get("prepend_scheme") == "never":
        blank = part["replacement"]
        return [["replace", " ", blank], *([["before", blank]] if part.get("split", True) else [])]
    raise _cannot(f"it cuts the text by {kind}")


def _cannot(reason: str) -> LmcompareError:
    return LmcompareError(f"the page can't cut a text as this tokenizer does, because {reason}")
