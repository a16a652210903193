"""The rogues' gallery: every rogue is caught by the right check, every check catches a rogue, no honest model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare import compare
from lmcompare.analysis import load_run
from lmcompare.checks import CHECKS, Result, run_checks
from lmcompare.checks.probe import MarkovTexts
from lmcompare.checks.sampled import CHECKS as IN_A_RUN
from lmcompare.checks.sampled import Scored, run_sampled_checks
from lmcompare.model import LanguageModel, Setting
from tests.checks import rogues, sloppy
from tests.checks.gallery import GALLERY
from tests.checks.honest import Honest
from tests.checks.leaky import Leaky
from tests.checks.sampling import TEXTS, checked, failing

pytestmark = pytest.mark.slow

FRESH = "same-in-a-fresh-process"


def parameters(cls: type[LanguageModel], folder: Path) -> dict[str, Any]:
    return {"memory": str(folder / "memory.txt")} if cls is rogues.Remembers else {}


def one(subject: Any, check: str, **options: Any) -> Result:
    (result,) = run_checks(subject, only=[check], **options)
    return result


@pytest.mark.parametrize(("rogue", "checks", "truth"), GALLERY, ids=[row[0].__name__ for row in GALLERY])
def test_a_wrong_model_is_caught_by_the_right_checks(
    rogue: type[LanguageModel], checks: list[str], truth: str, tmp_path: Path
) -> None:
    given = parameters(rogue, tmp_path)
    results = run_checks(rogue, only=checks, parameters=given)
    assert len(results) == len(checks)
    for result in results:
        assert not result.passed
        assert not result.ok
        assert len(result.reason) > 20
    (tmp_path / "memory.txt").unlink(missing_ok=True)
    assert not truth or truth in failing(checked(rogue(**given)))


@pytest.mark.usefixtures("cells_here")
def test_no_wrong_model_is_ranked_by_a_run(tmp_path: Path) -> None:
    """The harness looks at the very model and the text that it scores."""
    wrong = [rogues.PeeksAhead, rogues.PadsToLongest, rogues.Bits, rogues.SkipsInStream]
    models: list[Any] = [Honest(), *(rogue() for rogue in wrong)]
    texts = MarkovTexts(3).text("run", documents=60, tokens=150)
    words = [" ".join(texts.vocabulary[i] for i in ids if i != 1) for ids in texts.documents()]
    compared = compare(words, models, out=tmp_path / "run", tokens="whitespace", quiet=True)
    assert set(compared.failures) == {"SkipsInStream/0"}, "it gives no score to some token"
    table = compared.table.set_index("name")
    assert table.index[table["status"] == "ranked"].tolist() == ["Honest"]
    run = load_run(tmp_path / "run")
    assert all(run.model(name).failed_checks for name in table.index[table["status"] == "not ranked"])


def test_attention_over_its_own_answer_does_better_than_is_possible_and_is_caught() -> None:
    """Its loss lies below the entropy of the text, which no model of the past can reach."""
    trained = Leaky().fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))
    scores = trained.log_probs(TEXTS.test)
    assert -np.mean(scores) < -np.mean(TEXTS.log_probs(TEXTS.test)) - 0.3
    in_a_run = run_sampled_checks(trained, Scored(TEXTS.test, scores, TEXTS.floor(TEXTS.test)))
    wrong = {result.name for result in in_a_run if not result.passed}
    assert "later words change no earlier score" in wrong
    assert "probabilities sum to one" not in wrong
    results = {r.name: r for r in run_checks(Leaky(steps=2), only=["future-leaves-past-alone", "sums-to-one"])}
    assert "it sees the future" in results["future-leaves-past-alone"].reason
    assert results["sums-to-one"].passed  # its distributions are distributions


def test_every_check_catches_a_rogue() -> None:
    assert {c.name for c in CHECKS} == {check for _, checks, _ in GALLERY for check in checks}
    assert {truth for _, _, truth in GALLERY if truth} < set(IN_A_RUN)


def test_honest_model_passes_every_check() -> None:
    results = run_checks(Honest)
    assert [r.name for r in results] == [c.name for c in CHECKS]
    assert [(r.name, r.reason) for r in results if not r.passed] == []


def test_honest_model_passes_with_another_seed() -> None:
    others = [check.name for check in CHECKS if check.name != FRESH]
    assert all(r.passed for r in run_checks(lambda: Honest(alpha=0.01), seed=7, only=others))


@pytest.mark.parametrize(
    ("rogue", "alone"),
    [
        # What is wrong shows where it is, and does not make other checks cry wolf.
        (rogues.Bits, {"sums-to-one", "very-long-document", "comes-near-the-entropy"}),
        (rogues.StreamPeeks, {"stream-agrees"}),
        (sloppy.StepperStandsStill, {"stepper-agrees"}),
        (sloppy.CarriesInSecret, {"carries-state-as-declared"}),
        (rogues.ForgetsSeed, {"same-seed-same-bits", "same-in-a-fresh-process"}),
        (rogues.OrderOfASet, {"same-in-a-fresh-process"}),
        (sloppy.LearnsNothing, {"comes-near-the-entropy"}),
    ],
)
def test_other_checks_leave_the_rogue_alone(rogue: type[LanguageModel], alone: set[str]) -> None:
    asked = [check.name for check in CHECKS if check.name != FRESH or FRESH in alone]
    assert {r.name for r in run_checks(rogue, only=asked) if not r.passed} == alone


def test_reasons_name_the_place_and_the_figure() -> None:
    start = one(rogues.SentenceStart, "sums-to-one")
    assert "sum to 1.05 at the beginning of document 0" in start.reason
    assert start.figure == pytest.approx(0.05)
    assert start.tolerance == 1e-6
    peek = one(rogues.PeeksAhead, "future-leaves-past-alone")
    assert "it sees the future" in peek.reason
    assert "nats" in peek.reason
    assert peek.figure is not None
    assert peek.figure > 0.1


def test_the_encoder_decoder_has_learned_to_read_its_answer() -> None:
    """It would win every table: nearer to 0 nats than the text's own entropy."""
    result = one(rogues.EncoderDecoder, "no-better-than-possible")
    assert result.figure is not None
    assert result.figure > 1000


def test_known_failures_are_shown_and_stale_excuses_fail() -> None:
    results = {r.name: r for r in run_checks(sloppy.Excused)}
    excused = results["sums-to-one"]
    assert (excused.passed, excused.ok, excused.expected_failure) == (False, True, "answers in bits")
    stale = results["word-vectors-fit"]
    assert (stale.passed, stale.ok, stale.expected_failure) == (False, False, None)
    assert "take the excuse out" in stale.reason
    misspelt = results["known_failures"]
    assert not misspelt.ok
    assert "did you mean 'sums-to-one'?" in misspelt.reason


@pytest.mark.parametrize("declared", [5, {"sums-to-one": 7}, ["sums-to-one"]])
def test_excuses_that_are_none_are_told(declared: Any) -> None:
    class Odd(Honest):
        known_failures = declared

    (told,) = [r for r in run_checks(Odd) if not r.ok]
    assert "known_failures must map names of checks to reasons" in told.reason


def test_a_model_that_breaks_fails_with_the_reason_and_ends_nothing() -> None:
    seen: list[Result] = []
    results = run_checks(sloppy.Breaks, on_result=seen.append)
    assert seen == results
    assert len(results) == len(CHECKS)
    broken = [r for r in results if not r.passed]
    assert len(broken) > 20
    assert all("ZeroDivisionError" in r.reason and "no luck today" in r.reason for r in broken)
