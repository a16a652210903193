"""The page that teaches writing a plug-in: its pieces pass the kit as they are printed, and its blocks are Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lmcompare import plugins
from lmcompare.checks import run_checks

PAGE = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
WHOLE = [b for b in BLOCKS if b.startswith("# my_model.py\n")]
PIECES = [b for b in BLOCKS if b.startswith("    ") and "known_failures" not in b]


def results_of(text: str, path: Path) -> dict[str, str]:
    path.write_text(text)
    return {r.name: r.reason for r in run_checks(f"{path}:MyModel") if not r.passed}


def test_with_the_pieces_it_still_passes(tmp_path: Path) -> None:
    assert len(PIECES) == 2
    path = tmp_path / "my_model.py"
    assert results_of("\n".join([*WHOLE, *PIECES]), path) == {}
    cls = plugins.resolve(f"{path}:MyModel")
    assert plugins.build(cls, {}, "quick").hyperparameters() == {"weight": 20.0}


def test_its_known_failures_are_stale_for_a_good_model(tmp_path: Path) -> None:
    assert len(WHOLE) == 1
    (excuse,) = (b for b in BLOCKS if "known_failures" in b)
    failures = results_of("\n".join([*WHOLE, excuse]), tmp_path / "my_model.py")
    assert set(failures) == {"comes-near-the-entropy"}
    assert "take the excuse out" in failures["comes-near-the-entropy"]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_block_is_python(block: str) -> None:
    compile(block if not block.startswith("    ") else f"class Piece:\n{block}", "block", "exec")
