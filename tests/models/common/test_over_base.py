"""Tests of what a model over another one takes from its base."""

from __future__ import annotations

from typing import Any

import pytest

from lmcompare import plugins
from lmcompare.render.titles import short_titles


@pytest.mark.parametrize(
    ("plugin", "options", "own"),
    [
        ("ngram", {}, True),
        ("ngram-mixture", {}, False),
        ("cache", {"base": "ngram"}, True),
        ("cache", {}, False),  # over ngram-mixture
        ("ensemble", {"base": "rnn"}, True),
        ("ensemble", {"base": "ngram-mixture"}, False),
        ("pointer", {}, True),
    ],
)
def test_a_stepper_needs_that_of_its_base(plugin: str, options: dict[str, Any], own: bool) -> None:
    assert plugins.build(plugin, options).has_stepper() == own


def test_a_short_title_keeps_what_is_added() -> None:
    titles = [plugins.build(name, {"base": base}).title() for name, base in (("cache", "ngram"), ("pointer", "rnn"))]
    assert titles == ["5-gram that remembers the document, Kneser-Ney", "LSTM with a pointer"]
    assert short_titles([*titles, "Unigram"]) == [
        "5-gram that remembers the document",
        "LSTM with a pointer",
        "Unigram",
    ]
