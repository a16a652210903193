"""The conformance kit of studies: one small promise of the contract per check, on the models of a tiny run."""

from __future__ import annotations

import inspect
import json
import math
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from lmcompare import corpora, plugins
from lmcompare.analysis import Run, join, load_run
from lmcompare.checks.kit import Check, Finding, Result, check, checks_in, run_all
from lmcompare.conformance.loads import finished
from lmcompare.harness import run as harness
from lmcompare.harness.cells.job import Job
from lmcompare.harness.experiment import shipped
from lmcompare.harness.overlay import overlaid
from lmcompare.processes import call
from lmcompare.registry import spec
from lmcompare.render.definitions import TERMS
from lmcompare.report.data import ReportData, Section
from lmcompare.report.page import Report, brought_by, section_of
from lmcompare.study import STUDIES, Advice, Computed, Study, checked

HEAVY = ("jinja2", "lmcompare.render.templating", "lmcompare.report", "lmcompare.analysis")  # what cells do without
SECONDS = 120.0  # that a measurement of the tiny model may take
ORDERS = {"unigram": 1, "trigram": 3}  # of the n-gram models of the tiny run, and of the other one
OTHER = {"bigram": 2}
WORDS = ("the", "a", "cat", "dog", "bird", "sees", "hears", "likes", "small", "old", "elephant", "crocodile")


