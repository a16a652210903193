"""The page on tokenizers: its example is the tested plug-in, its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lmcompare.checks.tokenizers import TOKENIZER_CHECKS
from lmcompare.tokens import listing

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "tokenizers.md").read_text(encoding="utf-8")


def test_the_example_is_the_tested_plug_in() -> None:
    (example,) = re.findall(r"^```python\n# byte_pairs.py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert example == (HERE / "tokens" / "bpe.py").read_text(encoding="utf-8")


def test_the_table_names_every_check() -> None:
    table = PAGE.partition("| check | what it asks |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.MULTILINE))
    assert rows == {check.name: check.summary for check in TOKENIZER_CHECKS}


def test_the_built_in_ones_are_listed() -> None:
    table = PAGE.partition("| `kind` | tokens | options |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)
    assert sorted(named) == [name for name, _, available in listing() if available]
