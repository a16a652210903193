"""The kit in a process of its own: the same results, and a plug-in that ends its process."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.checks import run_checks
from lmcompare.checks.kit import Result
from lmcompare.checks.tokenizers import run_tokenizer_checks
from lmcompare.checks.worker import run_checks_apart
from lmcompare.errors import LmcompareError
from tests.tokens.texts import BYTE_PAIRS

PLUGINS = """
import os, time
from lmcompare.models.unigram.plugin import Unigram

class Leaves(Unigram):
    def fit(self, train, valid, setting):
        os._exit(0)

class Breaks(Unigram):
    def fit(self, train, valid, setting):
        raise GeneratorExit

class Mute(Exception):
    def __str__(self):
        raise ValueError

class SaysNothing(Unigram):
    def fit(self, train, valid, setting):
        raise Mute

class Sends(Unigram):
    message = b'["returned", null]'

    def fit(self, train, valid, setting):
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, self.message + b'\\n')
            except OSError:
                pass
        time.sleep(60)

class SendsAnEvent(Sends):
    message = b'["event", {"event": "result", "result": {"x": 1}}]'

class SendsAResult(Sends):
    message = b'["event", {"event": "result", "result": {"name": "not-next", "passed": true}}]'
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text(PLUGINS)
    return tmp_path / "models.py"


def test_the_results_are_those_of_the_kit() -> None:
    told: list[Result] = []
    apart = run_checks_apart("unigram", {"alpha": 0.5}, 0, told.append)
    here = run_checks("unigram", parameters={"alpha": 0.5})
    assert told == apart
    assert [(r.name, r.passed, r.reason, r.expected_failure) for r in apart] == [
        (r.name, r.passed, r.reason, r.expected_failure) for r in here
    ]


def test_tokenizers_have_a_kit_of_their_own() -> None:
    told: list[Result] = []
    apart = run_checks_apart(BYTE_PAIRS, {"merges": 5}, 0, told.append)
    assert told == apart == run_tokenizer_checks(BYTE_PAIRS, {"merges": 5})
    for name in ("byte", "bpe:300", "bins", "sax"):  # the last two read values, and have checks of their own
        assert all(result.passed for result in run_checks_apart(name, {}, 0, told.append))
    with pytest.raises(LmcompareError, match="did you mean 'merges'"):
        run_checks_apart(BYTE_PAIRS, {"merge": 5}, 0, told.append)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Leaves", "in the check 'fit-returns-the-model': the process ended with exit code 0"),
        ("Breaks", r"in the check 'fit-returns-the-model': GeneratorExit: no message \(models.py, line 11\)"),
        ("Sends", "in the check 'fit-returns-the-model': its process sent something that is not a message"),
        ("SendsAnEvent", "in the check 'fit-returns-the-model': its process sent something that is not a message"),
        ("SendsAResult", "in the check 'fit-returns-the-model': its process sent something that is not a message"),
    ],
)
def test_a_plug_in_that_ends_the_process(path: Path, name: str, said: str) -> None:
    told: list[Result] = []
    with pytest.raises(LmcompareError, match=said):
        run_checks_apart(f"{path}:{name}", {}, 0, told.append)
    assert told[0].passed


def test_an_error_that_says_nothing_fails_its_checks(path: Path) -> None:
    results = run_checks_apart(f"{path}:SaysNothing", {}, 0, lambda result: None)
    assert "raised Mute: no message" in next(r for r in results if r.name == "fit-returns-the-model").reason


def test_wrong_names_and_values_are_said() -> None:
    with pytest.raises(LmcompareError, match="did you mean 'ngram'"):
        run_checks_apart("ngarm", {}, 0, lambda result: None)
    with pytest.raises(LmcompareError, match="did you mean 'order'"):
        run_checks_apart("ngram", {"odrer": 3}, 0, lambda result: None)
    with pytest.raises(
        LmcompareError, match=r"ngram-file reads a file, and none is given: name it with --set \w+=PATH"
    ):
        run_checks_apart("ngram-file", {}, 0, lambda result: None)
