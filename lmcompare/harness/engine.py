"""Runs cells, each in a process of its own, some at the same time; what is finished is in the run folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import chdir, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from typing import Any

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.harness.runner import Runner, make_ready
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit
from lmcompare.runfolder import checkpoints
from lmcompare.runfolder.layout import LOG, PROBES, TOKENS_FILES
from lmcompare.runfolder.ownership import remove_written
from lmcompare.runfolder.seals import damage

LOOK = 0.2  # seconds between two checks for ended cells, between which Ctrl-C is handled


@dataclass
class Engine:
    """Runs the cells of a run folder, whose lock is held.

    Parameters
    ----------
    runner : Runner
        Where the cells run.
    seconds : float
        The time limit of a cell.
    show : Display
        Is told of the progress.
    see_that_it_is_there : callable
        Raises ``LmcompareError`` if the run folder was moved or removed meanwhile.
    renew : callable
        Makes tokens that are damaged again, and returns whether some were.
    """

    runner: Runner
    seconds: float
    show: Display
    see_that_it_is_there: Callable[[], None]
    renew: Callable[[], bool]
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _stopped: bool = False

    def run(
        self, jobs: Sequence[Job], live: Mapping[str, LanguageModel] | None = None, *, force: bool
    ) -> dict[str, str]:
        """Run the cells that are not finished; return by "name/seed" why a cell failed.

        Parameters
        ----------
        jobs : sequence of Job
            The cells.
        live : mapping, optional
            By name, the models that are objects of this process, in which they are trained.
        force : bool
            Whether finished cells are run again.

        Raises
        ------
        LmcompareError
            If the run folder was moved or removed meanwhile.
        """
        live = live or {}
        several = len({job.seed for job in jobs}) > 1
        first = self.show.plan([f"{job.name} (seed {job.seed})" if several else job.name for job in jobs])
        rows = list(enumerate(jobs, first))
        # With a budget in seconds, a cell beside others does fewer steps; an object can't move to another process.
        alone = [self.runner.workers == 1 or job.name in live or bool(job.budget.get("seconds")) for job in jobs]
        failures: dict[str, str] = {}
        self._together([row for row, apart in zip(rows, alone, strict=True) if not apart], force, failures)
        for index, job in (row for row, apart in zip(rows, alone, strict=True) if apart):
            self._run(index, job, live.get(job.name), force, failures)
        return failures

    def _together(self, rows: Sequence[tuple[int, Job]], force: bool, failures: dict[str, str]) -> None:
        """Run cells, as many at the same time as there are workers."""
        if not rows:
            return
        to_run = [force or not job.is_finished() for _, job in rows]
        waiting = [(n, replace(job, beside=sum(to_run) > 1)) for n, job in rows]
        pool = ThreadPoolExecutor(len(waiting))
        running: dict[Future[None], Job] = {}
        available, needed = self.runner.memory([job for _, job in compress(waiting, to_run)])
        try:
            while waiting or running:
                free = available - sum(needed(job) for job in running.values())
                while waiting and len(running) < self.runner.workers:
                    fits = (row for row in waiting if not running or needed(row[1]) <= free)
                    if (row := next(fits, None)) is None:
                        break
                    waiting.remove(row)
                    free -= needed(row[1])
                    running[pool.submit(self._run, *row, None, force, failures)] = row[1]
                for each in wait(running, LOOK, FIRST_COMPLETED).done:
                    del running[each]
                    each.result()
        except BaseException:  # interrupted
            self._stopped = True
            for each in running:
                each.cancel()
            while not all(each.done() for each in running):  # one may be about to start its process
                self.runner.end()
                wait(running, LOOK)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _run(self, index: int, job: Job, live: LanguageModel | None, force: bool, failures: dict[str, str]) -> None:
        """Run a cell unless it is finished; record in ``failures`` why it failed."""
        emit: Emit = partial(self._event, index)
        with self._lock:
            self.see_that_it_is_there()
            if force:
                job.reopen()
                for stale in ("model", PROBES):
                    remove_written(job.path, within=stale)
                checkpoints.remove(job.checkpoints.parent)
            if job.is_finished() and job.is_complete():
                (job.path / LOG).unlink(missing_ok=True)  # left by a run that was killed at its very end
                job.take_place()
                emit({"event": "stage", "stage": "kept"})
                return
            if (damaged := job.damage()) is not None:
                self.show.say(f"{job.path / damaged} is damaged or lost: what depends on it is made anew.")
            may_keep = job.is_finished()
        emit({"event": "stage", "stage": "starting"})
        error = _run_one(job, live, self.runner, self.seconds, emit)
        if error is not None and not self._stopped:
            with self._lock:
                renewed = damage(job.tokens_path, TOKENS_FILES) is not None and self.renew()
            if renewed:  # by the code of another model: this one is not to blame
                error = _run_one(job, live, self.runner, self.seconds, emit)
        if self._stopped:
            return
        with self._lock:
            self.see_that_it_is_there()
            if (failure := self._ended(job, error, may_keep)) is None:
                emit({"event": "done"})
            else:
                failures[f"{job.name}/{job.seed}"] = failure
                emit({"event": "failed", "error": failure})

    def _ended(self, job: Job, error: str | None, may_keep: bool) -> str | None:
        """Put a finished cell in its place, or record that it failed; return why, None if it is finished."""
        if error is None and not job.is_finished():
            error = (
                "its process reported that it had finished, but some of its files are missing or were changed: run"
                " the same command again"
            )
        if error is not None and may_keep and job.is_finished():
            self.show.say(f"{job.name} keeps its figures, but studies could not measure it again: {error}.")
            error = None
        if error is None:
            (job.path / LOG).unlink(missing_ok=True)
            job.take_place()
            return None
        with suppress(LmcompareError):  # if nothing can be written, only the sentence is returned
            job.fail(error)
        return f"{error}; the cell that was finished before is kept" if job.aside else error

    def _event(self, index: int, event: Mapping[str, Any]) -> None:
        with self._lock:
            self.show.event(index, event)


def _run_one(job: Job, live: LanguageModel | None, runner: Runner, seconds: float, emit: Emit) -> str | None:
    """Run a cell. Returns None, or the sentence that says why it failed.

    A model that is an object, ``live``, is trained in this process.
    """
    try:
        if live is None:
            return runner.run(job, seconds, emit)
        from lmcompare.harness.cell import run_cell  # cells in processes of their own import it there

        make_ready(job)
        with chdir("."):  # a plug-in may change the working directory, from which relative paths start
            run_cell(job, emit, live)
    except (Exception, SystemExit) as error:
        return what_went_wrong(error)
    return None