class StudyProbe:
    """Makes the tiny runs that the checks look at.

    Parameters
    ----------
    subject : str or class
        The name of a study, or its class.

    Raises
    ------
    PluginError
        If there is no such study, or if it lacks a name, a title or another attribute.
    """

    known_failures: Mapping[str, str] = {}

    def __init__(self, subject: str | type[Study]) -> None:
        self.name = subject if isinstance(subject, str) else spec(subject)
        self.cls = STUDIES.resolve(subject) if isinstance(subject, str) else checked(subject, self.name)
        self.source = Path(inspect.getfile(self.cls))
        self.measures = self.cls.measure is not Study.measure
        self.folder = Path(tempfile.mkdtemp(prefix="lmcompare-check-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    @cached_property
    def study(self) -> Study:
        """The study."""
        return self.cls()

    @cached_property
    def jobs(self) -> Sequence[Job]:
        """The jobs of a finished run that the study has measured."""
        return self._ran("run", ORDERS, [self.name])

    @property
    def run(self) -> Run:
        """This run, opened anew."""
        assert self.jobs
        return self._opened("run")

    @property
    def joined(self) -> Run:
        """This run and one that the study has not measured, as one."""
        self._ran("other", OTHER, [])
        return join([self.run, self._opened("other")])[0].run

    def _opened(self, name: str) -> Run:
        run = load_run(self.folder / name)
        run.studies = run.named = [self.name]
        return run

    def _ran(self, name: str, orders: Mapping[str, int], studies: Sequence[str]) -> Sequence[Job]:
        jobs: list[Job] = []
        corpus, source = self._corpus()
        models = [{"plugin": "ngram", "name": each, "order": order} for each, order in orders.items()]
        settings = {"name": name, "models": models, "preset": "quick", "threads": 1, "report.studies": studies}
        experiment = overlaid(shipped("default", source), {**settings, "corpus.source": source}.items(), "the check")
        live = {each: plugins.build("ngram", {"order": order}) for each, order in orders.items()}
        harness.run(experiment, self.folder / name, corpus=corpus, live=live, planned=jobs.extend)
        return jobs

    def _corpus(self) -> tuple[corpora.Corpus | None, str]:
        if "text" in self.cls.kinds:
            sentences = [f"{' '.join(WORDS[(n * k + k) % len(WORDS)] for k in range(1, 8))} ." for n in range(240)]
            texts = ["\n".join(sentences[at : at + 6]) for at in range(0, len(sentences), 6)]
            split = {"train": texts[:28], "valid": texts[28:34], "test": texts[34:]}
            return corpora.load(split), "documents"
        file = self.folder / "values.csv"
        file.write_text("value\n" + "".join(f"{math.sin(n / 3) + n % 5 / 10:.3f}\n" for n in range(600)))
        return None, f"series:{file}"

    def measured(self, job: Job) -> Any:
        """Return what the study measures of the model of a job."""
        return self.study.measure(finished(self.table(job), self.study))

    def table(self, job: Job) -> dict[str, Any]:
        """Return a job as ``lmcompare.conformance.loads`` takes it."""
        return {**asdict(job), "path": str(job.path)}


def _as_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, sort_keys=True)


def _not_json(value: Any, what: str) -> str:
    """Return what is wrong with a value that must be JSON-able, "" if nothing is."""
    try:
        _as_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        return f"{what} is not JSON-able ({error}): use numbers that are finite, texts, lists, dictionaries, None"
    return ""


@check("can-be-made")
def can_be_made(probe: StudyProbe) -> Finding:
    """The class is called without arguments."""
    _ = probe.study
    return Finding(True)


@check("measures-json")
def measures_json(probe: StudyProbe) -> Finding:
    """What is measured of a finished model is JSON-able."""
    for job in probe.jobs if probe.measures else ():
        if wrong := _not_json(probe.measured(job), f"what it measures of {job.name}"):
            return Finding(False, wrong)
    return Finding(True, "" if probe.measures else "it measures nothing")


@check("measures-the-same-again")
def measures_the_same_again(probe: StudyProbe) -> Finding:
    """Two measurements of one model are equal."""
    for job in probe.jobs if probe.measures else ():
        first, second = (_as_json(probe.measured(job)) for _ in range(2))
        if first != second:
            return Finding(False, f"two measurements of {job.name} differ: take random numbers from finished.seed")
    return Finding(True)


@check("measures-lightly")
def measures_lightly(probe: StudyProbe) -> Finding:
    """Measuring loads nothing that only a report needs, which would slow down each cell."""
    if not probe.measures:
        return Finding(True)
    asked = (probe.name, probe.table(probe.jobs[0]), sys.path)
    loaded = {*HEAVY} & {*call("lmcompare.conformance.loads:loaded_by", *asked, seconds=SECONDS)}
    return Finding(
        not loaded,
        f"to measure it loads {', '.join(sorted(loaded))}: import in compute or show what only they need"
        if loaded
        else "",
    )


@check("computes-json")
def computes_json(probe: StudyProbe) -> Finding:
    """Figures of a run are JSON-able, and sentences about its models name them."""
    return _computed(probe.study.compute(probe.run), probe.run)


def _computed(found: Any, run: Run) -> Finding:
    if found is None:
        return Finding(True, "it computes nothing")
    if not isinstance(found, Computed):
        return Finding(False, f"compute returned {type(found).__name__}: return a Computed or None")
    if wrong := _not_json(found.figures, "what it computes"):
        return Finding(False, wrong)
    names = [model.name for model in run.models]
    if strange := [name for name in found.doubts if name not in names]:
        return Finding(False, f"it doubts '{strange[0]}', which is not the name of a model of the run")
    if not all(isinstance(each, Advice) for each in found.advice):
        return Finding(False, "its advice is not a tuple of Advice")
    return Finding(True)


@check("brings-its-files")
def brings_its_files(probe: StudyProbe) -> Finding:
    """Its script, style and terms can be read, and the terms are new."""
    *_, groups = brought_by(probe.study)
    known = [key for terms in groups.values() for key in terms if key in TERMS]
    return Finding(not known, f"the term '{known[0]}' is in the glossary already: use it as it is" if known else "")


@check("shows-a-section")
def shows_a_section(probe: StudyProbe) -> Finding:
    """The section of a report has the place that the first question of the study leads to."""
    if not probe.study.title:
        return Finding(True, "it shows nothing")
    found = section_of(probe.study, ReportData(probe.run))
    if found is None:
        return Finding(True, "it has nothing to show of the tiny run")
    if not isinstance(found, Section):
        return Finding(False, f"show returned {type(found).__name__}: return a Section or None")
    page = Report(probe.run).html()
    for place in (found.key, *[*probe.study.questions][:1]):  # other places may not be there in every run
        if f' id="{place}"' not in page:
            return Finding(
                False, f"no place of the page has the id '{place}': use the key of the section, or an id in it"
            )
    return Finding(True)


@check("stands-runs-without-it")
def stands_runs_without_it(probe: StudyProbe) -> Finding:
    """A report of several runs can be made if one of them was not measured."""
    run = probe.joined
    found = _computed(probe.study.compute(run), run)
    if found.passed and probe.study.title:
        section_of(probe.study, ReportData(run))
    return found


STUDY_CHECKS: tuple[Check[StudyProbe], ...] = checks_in(sys.modules[__name__])


def run_study_checks(
    subject: str | type[Study], on_result: Callable[[Result], object] = lambda _: None
) -> list[Result]:
    """Run the conformance kit against a study. Whatever the study raises becomes a failed result.

    Parameters
    ----------
    subject : str or class
        The name of a study, or its class.
    on_result : callable
        Called with each result as it comes.

    Raises
    ------
    PluginError
        If there is no such study, or if it lacks a name, a title or another attribute.
    """
    return run_all(STUDY_CHECKS, StudyProbe(subject), on_result)
