"""Cells that run at the same time: the same figures, marked costs, and nobody's files touched or lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import lmcompare
from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.harness import environment, runner
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import RunOptions, check_workers, chosen, workers_of
from lmcompare.harness.run import run
from lmcompare.harness.runner import Cost
from lmcompare.model import Setting
from lmcompare.report.write import write_reports
from lmcompare.runfolder.manifest import Machine
from lmcompare.tokens import Encoded
from tests.harness.small import FLAT, Watch, small_experiment
from tests.test_api import TEXTS, LastSeen

UNIGRAM, NGRAM = {"plugin": "unigram"}, {"plugin": "ngram"}
SIZES = {"unigram": 600.0, "ngram": 500.0, "class-ngram": 300.0}


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here")
class TestHere:
    """With cells in threads of this process, which wait for one another."""

    @pytest.fixture(autouse=True)
    def _cores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environment, "check_workers", lambda *_: None)

    @pytest.fixture
    def memory(self, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
        """The cells that run at the same time as each begins; 1,000 bytes of memory are free."""
        now, seen, one, lock = set[str](), list[set[str]](), runner._run_one, threading.Lock()
        costs = {name: Cost(0.0, 0.0, 0.0, size) for name, size in SIZES.items()}

        def noted(job: Job, *rest: Any) -> str | None:
            with lock:
                now.add(job.name)
                seen.append(set(now))
            try:
                return one(job, *rest)
            finally:
                now.remove(job.name)

        monkeypatch.setattr(environment, "available_memory", lambda: 1_000.0)
        monkeypatch.setattr(runner, "probe", lambda job: costs.get(job.plugin))
        monkeypatch.setattr(runner, "_run_one", noted)
        return seen

    def test_two_workers_give_the_figures_of_one_and_mark_the_costs(self, place: Path) -> None:
        for workers in (1, 2):
            plan = small_experiment(FLAT, UNIGRAM, threads=1, workers=workers)
            assert not run(plan, place / f"{workers}", base=place).failures
        alone, beside = (load_run(place / f"{workers}") for workers in (1, 2))
        for one, other in zip(alone.cells, beside.cells, strict=True):
            for name in ("scores.parquet", "words.parquet", "top.parquet"):
                assert (one.path / name).read_bytes() == (other.path / name).read_bytes()
            assert (one.cost["beside"], other.cost["beside"]) == (False, True)
            keys = ("timed_alone", "microseconds_per_token", "microseconds_per_list")
            found = [other.cost[key] for key in keys]
            assert found[0] is True
            assert min(found[1:]) > 0
        for one_run, is_said in ((alone, False), (beside, True)):
            write_reports(one_run.path)
            assert ("table is that by the clock" in (one_run.path / "report.html").read_text("utf-8")) == is_said
        another = small_experiment(UNIGRAM, NGRAM, threads=1, workers=2)
        assert not run(another, place / "1", base=place).failures
        costs = {cell.name: cell.cost["beside"] for cell in load_run(place / "1").cells}
        assert costs["ngram"] is False  # unigram is finished already

    def test_as_many_run_at_the_same_time_as_there_are_workers(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meet = threading.Barrier(3, timeout=60)
        one = runner._run_one

        def met(job: Job, *rest: Any) -> str | None:
            meet.wait()
            return one(job, *rest)

        monkeypatch.setattr(runner, "_run_one", met)
        plan = small_experiment(UNIGRAM, seeds=[0, 1, 2, 3, 4, 5], threads=1).replace("test", workers=3)
        assert not run(plan, place / "run", base=place).failures
        assert len(load_run(place / "run").scored[0].done) == 6

    def test_cells_that_do_not_fit_into_memory_together_run_after_one_another(
        self, place: Path, memory: list[set[str]]
    ) -> None:
        plan = small_experiment(UNIGRAM, NGRAM, {"plugin": "class-ngram"}, threads=1, workers=3)
        assert not run(plan, place / "run", base=place).failures
        assert max(sum(SIZES[name] for name in cells) for cells in memory) <= 1_000
        assert max(len(cells) for cells in memory) == 2  # 600 and 300 fit

    def test_a_cell_whose_memory_could_not_be_measured_runs_alone(self, place: Path, memory: list[set[str]]) -> None:
        plan = small_experiment(UNIGRAM, FLAT, {"plugin": "class-ngram"}, threads=1, workers=3)
        assert not run(plan, place / "run", base=place).failures
        assert len(memory) == 3
        assert [cells for cells in memory if "flat" in cells] == [{"flat"}]

    def test_an_interruption_ends_all_and_keeps_what_is_finished(self, place: Path) -> None:
        class Interrupts(Watch):
            def event(self, cell: int, event: Mapping[str, Any]) -> None:
                super().event(cell, event)
                if event["event"] == "done":
                    raise KeyboardInterrupt

        plan = small_experiment(UNIGRAM, seeds=[0, 1, 2, 3], threads=1, workers=2)
        with pytest.raises(KeyboardInterrupt):
            run(plan, place / "run", base=place, show=Interrupts())
        done = len(load_run(place / "run").scored[0].done)
        assert 1 <= done < 4
        watch = Watch()
        assert not run(plan.replace("test", workers=1), place / "run", base=place, show=watch).failures
        assert len(load_run(place / "run").scored[0].done) == 4
        assert sum(stages == ["kept"] for stages in watch.stages.values()) <= done

    def test_an_interruption_ends_what_still_runs(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        begun, ended = threading.Event(), threading.Event()

        def one(job: Job, *_: Any) -> str | None:
            if job.seed == 0 and begun.wait(10):
                raise KeyboardInterrupt
            begun.set()
            return None if ended.wait(10) else "nobody ended it"

        monkeypatch.setattr(runner, "_run_one", one)
        monkeypatch.setattr(runner, "end_running", ended.set)
        with pytest.raises(KeyboardInterrupt):
            run(small_experiment(UNIGRAM, seeds=[0, 1], threads=1, workers=2), place / "run", base=place)
        assert ended.is_set()

    def test_a_cell_tells_on_which_machines_it_was_trained_and_scored(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = small_experiment(UNIGRAM, NGRAM, threads=1)
        assert not run(plan, place / "run", base=place).failures
        here = environment.this_machine()
        assert load_run(place / "run").machines == (Machine(**here),)
        assert load_run(place / "run").one_machine
        monkeypatch.setattr("lmcompare.harness.cells.cell.this_machine", lambda: {**here, "cpu": "Another processor"})
        (place / "run/cells/ngram/0/scores.parquet").unlink()  # the trained model is scored again
        assert not run(plan, place / "run", base=place).failures
        found = load_run(place / "run")
        cpus = {cell.name: [machine.cpu for machine in cell.machines] for cell in found.cells}
        assert cpus == {"unigram": [here["cpu"]], "ngram": [here["cpu"], "Another processor"]}
        assert not found.one_machine

    def test_a_model_that_was_trained_beside_others_is_remembered_when_it_is_scored_alone(self, place: Path) -> None:
        plan = small_experiment(UNIGRAM, NGRAM, threads=1, workers=2)
        assert not run(plan, place / "run", base=place).failures
        (place / "run/cells/ngram/0/scores.parquet").unlink()
        assert not run(plan.replace("test", workers=1), place / "run", base=place).failures
        assert load_run(place / "run").cells[1].cost["beside"]

    def test_a_budget_in_seconds_is_not_shared(self, place: Path) -> None:
        plan = small_experiment(FLAT, UNIGRAM, NGRAM, threads=1, workers=2, budget={"seconds": 60})
        assert not run(plan, place / "run", base=place).failures
        costs = {cell.name: cell.cost["beside"] for cell in load_run(place / "run").cells}
        assert costs == {"flat": False, "unigram": True, "ngram": True}


@pytest.mark.parametrize(
    ("workers", "threads", "cores", "device", "said"),
    [
        (2, 2, 2, "cpu", "give --threads 1"),
        (3, 4, 8, "cpu", "give --threads 2"),
        (9, 1, 8, "cpu", "at most 8 workers"),
        (2, 1, 1, "cpu", "leave --workers out"),
        (2, 1, 8, "cuda", "--device cpu"),
    ],
)
def test_workers_that_would_share_cores_are_refused(
    workers: int, threads: int, cores: int, device: str, said: str
) -> None:
    with pytest.raises(LmcompareError, match=said):
        check_workers(workers, threads, cores, device)


@pytest.mark.parametrize(
    ("cores", "given", "threads", "workers"),
    [
        (1, {}, 1, 1),
        (2, {}, 1, 2),
        (3, {}, 1, 3),
        (8, {}, 4, 2),
        (64, {}, 4, 4),
        (8, {"threads": 2}, 2, 4),
        (2, {"threads": 2}, 2, 1),
        (2, {"processes": 2}, 2, 1),
        *((8, {"workers": workers}, 4, workers) for workers in (1, 2)),  # the threads belong to a cell's key
    ],
)
def test_trainings_share_the_cores(
    cores: int, given: dict[str, Any], threads: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "usable_cores", lambda: cores)
    monkeypatch.setattr(environment, "_device", lambda wanted: wanted)
    options = RunOptions(device="cpu", **given)
    machine = chosen(options)
    assert workers_of(options, {**machine, "device": "cuda"}) == given.get("workers", 1)
    assert (machine["threads"], workers_of(options, machine)) == (threads, workers)


def test_workers_with_cores_of_their_own_pass() -> None:
    for workers, threads, cores, device in ((1, 8, 2, "cuda"), (2, 1, 2, "cpu"), (4, 2, 8, "cpu")):
        check_workers(workers, threads, cores, device)


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here")
def test_a_class_may_leave_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaves(LastSeen):
        def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> LastSeen:  # type: ignore[override]
            os.chdir("/")
            return super().fit(train, valid, setting)

    monkeypatch.chdir(tmp_path)
    assert lmcompare.compare(TEXTS, [Leaves], out="out", quiet=True).models == ("Leaves",)
    assert Path.cwd() == tmp_path
