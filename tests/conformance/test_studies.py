"""The kit of studies: an honest one passes, and each fault is told in one sentence."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from lmcompare.conformance import studies as kit
from lmcompare.conformance.studies import STUDY_CHECKS, run_study_checks
from lmcompare.conformance.worker import run_checks_apart
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.study import Advice, Computed, Finished, Study
from tests.conftest import called_here

count = itertools.count()


class Honest(Study):
    """How many tokens has the test text?"""

    name = "honest"
    title = "Honest"
    questions = {"honest": "How many tokens has the test text?"}  # noqa: RUF012

    def measure(self, finished: Finished) -> Any:
        return {"tokens": len(finished.corpus.test)}

    def compute(self, run: Any) -> Any:
        found = {model.name: model.first.measured(self.name) for model in run.scored}
        return Computed({name: each["tokens"] for name, each in found.items() if each})

    def show(self, report: Any) -> Any:
        from lmcompare.report.data import Section

        return Section.of_text(self.name, "Honest", "{{ found }}", found=report.results["studies"][self.name])


class Brings(Honest):
    script = "document.title = 'Honest'"
    style = "#honest { color: teal }"
    terms = "[Text.honest]\nname = 'Honest'\ndefinition = 'It says what it has.'"


class LacksItsScript(Honest):
    script = "honest.js"


class EndsItsScript(Honest):
    script = "x = '</script>'"


class NamesNoTerm(Honest):
    terms = "[Text.honest]\nmeaning = 'It says what it has.'"


class DefinesAnew(Honest):
    terms = "[Scores.loss]\nname = 'Loss'\ndefinition = 'Another one.'"


class NeedsArguments(Honest):
    def __init__(self, what: str) -> None:
        self.what = what


class MeasuresASet(Honest):
    def measure(self, finished: Finished) -> Any:
        return {1, 2}


class MeasuresInfinity(Honest):
    def measure(self, finished: Finished) -> Any:
        return {"tokens": float("inf")}


class MeasuresByChance(Honest):
    def measure(self, finished: Finished) -> Any:
        return {"tokens": next(count)}


class ComputesATable(Honest):
    def compute(self, run: Any) -> Any:
        return {"tokens": 1}


class ComputesAnObject(Honest):
    def compute(self, run: Any) -> Any:
        return Computed(object())


class DoubtsNobody(Honest):
    def compute(self, run: Any) -> Any:
        return Computed(1, {"nobody": "It is odd."})


class AdvisesAText(Honest):
    def compute(self, run: Any) -> Any:
        return Computed(1, {}, ("More.",))  # type: ignore[arg-type]


class Advises(Honest):
    def compute(self, run: Any) -> Any:
        return Computed(1, {"trigram": "It is odd."}, (Advice("More", "More of it."),))


class ShowsAText(Honest):
    def show(self, report: Any) -> Any:
        return "<p>text</p>"


class AnswersElsewhere(Honest):
    questions = {"elsewhere": "Where?"}  # noqa: RUF012


class NeedsAllRuns(Honest):
    def compute(self, run: Any) -> Any:
        return Computed({model.name: model.first.measured(self.name)["tokens"] for model in run.scored})


LIGHT = """
from lmcompare.study import Study


class Light(Study):
    name = "light"

    def measure(self, finished):
        return 1


class Heavy(Light):
    def measure(self, finished):
        import lmcompare.report.page

        return 1
"""


@pytest.fixture
def loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a measurement loads is not looked at: another process takes a second."""
    monkeypatch.setattr(kit, "call", lambda *_, **__: [])


def failed(study: str | type[Study]) -> dict[str, str]:
    return {result.name: result.reason for result in run_study_checks(study) if not result.passed}


@pytest.mark.usefixtures("loads_nothing")
@pytest.mark.parametrize("study", [Honest, Advises, Brings])
def test_an_honest_study_passes(study: type[Study]) -> None:
    told: list[Any] = []
    assert [result.name for result in run_study_checks(study, told.append)] == [each.name for each in STUDY_CHECKS]
    assert [result.reason for result in told if not result.passed] == []


@pytest.mark.usefixtures("loads_nothing")
@pytest.mark.parametrize(
    ("study", "check", "why"),
    [
        (NeedsArguments, "can-be-made", "missing 1 required positional argument"),
        (MeasuresASet, "measures-json", "what it measures of unigram is not JSON-able"),
        (MeasuresInfinity, "measures-json", "use numbers that are finite"),
        (MeasuresByChance, "measures-the-same-again", "two measurements of unigram differ"),
        (ComputesATable, "computes-json", "compute returned dict: return a Computed or None"),
        (ComputesAnObject, "computes-json", "what it computes is not JSON-able"),
        (DoubtsNobody, "computes-json", "it doubts 'nobody', which is not the name of a model"),
        (AdvisesAText, "computes-json", "its advice is not a tuple of Advice"),
        (
            LacksItsScript,
            "brings-its-files",
            "the script of the study 'honest' can't be read: put a text file honest.js",
        ),
        (EndsItsScript, "brings-its-files", "the script of the study 'honest' has </script in it"),
        (NamesNoTerm, "brings-its-files", "the terms of the study 'honest' can't be read"),
        (DefinesAnew, "brings-its-files", "the term 'loss' is in the glossary already"),
        (ShowsAText, "shows-a-section", "show returned str: return a Section or None"),
        (AnswersElsewhere, "shows-a-section", "no place of the page has the id 'elsewhere'"),
        (NeedsAllRuns, "stands-runs-without-it", "'NoneType' object is not subscriptable"),
    ],
)
def test_a_fault_is_told(study: type[Study], check: str, why: str) -> None:
    assert why in failed(study)[check]


@pytest.mark.slow
def test_what_only_a_report_needs_is_not_loaded_to_measure(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(LIGHT)
    assert failed(f"{tmp_path}/own.py:Light") == {}
    (reason,) = failed(f"{tmp_path}/own.py:Heavy").values()
    assert "to measure it loads jinja2, lmcompare.analysis" in reason


@pytest.mark.usefixtures("loads_nothing")
def test_a_study_is_told_from_a_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lmcompare.conformance.worker.call", called_here_for_long)
    (tmp_path / "own.py").write_text(
        "from tests.conformance.test_studies import Honest\n\n\nclass Own(Honest):\n    pass\n"
    )
    for name in ("memorisation", f"{tmp_path}/own.py:Own"):
        assert [each.name for each in run_checks_apart(name, {}, 0, print)] == [each.name for each in STUDY_CHECKS]
    with pytest.raises(LmcompareError, match="a study has no hyper-parameters: leave out --set"):
        run_checks_apart("memorisation", {"order": 3}, 0, print)
    with pytest.raises(LmcompareError, match="did you mean 'memorisation'"):
        run_checks_apart("memorization", {}, 0, print)


def called_here_for_long(*asked: Any, seconds: float | None, **more: Any) -> Any:
    return called_here(*asked, seconds=seconds or 1.0, **more)


def test_one_that_is_not_whole_is_refused_in_one_sentence() -> None:
    class Nameless(Study):
        pass

    with pytest.raises(PluginError, match="can't be imported by another process"):
        run_study_checks(Nameless)
    with pytest.raises(PluginError, match="unknown study 'slcies'"):
        run_study_checks("slcies")
