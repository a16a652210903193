"""What may be given to the kit, and what it does with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from lmcompare.checks import CHECKS, run_checks
from lmcompare.checks.probe import Probe, global_randomness, maker
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.tokens import Encoded
from tests.checks.honest import Honest
from tests.checks.sloppy import TakesAnything

FILE = Path(__file__).with_name("honest.py")


def test_names_are_unique_and_every_check_says_what_it_wants() -> None:
    names = [c.name for c in CHECKS]
    assert len(set(names)) == len(names)
    assert all(len(c.summary) > 30 and c.summary.endswith(".") for c in CHECKS)


@pytest.mark.parametrize(
    ("subject", "alpha"),
    [
        (Honest, 0.05),
        (Honest(alpha=3.0), 3.0),
        (lambda: Honest(4.0), 4.0),
        ("tests.checks.honest:Honest", 0.05),
        (f"{FILE}:Honest", 0.05),
    ],
    ids=["class", "model", "function", "module", "file"],
)
def test_subjects(subject: Any, alpha: float) -> None:
    make = maker(subject, {})
    one, other = make(), make()
    assert one is not other
    assert one.hyperparameters() == {"alpha": alpha}


def test_hyper_parameters_go_to_the_model() -> None:
    assert maker(Honest, {"alpha": 7.0})().hyperparameters() == {"alpha": 7.0}
    assert maker(Honest(2.0), {"alpha": 7.0})().hyperparameters() == {"alpha": 7.0}
    with pytest.raises(PluginError, match="did you mean 'alpha'"):
        run_checks(Honest, parameters={"alfa": 7.0})
    with pytest.raises(PluginError, match="not with a function"):
        run_checks(lambda: Honest(), parameters={"alpha": 7.0})


def test_some_checks_alone_in_their_own_order() -> None:
    results = run_checks(Honest, only=["sums-to-one", "presets-can-be-built"])
    assert [r.name for r in results] == ["presets-can-be-built", "sums-to-one"]
    with pytest.raises(LmcompareError, match=r"unknown check 'sum-to-one' .did you mean 'sums-to-one'"):
        run_checks(Honest, only=["sum-to-one"])


def test_unknown_plug_in_is_an_error_and_no_failed_check() -> None:
    with pytest.raises(PluginError, match="there is no plug-in file"):
        run_checks("./nothing_here.py:Model")


def test_model_whose_hyper_parameters_are_unnamed_is_still_examined() -> None:
    """Its contract is broken, but what it says is checked all the same where it can be made."""
    results = {r.name: r for r in run_checks(lambda: TakesAnything(alpha=0.1))}
    assert not results["wrong-hyper-parameter-is-refused"].passed
    assert results["sums-to-one"].passed
    assert "takes *args or **kwargs" in results["hyper-parameters-are-stored"].reason


def test_budget_and_seed_reach_the_model() -> None:
    seen: list[Setting] = []

    class Notes(Honest):
        def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
            seen.append(setting)
            return super().fit(train, valid, setting)

    probe = Probe(Notes, seed=11, budget=Budget(steps=3))
    assert probe.fitted is probe.fitted
    (setting,) = seen
    assert (setting.seed, setting.budget) == (11, Budget(steps=3))


def test_class_in_no_file_is_checked_here_and_it_is_said() -> None:
    space: dict[str, Any] = {"Honest": Honest}
    exec("class Notebook(Honest):\n    'In no file.'\n", space)
    cls: type[LanguageModel] = space["Notebook"]
    results = {r.name: r for r in run_checks(cls)}
    assert all(r.passed for r in results.values()), [r for r in results.values() if not r.passed]
    assert "not at the top level of a file" in results["same-in-a-fresh-process"].reason


@pytest.mark.parametrize("answer", [None, [0.0], np.zeros(3, int), np.zeros((2, 2))])
def test_answers_of_another_shape_or_type_are_told(answer: Any) -> None:
    class Odd(Honest):
        def log_probs(self, text: Encoded) -> Any:
            return answer

    (result,) = run_checks(Odd, only=["log-probs-agree"])
    assert not result.passed
    assert result.reason.startswith("log_probs returned ")


def test_where_a_plug_in_raised_is_told() -> None:
    class Raises(Honest):
        def next_log_probs(self, text: Encoded, at: Any) -> Any:
            raise IndexError("one\nbeyond")

    (result,) = run_checks(Raises, only=["sums-to-one"])
    assert result.reason.startswith("raised IndexError: one beyond (test_run_checks.py, line ")


def test_an_error_that_says_nothing_is_told_by_its_name() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise ValueError

    class Raises(Honest):
        def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
            raise MuteError

    (result,) = run_checks(Raises, only=["fit-returns-the-model"])
    assert "raised MuteError: no message" in result.reason


def test_nan_is_reported_as_such_and_blamed_on_nothing_else() -> None:
    class Negative(Honest):
        def next_log_probs(self, text: Encoded, at: Any) -> Any:
            return super().next_log_probs(text, at) * np.nan

    failed = [r for r in run_checks(Negative) if not r.passed]
    said = [r for r in failed if "which is not a number" in r.reason]
    assert len(said) >= 15
    assert {r.name for r in failed} - {r.name for r in said} <= {"stream-agrees", "stepper-agrees"}


def test_a_file_that_lies_where_one_stands_shadows_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "honest.py").write_text("raise SystemExit('the wrong file')\n")
    (tmp_path / "tests.py").write_text("raise SystemExit('the wrong file')\n")
    monkeypatch.chdir(tmp_path)
    (result,) = run_checks(Honest, only=["same-in-a-fresh-process"])
    assert result.passed, result.reason


def test_global_randomness_is_put_back() -> None:
    np.random.seed(5)
    before = np.random.random(3)
    np.random.seed(5)
    with global_randomness(7):
        scrambled = np.random.random(3)
    assert not np.array_equal(scrambled, before)
    assert np.array_equal(np.random.random(3), before)
