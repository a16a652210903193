"""What a probe says of a model's time is near what its training takes."""

from __future__ import annotations

import math
from dataclasses import replace
from unittest.mock import Mock

import pytest

from lmcompare.harness import cost, environment, runner
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.runfolder.run import Run
from tests.conftest import called_here


@pytest.fixture(autouse=True)
def probed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "call", called_here)
    cost._probed.cache_clear()


MACHINE = {"device": "cpu", "threads": 1, "processes": 1}


def job(run: Run, plugin: str, **hyperparameters: object) -> Job:
    model = run.scored[0]
    corpus = run.tokens[model.tokens_fingerprint]
    return Job(
        folder=str(run.path),
        name="x",
        plugin=plugin,
        seed=0,
        tokens_fingerprint=corpus.fingerprint,
        tokenizer=corpus.tokenizer.kind,
        source_digest="",
        hyperparameters=dict(hyperparameters),
        machine=MACHINE,
    )


SMALL = {"width": 16, "heads": 2, "window": 9, "batch": 4, "length": 16, "precision": "float32"}


def test_more_steps_cost_more(run: Run) -> None:
    few, many = (cost.estimate([job(run, "transformer", steps=steps, **SMALL)]) for steps in (10, 10_000))
    assert few is not None
    assert many is not None
    assert cost.STARTING < few < many


def test_jobs_add_up_and_a_plug_in_is_probed_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def probe(function: str, *table: object, seconds: float) -> dict[str, float]:
        asked.append(str(table[2]))
        return {"training": 7.0, "valid": 1.0, "test": 2.0, "memory": 1e8}

    monkeypatch.setattr(cost, "call", probe)
    changed = [job(run, f"lmcompare.lab.changes:{name}") for name in ("EvenAttention", "PartNGram")]
    other = replace(job(run, "transformer"), tokens_fingerprint="0" * 16)
    jobs = [job(run, "transformer"), *changed, job(run, "unigram"), job(run, "ngram"), other]
    assert cost.estimate(jobs) == 60.0 + 6 * cost.STARTING
    assert asked == ["transformer", "lmcompare.lab.changes:PartNGram", "unigram", "transformer"]


def test_memory_is_measured_once_for_a_family_and_a_job_is_probed_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def probe(function: str, *table: object, seconds: float) -> dict[str, float]:
        asked.append(str(table[2]))
        return {"training": 7.0, "valid": 1.0, "test": 2.0, "memory": 1e8}

    monkeypatch.setattr(cost, "call", probe)
    monkeypatch.setattr(environment, "available_memory", lambda: 1e9)
    jobs = [job(run, "transformer"), job(run, "lmcompare.lab.changes:EvenAttention"), job(run, "unigram")]
    assert cost.estimate(jobs) == 3 * (10.0 + cost.STARTING)
    free, needed = runner.Here(2, Display()).memory(jobs)
    assert free == 1e9
    assert [needed(each) for each in jobs] == [1e8] * 3
    assert asked == ["transformer", "unigram"]  # what told the time tells the memory as well


def test_nothing_fits_beside_a_cell_whose_memory_could_not_be_measured(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = {
        "transformer": None,  # the probe has failed
        "ngram": cost.Cost(1.0, 1.0, 1.0, None),  # the system does not say
        "unigram": cost.Cost(1.0, 1.0, 1.0, 1e8),
    }
    monkeypatch.setattr(runner, "probe", lambda job: probed[job.plugin])
    monkeypatch.setattr(environment, "available_memory", lambda: 1e9)
    jobs = [replace(job(run, plugin), name=f"my-{plugin}") for plugin in probed]
    show = Mock()
    _, needed = runner.Here(2, show).memory(jobs)
    assert [needed(each) for each in jobs] == [math.inf, math.inf, 1e8]
    said = [call.args[0] for call in show.say.call_args_list]
    assert sum("my-transformer, my-ngram take could not be measured" in sentence for sentence in said) == 1
    assert "my-unigram" not in " ".join(said)


def test_a_probe_does_not_know_the_memory_where_the_system_does_not_say(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "peak_memory_bytes", lambda: None)
    found = cost.probe(job(run, "unigram"))
    assert found is not None
    assert found.seconds is not None
    assert found.memory is None


def test_a_budget_replaces_the_steps(run: Run) -> None:
    small = job(run, "transformer", steps=10_000, **SMALL)
    of = {name: cost.probe(replace(small, budget={name: much})) for name, much in (("seconds", 5.0), ("steps", 20))}
    whole = cost.probe(small)
    assert whole is not None
    assert of["seconds"] is not None
    assert of["steps"] is not None
    assert of["seconds"].training == 5.0
    assert of["steps"].training is not None
    assert whole.training is not None
    assert of["steps"].training < whole.training / 10
    assert whole.memory is not None
    assert whole.memory > 1e6


def test_a_probe_that_fails_is_no_estimate(run: Run) -> None:
    assert cost.estimate([job(run, "transformer", width=7)]) is None
    assert cost.estimate([]) == 0.0
