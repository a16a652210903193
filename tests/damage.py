"""Hypothesis strategies for what nobody should have written: odd values, and files and JSON with damage in them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

# Half a surrogate pair, a mark that turns the direction of writing, a control character, markup of HTML and of rich
TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "\ud800", "\u202e", "\x1b[2J", "</script><b>", "[/b]", "=1+1", "a" * 3000, "../..", "café", "$\\"]
    ),
    st.text(max_size=6),
)
NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 0.5, -0.0, 5e-324, 1e-300, 1e308, -1.7e308, 1e17, 10**17, 2**31, 2**63]),
    st.just(10**400),  # which no float can hold
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.integers(-9, 99),
    st.floats(),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(TEXTS, inside, max_size=3)),
    max_leaves=4,
)

# What is put in place of some bytes: other bytes, and what means something in one of the formats
PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        [b"null", b"-1", b"1e999", b"NaN", b'"', b"{", b"}", b"[", b"]", b",", b"\n", b"\0", b"=", b"[["]
    ),
)
PLACES = st.integers(0, 2**16)  # floats would be near the beginning most of the time
CHANGES = st.lists(st.tuples(PLACES, st.integers(0, 6), PIECES), min_size=1, max_size=4)


def changed(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """The content with pieces put at some places, each in place of ``length`` bytes."""
    for place, length, piece in changes:
        at = place % (len(content) + 1)
        content = content[:at] + piece + content[at + length :]
    return content


GONE = object()  # in place of a value: the entry is taken out
HARMS = st.lists(st.tuples(PLACES, st.one_of(st.just(GONE), VALUES)), max_size=3)


def harmed(tree: Any, harms: list[tuple[int, Any]]) -> Any:
    """A copy of a JSON value with other values at some places within it, or with entries taken out."""
    tree = copy.deepcopy(tree)
    for where, value in harms:
        places = _places(tree)
        if not places:
            return tree
        inside, key = places[where % len(places)]
        if value is GONE:
            del inside[key]
        else:
            inside[key] = value
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every entry within a JSON value: what it is in, and its key or index there."""
    if not isinstance(tree, dict | list):
        return []
    here = list(tree) if isinstance(tree, dict) else range(len(tree))
    return [place for key in here for place in ((tree, key), *_places(tree[key]))]
