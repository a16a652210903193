"""What a probe says of a model's time is near what its training takes."""

from __future__ import annotations

import math
from dataclasses import replace
from unittest.mock import Mock

import pytest

from lmcompare.harness import environment, runner
from lmcompare.harness.cells.job import Job
from lmcompare.harness.progress import Display
from lmcompare.runfolder.run import Run
from tests.conftest import called_here


@pytest.fixture(autouse=True)
def probed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "call", called_here)
    runner._PROBED.clear()


MACHINE = {"device": "cpu", "threads": 1, "processes": 1}


class Probes:
    """Stands for the process of a probe, and remembers the plug-ins."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, function: str, *table: object, seconds: float) -> dict[str, float]:
        self.asked.append(str(table[2]))
        return {"training": 7.0, "valid": 1.0, "test": 2.0, "memory": 1e8}


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


@pytest.mark.slow
def test_more_steps_cost_more(run: Run) -> None:
    few, many = (runner.estimate([job(run, "transformer", steps=steps, **SMALL)]) for steps in (10, 10_000))
    assert few is not None
    assert many is not None
    assert runner.STARTING < few < many
    over = [job(run, "cache", base="transformer", options={"steps": steps, **SMALL}) for steps in (10, 10_000)]
    few, many = (runner.estimate([each]) for each in over)
    assert few is not None
    assert many is not None
    assert runner.STARTING < few < many - 10


def test_jobs_add_up_and_a_plug_in_is_probed_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    probes = Probes()
    monkeypatch.setattr(runner, "call", probes)
    changed = [job(run, f"lmcompare.lab.changes:{name}") for name in ("AttentionByDistance", "PartNGram")]
    other = replace(job(run, "transformer"), tokens_fingerprint="0" * 16)
    over = [job(run, "cache", base=base) for base in ("ngram", "rnn")]
    jobs = [job(run, "transformer"), *changed, job(run, "unigram"), job(run, "ngram"), other]
    assert runner.estimate([*jobs, *over]) == 80.0 + 8 * runner.STARTING
    assert probes.asked == [
        "transformer",
        "lmcompare.lab.changes:PartNGram",
        "unigram",
        "transformer",
        "cache",
        "cache",
    ]
    monkeypatch.setattr(environment, "available_memory", lambda: 1e9)
    free, needed = runner.Here(2, Display()).memory(jobs[:4])
    assert free == 1e9
    assert [needed(each) for each in jobs[:4]] == [1e8] * 4
    assert len(probes.asked) == 6  # what told the time tells the memory as well
    monkeypatch.setattr(environment, "available_memory", lambda: 2 * runner.PLENTY)
    assert runner.Here(2, Display()).memory(jobs)[1](jobs[0]) == 0  # there is plenty


def test_nothing_fits_beside_a_cell_whose_memory_could_not_be_measured(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = {
        "transformer": None,  # the probe has failed
        "ngram": runner.Cost(1.0, 1.0, 1.0, None),  # the system does not say
        "unigram": runner.Cost(1.0, 1.0, 1.0, 1e8),
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
    monkeypatch.setattr(runner, "peak_memory_bytes", lambda: None)
    found = runner.probe(job(run, "unigram"))
    assert found is not None
    assert found.seconds is not None
    assert found.memory is None


@pytest.mark.slow
def test_a_budget_replaces_the_steps(run: Run) -> None:
    small = job(run, "transformer", steps=10_000, **SMALL)
    whole, seconds, steps = (
        runner.probe(replace(small, budget=budget)) for budget in ({}, {"seconds": 5.0}, {"steps": 20})
    )
    assert whole is not None and seconds is not None and steps is not None  # noqa: PT018
    assert seconds.training == 5.0
    assert steps.training is not None and whole.training is not None  # noqa: PT018
    assert steps.training < whole.training / 10
    assert (whole.memory or 0) > 1e6


def test_a_probe_that_fails_is_no_estimate(run: Run) -> None:
    assert runner.estimate([job(run, "transformer", width=7)]) is None
    assert runner.estimate([]) == 0.0
