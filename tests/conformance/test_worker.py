"""The kit in a process of its own: the same results, and what is said of a plug-in that ends or misuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lmcompare.checks import CHECKS, run_checks
from lmcompare.checks.kit import Result
from lmcompare.checks.tokenizers import VALUE_CHECKS, run_tokenizer_checks
from lmcompare.conformance import worker
from lmcompare.conformance.worker import run_checks_apart
from lmcompare.errors import LmcompareError
from lmcompare.processes import EndedError, RaisedError, TimeLimitError
from tests.conftest import called_here
from tests.tokens.texts import BYTE_PAIRS

NAMES = [check.name for check in CHECKS]
BUILT = {"checks": NAMES}


def result(name: str) -> dict[str, Any]:
    return {"result": asdict(Result(passed=True, reason="It is so.", name=name))}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a new process would do is done in this one."""
    monkeypatch.setattr(worker, "call", lambda *a, seconds, **o: called_here(*a, seconds=seconds or 1, **o))


@pytest.mark.slow
def test_the_results_are_those_of_the_kit_with_the_same_values() -> None:
    told: list[Result] = []
    found = run_checks_apart("unigram", {"alpha": 0.5}, 3, told.append, 60.0)
    assert told == found
    assert found == run_checks("unigram", parameters={"alpha": 0.5}, seed=3)


@pytest.mark.slow
def test_a_plug_in_that_ends_the_process(tmp_path: Path) -> None:
    code = "import os\nfrom lmcompare.models.unigram import Unigram\n\n\nclass Leaves(Unigram):\n"
    (tmp_path / "models.py").write_text(f"{code}    def fit(self, *_):\n        os._exit(0)\n")
    told: list[Result] = []
    with pytest.raises(LmcompareError, match=r"in the check 'fit-returns-the-model': .* exit code 0"):
        run_checks_apart(f"{tmp_path}/models.py:Leaves", {}, 0, told.append)
    assert told[0].passed


@pytest.mark.usefixtures("here")
def test_tokenizers_have_a_kit_of_their_own() -> None:
    told: list[Result] = []
    found = run_checks_apart(BYTE_PAIRS, {"merges": 5}, 0, told.append)
    assert told == found == run_tokenizer_checks(BYTE_PAIRS, {"merges": 5})
    of_values = run_checks_apart("sax", {}, 0, told.append)
    assert [each.name for each in of_values] == [check.name for check in VALUE_CHECKS]
    assert all(each.passed for each in of_values)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("ngarm", {}, "did you mean 'ngram'"),
        ("chr", {}, "did you mean 'char'"),
        ("ngram", {"odrer": 3}, "did you mean 'order'"),
        (BYTE_PAIRS, {"merge": 5}, "did you mean 'merges'"),
        ("ngram-file", {}, r"reads a file, and none is given: .* --set path="),
        ("ngram-file", {"path": "none.arpa"}, "none.arpa, which can't be read"),
        ("saved", {"path": "none.json"}, "none.json"),
        ("bpe:3", {}, "3 pieces"),
    ],
)
def test_wrong_names_and_values_are_said(name: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said) as caught:
        run_checks_apart(name, values, 0, lambda result: None)
    assert "stopped the checks" not in str(caught.value)


@pytest.mark.parametrize(
    ("events", "stop", "said"),
    [
        ([BUILT, *map(result, NAMES)], None, ""),
        ([BUILT, *map(result, NAMES), result("known_failures")], None, ""),
        ([], None, "while it was imported and built: .*an early end"),
        ([BUILT, {"result": {"x": 1}}], None, f"in the check '{NAMES[0]}': .*'x': 1"),
        ([BUILT, *map(result, NAMES[:3])], None, f"in the check '{NAMES[3]}': .*an early end"),
        ([BUILT, result(NAMES[0])], EndedError(-9), f"in the check '{NAMES[1]}': the process was ended by signal 9"),
        ([BUILT], TimeLimitError("5 s are over"), f"in the check '{NAMES[0]}': 5 s are over"),
        ([BUILT], RaisedError("Mute", expected=False), f"in the check '{NAMES[0]}': Mute"),
        ([], RaisedError("not found", expected=True), "^not found$"),
    ],
)
def test_what_a_process_sends_is_checked(
    events: list[Any], stop: Exception | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*asked: Any, on_event: Callable[[Any], None], seconds: float) -> None:
        assert (asked, seconds) == (("lmcompare.conformance.worker:run", "own", {"a": 1}, 7), 9.0)
        for event in events:
            on_event(event)
        if stop:
            raise stop

    monkeypatch.setattr(worker, "call", call)
    told: list[Result] = []
    if not said:
        assert run_checks_apart("own", {"a": 1}, 7, told.append, 9.0) == told
        assert len(told) == len(events) - 1
        return
    with pytest.raises(LmcompareError, match=said):
        run_checks_apart("own", {"a": 1}, 7, told.append, 9.0)
