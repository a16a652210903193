"""What a run shows while it goes on: its manifest after each cell, and reports of what is finished."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.harness.cells.job import Job
from lmcompare.harness.meanwhile import ENOUGH, LAST, SOON, Meanwhile
from lmcompare.harness.run import run
from lmcompare.report.write import write_reports
from tests.harness.small import Watch, small_experiment

UNIGRAM, NGRAM, FLAT = {"plugin": "unigram"}, {"plugin": "ngram"}, {"plugin": "plugins.py:Flat", "name": "flat"}


def job_of(name: str, work: float = 0.0) -> Job:
    return Job(*("/run", name, name, 0, "", "", "", {}, {}), trains_in_steps=work > 0, work=work)


COUNTS, SHORT, LONG, LAST_ONE = (
    job_of(n, w) for n, w in (("counts", 0), ("short", 1.0), ("long", 3.0), ("last", 2.0))
)


class Seen:
    """A run of four cells on two workers, whose clock the test sets; what is written, and when reports are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.reports, self.written = 100.0, 0, list[tuple[list[str], list[str], float | None]]()
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        self.meanwhile = Meanwhile(lambda: 2, self.write, self.report)
        self.meanwhile.expect([COUNTS, SHORT, LONG, LAST_ONE])

    def write(self, ended: Any, waiting: Any, left: float | None) -> Any:
        self.written.append(([job.name for job in ended], [job.name for job in waiting], left))

    def report(self) -> None:
        self.reports += 1

    def says(self, job: Job, **event: Any) -> int:
        """A cell reports something; return how many reports there are then."""
        self.meanwhile.saw(job, {"event": "progress", "steps": 100, **event} if "step" in event else event)
        self.meanwhile.look()
        return self.reports


def test_the_first_report_waits_for_the_counts_and_a_pace_and_two_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    assert seen.says(LONG, event="stage", stage="training") == 0
    assert seen.says(LONG, step=10, seconds=10.0) == 0  # the counts are not finished
    assert seen.says(COUNTS, event="done") == 1
    assert seen.says(SHORT, step=100, seconds=20.0) == 1
    assert seen.says(SHORT, event="done") == 2
    assert seen.says(LONG, event="failed", error="out of luck") == 3
    assert seen.says(LAST_ONE, event="done") == 3  # the final report follows
    assert seen.written[-1][:2] == (["counts", "short", "long", "last"], [])
    assert seen.meanwhile.has_finished(SHORT)
    assert not seen.meanwhile.has_finished(LONG)


def test_without_counts_the_first_report_comes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    assert seen.says(SHORT, step=100, seconds=40.0) == 0
    assert seen.says(SHORT, event="done") == 0
    seen.now += SOON + 1
    seen.meanwhile.look()
    assert seen.reports == 1


def test_the_time_that_is_left_follows_from_the_paces(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    seen.now += 7.0
    assert seen.meanwhile.left() == 7.0  # nothing is known: as long again
    seen.says(LONG, step=50, seconds=30.0)  # half of 3 takes 30 s: a unit of work takes 20 s
    # long 30 s more, short 20 s, last 40 s, on two workers
    assert seen.meanwhile.left() == pytest.approx((30 + 20 + 40) / 2 + LAST)
    seen.says(SHORT, event="done")
    seen.says(LAST_ONE, event="done")
    assert seen.meanwhile.left() == pytest.approx(30 + LAST)  # one alone can't be shared
    assert seen.meanwhile.left() > ENOUGH


@pytest.mark.usefixtures("cells_here")
class TestWholeRuns:
    def test_the_manifest_follows_the_cells_and_their_models_can_be_used(self, place: Path) -> None:
        found: list[tuple[list[str], tuple[str, ...]]] = []

        class Looks(Watch):
            def event(self, cell: int, event: Mapping[str, Any]) -> None:
                super().event(cell, event)
                if event.get("stage") == "starting":
                    there = load_run(place / "run")
                    found.append(([model.name for model in there.scored], there.manifest.waiting))
                    if there.scored:
                        write_reports(place / "run", held=True)
                        said = (place / "run/report.html").read_text("utf-8")
                        assert ("Not final" in said, "renew" in said) == (True, True)
                        assert "Not final: flat" in (place / "run/report.md").read_text("utf-8")

        plan = small_experiment(UNIGRAM, FLAT, NGRAM)
        assert not run(plan, place / "run", base=place, show=Looks()).failures
        assert found == [
            ([], ("unigram/0", "flat/0", "ngram/0")),
            (["unigram"], ("flat/0", "ngram/0")),  # models that count come first
            (["unigram", "ngram"], ("flat/0",)),
        ]
        assert load_run(place / "run").manifest.waiting == ()
        write_reports(place / "run")
        assert "Not final" not in (place / "run/report.html").read_text("utf-8")

    def test_an_interrupted_run_says_what_it_has_not_finished(self, place: Path) -> None:
        class Interrupts(Watch):
            def event(self, cell: int, event: Mapping[str, Any]) -> None:
                if event["event"] == "done":
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(small_experiment(UNIGRAM, FLAT), place / "run", base=place, show=Interrupts())
        manifest = load_run(place / "run").manifest
        assert (manifest.waiting, manifest.left) == (("flat/0",), None)
        write_reports(place / "run")
        said = (place / "run/report.md").read_text("utf-8")
        assert "flat is not finished" in said

    def test_the_longest_training_begins_first(self, place: Path) -> None:
        text = (place / "plugins.py").read_text()
        more = "".join(
            f"class W{work}(Flat):\n    def work(self):\n        return {work}.0\n\n" for work in (1, 3, 2)
        )
        (place / "plugins.py").write_text(f"{text}\n\n{more}")
        models = [{"plugin": f"plugins.py:W{work}"} for work in (1, 3, 2)]
        begun: list[int] = []

        class Begins(Watch):
            def event(self, cell: int, event: Mapping[str, Any]) -> None:
                if event.get("stage") == "starting":
                    begun.append(cell)

        assert not run(small_experiment(*models, UNIGRAM), place / "run", base=place, show=Begins()).failures
        assert begun == [3, 1, 2, 0]
