"""What a run shows of itself while it goes on: its manifest after each cell, and reports of what is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcompare.harness.cells.job import Job
from lmcompare.runfolder.manifest import Manifest

SOON = 45.0  # seconds after which the first report does not wait any longer for the models that count
ENOUGH = 20.0  # seconds that a run must still take for a report to be worth its time
QUICKLY = 0.5  # seconds in which the manifest may be written after each cell
RARELY = 20  # times that it took to be written, before it is written again: with many cells, it takes long
LAST = 15.0  # seconds of a cell after its training, and of the report


class Meanwhile:
    """Follows the cells of a run.

    Parameters
    ----------
    workers : callable
        Returns how many cells run at the same time.
    write : callable
        Writes the manifest, given the cells that have ended, those that have not, and about how many seconds they
        still take; None if the run has stopped.
    report : callable or None
        Writes a report of the models that are finished. It is called when the models that do not train in steps
        are finished, and then at most twice.
    """

    def __init__(
        self,
        workers: Callable[[], int],
        write: Callable[[Sequence[Job], Sequence[Job], float | None], Manifest],
        report: Callable[[], None] | None,
    ) -> None:
        self._workers, self._write, self._report = workers, write, report
        self._began = time.perf_counter()
        self._jobs: dict[str, Job] = {}  # by their folders
        self._ended: set[str] = set()
        self._failed: set[str] = set()
        self._written = -1  # cells that had ended when the manifest was written
        self._next = 0.0  # when it may be written again
        self._due: list[int] = []  # cells that must have ended for each report to come; known with the first
        self._reported = False
        self._paces: dict[str, tuple[float, float]] = {}  # of a training: the share that is done, and its seconds

    def expect(self, jobs: Sequence[Job]) -> None:
        """Take note of cells that will be run."""
        self._jobs |= {job.place: job for job in jobs}

    def saw(self, job: Job, event: Mapping[str, Any]) -> None:
        """Take note of what happens in a cell."""
        if event["event"] == "progress" and event["steps"] and event["step"]:
            self._paces[job.place] = min(1.0, event["step"] / event["steps"]), event["seconds"]
        if event["event"] == "failed":
            self._failed.add(job.place)
        if event["event"] in ("done", "failed") or event.get("stage") == "kept":
            self._ended.add(job.place)

    def look(self) -> None:
        """Write what is due."""
        if len(self._ended) > self._written and time.perf_counter() >= self._next:
            self._written, began = len(self._ended), time.perf_counter()
            self.write(self.left())
            if (took := time.perf_counter() - began) > QUICKLY:
                self._next = time.perf_counter() + RARELY * took
        if self._report is not None and self._is_due() and (left := self.left()) >= ENOUGH:
            self.write(left)
            self._report()

    def write(self, left: float | None) -> Manifest:
        """Write the manifest, and return it."""
        jobs = [job for job in self._jobs.values() if not job.trial]
        ended = [job for job in jobs if job.place in self._ended]
        return self._write(ended, [job for job in jobs if job.place not in self._ended], left)

    def has_finished(self, job: Job) -> bool:
        """Return whether a cell has ended without failing."""
        return job.place in self._ended and job.place not in self._failed

    def _is_due(self) -> bool:
        """Whether a report is due, which is then taken as made."""
        final = [place for place, job in self._jobs.items() if not job.trial]
        ended = sum(place in self._ended for place in final)
        if self._reported:
            if not self._due or ended < self._due[0]:
                return False
            self._due = [number for number in self._due if number > ended]
            return True
        others = [job for place, job in self._jobs.items() if place not in self._ended]
        late = time.perf_counter() - self._began > SOON
        counted = all(job.trains_in_steps for job in others)
        if not ended or not others or not (late or (counted and self._paces)):
            return False
        self._reported, rest = True, len(final) - ended
        self._due = sorted({ended + -(-rest * part // 3) for part in (1, 2)} - {len(final)})
        return True

    def left(self) -> float:
        """Return about how many seconds the run still takes: as long as it has taken, where no pace is known."""
        waiting = [job for place, job in self._jobs.items() if place not in self._ended]
        paced = dict(self._paces)  # threads change it
        pairs = [(job.place, *paced[job.place]) for job in waiting if job.place in paced]
        seconds = {place: spent * (1 / share - 1) for place, share, spent in pairs}
        done = [(share * self._jobs[at].work, spent) for at, (share, spent) in paced.items() if self._jobs[at].work]
        work, spent = (sum(each) for each in zip(*done, strict=True)) if done else (0.0, 0.0)
        if not work and waiting:
            return time.perf_counter() - self._began
        later = [job.work * spent / work for job in waiting if job.place not in paced] if work else []
        total = sum(seconds.values()) + sum(later)
        return LAST + max([total / max(1, self._workers()), *seconds.values()])
