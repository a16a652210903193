"""How two texts differ, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis.joined import differences
from lmcompare.report.several_texts import ASPECTS, aspects, in_words
from tests.analysis.test_joined import a_run


@pytest.mark.parametrize(
    ("changed", "facts"),
    [
        ({"parts": {"read": "x", "test": "x"}, "source": "b.txt"}, ("test texts", "b.txt\u2069” here", "a.txt")),
        ({"parts": {"read": "x", "train": "x"}}, ("test text is the same", "training texts")),
        ({"parts": {"changes": ["lower case"]}}, ("lower case here", "unchanged there")),
        ({"parts": {"test": "x"}, "splits": {"test": {"words": 30}}}, ("30 words here", "20 words there")),
        ({"parts": {"train": "x"}, "splits": {"train": {"words": 500}}}, ("500 words here", "1,000 words there")),
        (
            {"parts": {"marks": "x"}, "splits": {"test": {"words": 20, "documents": 1, "sentences": 9}}},
            ("1 document and 9 sentences", "2 documents and 3 sentences"),
        ),
        ({"parts": {"names": "x"}}, ("names",)),
    ],
)
def test_a_difference_is_explained(tmp_path: Path, changed: Mapping[str, Any], facts: tuple[str, ...]) -> None:
    other = a_run(tmp_path / "other", fingerprint="d", **changed)
    (difference,) = differences(other, a_run(tmp_path / "first"))
    said = in_words(difference).replace("\u00a0", " ")
    for fact in facts:
        assert fact in said


def test_what_figures_depend_on(tmp_path: Path) -> None:
    said = aspects(a_run(tmp_path / "one"))
    assert tuple(said) == ASPECTS
    assert said["text"] == "text [r]"
    for part in ("1,000 words", "10 words", "20 words"):
        assert part in said["split"].replace("\u00a0", " ")
