"""``lmcompare new``: the tests of what it writes pass unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lmcompare
from lmcompare.checks import CHECKS
from lmcompare.conformance.studies import STUDY_CHECKS
from lmcompare.scaffold import STARTS, create

HOME = str(Path(lmcompare.__file__).parents[1])
# How many models or studies each start gives to the kit, and how many tests of its own it has
TESTS = {"bigram": (2, 1), "ngram": (2, 1), "torch": (1, 1), "gensim": (2, 2), "study": (1, 1)}


@pytest.mark.parametrize("start", STARTS)
def test_its_own_tests_pass(start: str, tmp_path: Path) -> None:
    subjects, own = TESTS[start]
    checks = len(STUDY_CHECKS) if start == "study" else len(CHECKS) + 1
    target = create("tested-model", tmp_path, start)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=target,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (HOME, os.environ.get("PYTHONPATH"))))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert int(done.stdout.split(" passed")[0].split()[-1]) == subjects * checks + own
