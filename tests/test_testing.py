"""The pytest helper, used as a plug-in's author uses it: in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmcompare
from lmcompare.checks import CHECKS
from lmcompare.model import LanguageModel
from lmcompare.testing import parametrize_with_checks
from tests.checks import honest, rogues, sloppy

ROOT = Path(__file__).parents[1]


@parametrize_with_checks([honest.Honest(alpha=0.1), honest.Honest], seed=3)
def test_honest_models_pass(model: LanguageModel, check: Callable[[LanguageModel], None]) -> None:
    check(model)


def pytest_of(test: str, folder: Path) -> str:
    """Run a test file's text in a process of its own and return what pytest says."""
    (folder / "test_plugin.py").write_text(
        f"import lmcompare\n\nparametrize_with_checks = lmcompare.testing.parametrize_with_checks\n{test}"
    )
    home = str(Path(lmcompare.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rxf", "-p", "no:cacheprovider", "test_plugin.py"],
        cwd=folder,
        env={"PYTHONPATH": f"{home}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_failing_check_fails_its_test_with_the_reason(tmp_path: Path) -> None:
    said = pytest_of(
        "from tests.checks.rogues import SentenceStart\n"
        "@parametrize_with_checks([SentenceStart()])\n"
        "def test_contract(model, check):\n"
        "    check(model)\n",
        tmp_path,
    )
    assert "FAILED test_plugin.py::test_contract[SentenceStart-sums-to-one]" in said
    assert "sum to 1.05 at the beginning of document 0" in said
    failed = len([r for r in lmcompare.checks.run_checks(rogues.SentenceStart) if not r.passed])
    assert f"{failed} failed, {len(CHECKS) + 1 - failed} passed" in said


def test_declared_failures_are_expected_and_stale_or_misspelt_ones_fail(tmp_path: Path) -> None:
    assert sloppy.Excused.known_failures
    said = pytest_of(
        "from tests.checks.sloppy import Excused\n"
        "@parametrize_with_checks([Excused])\n"
        "def test_contract(model, check):\n"
        "    check(model)\n",
        tmp_path,
    )
    assert "XFAIL test_plugin.py::test_contract[Excused-sums-to-one] - answers in bits: the probabilities" in said
    assert "FAILED test_plugin.py::test_contract[Excused-word-vectors-fit]" in said
    assert "FAILED test_plugin.py::test_contract[Excused-known_failures]" in said


def test_only_some_checks_can_be_asked() -> None:
    mark = parametrize_with_checks([honest.Honest], only=["sums-to-one", "save-and-load"])
    names = [case.id for case in mark.args[1]]
    assert names == ["Honest-sums-to-one", "Honest-save-and-load", "Honest-known_failures"]
