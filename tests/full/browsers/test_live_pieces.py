"""The page cuts a text into the pieces of every built-in tokenizer: all of them, on many texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.report.test_live_pieces import HF, SAVED, see_that_it_is_cut_alike
from tests.report.typed import strings


@pytest.mark.parametrize("kind", ["bpe", *(f"saved:{case}" for case in SAVED), *(f"hf:{case}" for case in HF)])
def test_a_text_is_cut_into_the_ids_of_python(engine: Page, kind: str, tmp_path: Path) -> None:
    see_that_it_is_cut_alike(engine, kind, tmp_path, strings())
