"""Tests of the ensemble: the mean of its members, what they are trained with, and its errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lmcompare import plugins
from lmcompare.exhibits import Curve, WorkedEquation
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.ensemble import Ensemble
from lmcompare.tokens import Vocabulary
from tests.models.mixture.cases import animals, encoded

pytestmark = pytest.mark.slow

SMALL = {"width": 8, "heads": 1, "layers": 1, "steps": 6, "batch": 4, "length": 8, "precision": "float32"}
VOCABULARY = Vocabulary.build(animals(30, 0))
TRAIN, VALID, TEST = (encoded(animals(size, seed), VOCABULARY) for size, seed in ((30, 0), (10, 1), (4, 2)))


def trained(setting: Setting | None = None, **options: object) -> Ensemble:
    model = Ensemble(options=SMALL, **options)  # type: ignore[arg-type]
    return model.fit(TRAIN, VALID, setting or Setting(VOCABULARY))


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return trained()


def test_its_probabilities_are_the_mean_of_trainings_with_the_next_seeds() -> None:
    found = trained(Setting(VOCABULARY, seed=5), members=2).log_probs(TEST)
    alone = []
    for seed in (10, 11):
        model = plugins.build("transformer", SMALL).fit(TRAIN, VALID, Setting(VOCABULARY, seed=seed))
        alone.append(np.exp(model.log_probs(TEST).astype(np.float64)))
    assert np.exp(found) == pytest.approx((alone[0] + alone[1]) / 2, rel=1e-6)
    assert not np.allclose(alone[0], alone[1])


def test_members_together_are_never_worse_than_they_are_on_average(ensemble: Ensemble) -> None:
    growth = ensemble._growth
    assert len(growth.alone) == len(growth.together) == 3
    assert growth.together[0] == growth.alone[0]
    assert growth.together[2] < np.mean(growth.alone)
    assert growth.together[2] == pytest.approx(-ensemble.log_probs(VALID).mean())


def test_a_budget_is_divided_among_the_members() -> None:
    reports: list[Progress] = []
    setting = Setting(VOCABULARY, budget=Budget(steps=8), progress=reports.append)
    trained(setting, members=3)
    ends = [report for report in reports if report.valid_loss is not None]
    assert [end.step for end in ends] == [3, 6, 8]
    within = [(report.step, report.steps) for report in reports if report.valid_loss is None]
    assert {(1, 9), (3, 9), (6, 9), (6, 6)} <= set(within)  # as if all members had as many steps as this one
    assert {report.note for report in reports} >= {"member 1 of 3", "member 3 of 3"}
    alone: list[Progress] = []
    three = replace(setting, budget=Budget(steps=3), progress=alone.append)
    plugins.build("transformer", SMALL).fit(TRAIN, VALID, three)
    assert ends[0].tokens == alone[-1].tokens
    assert ends[1].tokens is not None
    assert ends[1].tokens > 1.8 * (alone[-1].tokens or 0)  # another seed begins at another place


def test_members_that_are_finished_are_not_trained_again(tmp_path: Path) -> None:
    first = trained(Setting(VOCABULARY, checkpoints=tmp_path), members=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    reports: list[Progress] = []
    again = trained(Setting(VOCABULARY, checkpoints=tmp_path, progress=reports.append), members=2)
    assert (again.log_probs(TEST) == first.log_probs(TEST)).all()
    assert max((report.step for report in reports), default=0) == 0


def test_its_exhibits_have_its_own_numbers(ensemble: Ensemble) -> None:
    shown = list(ensemble.exhibits(TEST.split_sentences()))
    worked = next(each for each in shown if isinstance(each, WorkedEquation))
    *members, mean = (value for _, value in worked.lines)
    assert mean == pytest.approx(np.mean(members))
    curve = next(each for each in shown if isinstance(each, Curve))
    assert curve.y[0][-1] == pytest.approx(ensemble._growth.together[-1] / np.log(2))
    assert any(each.title.startswith("The first member: ") for each in shown)


def test_its_size_is_that_of_all_members(ensemble: Ensemble) -> None:
    one = plugins.build("transformer", SMALL).fit(TRAIN, VALID, Setting(VOCABULARY))
    assert ensemble.size().parameters == 3 * one.size().parameters
    wanted = ensemble.sized(30_000, len(VOCABULARY))
    assert wanted is not None
    assert wanted["options"]["steps"] == SMALL["steps"]
    assert wanted["options"]["width"] > SMALL["width"]


def test_a_preset_is_that_of_the_base() -> None:
    quick = plugins.build("ensemble", {"base": "rnn"}, "quick")
    assert isinstance(quick, Ensemble)
    assert quick.new_base().hyperparameters() == plugins.build("rnn", {}, "quick").hyperparameters()


@pytest.mark.parametrize(("base", "in_steps"), [("ngram", False), ("feed-forward", True)])
def test_only_members_that_train_in_steps_give_it_a_learning_curve(base: str, in_steps: bool) -> None:
    reports: list[Progress] = []
    options = {"steps": 4, "width": 8, "batch": 4, "length": 8} if in_steps else {}
    Ensemble(base, options, members=2).fit(TRAIN, VALID, Setting(VOCABULARY, progress=reports.append))
    assert any(report.valid_loss is not None for report in reports) == in_steps
