"""The pytest helper, used as a plug-in's author uses it: in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lmcompare
from lmcompare.checks import CHECKS
from tests.checks import rogues

ROOT = Path(__file__).parents[3]
TEST = """
import lmcompare
from tests.checks.rogues import SentenceStart
from tests.checks.sloppy import Excused


@lmcompare.testing.parametrize_with_checks([SentenceStart(), Excused])
def test_contract(model, check):
    check(model)
"""


def test_failures_expected_failures_and_stale_excuses_are_those_of_the_kit(tmp_path: Path) -> None:
    (tmp_path / "test_plugin.py").write_text(TEST)
    home = str(Path(lmcompare.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rxf", "-p", "no:cacheprovider", "test_plugin.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{home}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "FAILED test_plugin.py::test_contract[SentenceStart-sums-to-one]" in said
    assert "sum to 1.05 at the beginning of document 0" in said
    assert "XFAIL test_plugin.py::test_contract[Excused-sums-to-one] - answers in bits: the probabilities" in said
    assert "FAILED test_plugin.py::test_contract[Excused-word-vectors-fit]" in said
    assert "FAILED test_plugin.py::test_contract[Excused-known_failures]" in said
    failed = len([r for r in lmcompare.checks.run_checks(rogues.SentenceStart) if not r.passed])
    assert said.count("FAILED test_plugin.py::test_contract[SentenceStart") == failed
    assert said.count("test_contract[SentenceStart") < len(CHECKS)
