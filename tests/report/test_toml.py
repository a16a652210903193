"""An experiment written as TOML is read back as the same table by the standard library."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lmcompare.report.toml import dumps

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PLAIN = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), TEXT)
VALUES = st.recursive(
    st.one_of(PLAIN, st.lists(PLAIN, max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(TEXT, inner, max_size=3),
        st.lists(st.dictionaries(TEXT, inner, max_size=2), max_size=2),
        st.lists(st.one_of(PLAIN, inner), max_size=3),
    ),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_comes_back_the_same(table: dict[str, Any]) -> None:
    assert tomllib.loads(dumps(table)) == table


def test_by_hand() -> None:
    table = {
        "name": "mine",
        "seeds": [0, 1],
        "corpus": {"source": "lee"},
        "models": [{"plugin": "ngram", "order": 5}],
    }
    assert dumps(table) == (
        'name = "mine"\nseeds = [0, 1]\n\n[corpus]\nsource = "lee"\n\n[[models]]\nplugin = "ngram"\norder = 5\n'
    )


def test_none_is_left_out() -> None:
    assert tomllib.loads(dumps({"a": None, "b": {"c": None}, "d": [1, None]})) == {"b": {}, "d": [1]}
