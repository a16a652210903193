"""Runs cells, each in a process of its own, some at the same time, on this machine or on a cluster (``cluster``)."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import chdir, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from lmcompare import plugins
from lmcompare.errors import LmcompareError, permitted, what_went_wrong
from lmcompare.harness import environment
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import RunOptions, peak_memory_bytes
from lmcompare.harness.meanwhile import Meanwhile
from lmcompare.harness.progress import Display, checked
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.processes import Emit, EndedError, ForkServer, ServerLostError, TimeLimitError, call, end_running
from lmcompare.runfolder.guards import damage, remove_written
from lmcompare.runfolder.layout import LOG, PROBES, TOKENS_FILES
from lmcompare.runfolder.states import remove_checkpoints
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

if TYPE_CHECKING:
    from lmcompare.training.recipe import Recipe


STEPS = 8  # training steps that are timed
TOKENS = 2_000  # whose scoring is timed
PART = 200_000  # training tokens for models that are not trained in steps
READINGS = 2  # times that a cell reads the test text; it reads the validation text once
STARTING = 8.0  # seconds that a cell takes to start, to check the model and to make examples
LIMIT = 120.0  # seconds that the probe may take


@dataclass(frozen=True)
class Cost:
    """What a cell costs, about.

    Parameters
    ----------
    training : float or None
        The seconds of the training; None where a few steps do not determine them, as for several networks.
    valid, test : float
        The seconds in which the texts are scored.
    memory : float or None
        The peak memory of its process, in bytes; None where the system does not report it.
    """

    training: float | None
    valid: float
    test: float
    memory: float | None

    @property
    def seconds(self) -> float | None:
        """The seconds of the whole cell; None if those of the training are not known."""
        return None if self.training is None else STARTING + self.training + self.valid + self.test


_PROBED: dict[str, Cost | None] = {}  # by the arguments of a probe: equal jobs are probed once


def probe(job: Job) -> Cost | None:
    """Return about what a job will cost; None where the probe fails or takes too long."""
    given = (str(job.tokens_path), job.tokenizer, job.plugin, job.hyperparameters, job.machine, job.budget)
    key = json.dumps(given)
    if key not in _PROBED:
        _PROBED[key] = None
        with suppress(LmcompareError, ValidationError):
            _PROBED[key] = TypeAdapter(Cost).validate_python(call(f"{__name__}:probe_job", *given, seconds=LIMIT))
    return _PROBED[key]


def estimate(jobs: Sequence[Job]) -> float | None:
    """Return about how many seconds some jobs will take; None where the probe fails or takes too long.

    Jobs of one family are taken to last alike, and the first of them is probed.
    """
    total = 0.0
    of_family: dict[tuple[str, str, str], float] = {}
    for job in jobs:
        family = family_of(job)
        if family not in of_family:
            if (cost := probe(job)) is None or cost.seconds is None:
                return None
            of_family[family] = cost.seconds
        total += of_family[family]
    return total


def family_of(job: Job) -> tuple[str, str, str]:
    """Return what jobs that cost about the same have in common: the built-in plug-in of a model, or that of the model
    that it is made of, its base, and its tokens.
    """
    return _built_in(job.plugin), str(job.hyperparameters.get("base", "")), job.tokens_fingerprint


@cache
def _built_in(plugin: str) -> str:
    """Return the module of the built-in plug-in that a plug-in derives from; another package's plug-in as it is."""
    if not (plugin.startswith("lmcompare.") or plugins.MODELS.is_built_in(plugin)):  # never imported here
        return plugin
    modules = (cls.__module__ for cls in plugins.resolve(plugin).__mro__)
    return next((module for module in modules if module.startswith("lmcompare.models.")), plugin)


def probe_job(
    emit: Emit,
    tokens: str,
    tokenizer: str,
    plugin: str,
    hyperparameters: dict[str, Any],
    machine: dict[str, Any],
    budget: dict[str, Any],
) -> dict[str, float | None]:
    """Return about what a cell costs, as the table of a ``Cost``; runs in a process of its own."""
    from lmcompare.training.language_model import TorchLanguageModel  # imports PyTorch, in this process only

    corpus = TokenizedCorpus(Path(tokens), named=[tokenizer])
    model = plugins.build(plugin, hyperparameters)
    times = [time.perf_counter()]
    setting = Setting(
        vocabulary=corpus.vocabulary,
        seed=0,
        budget=Budget(steps=STEPS),
        progress=lambda _: times.append(time.perf_counter()),
        **machine,
    )
    model.warm_up()
    before = peak_memory_bytes()
    train = corpus.train if model.trains_in_steps else next(corpus.train.parts(PART))
    share = len(corpus.train) / max(1, len(train))
    taken = share * _seconds(lambda: model.fit(train, corpus.valid, setting))
    fitted = peak_memory_bytes()
    training = None if model.trains_in_steps else taken
    network = getattr(model, "in_steps", model)
    if isinstance(network, TorchLanguageModel):
        # Between two reports is a step, or an evaluation, which takes longer and is equally frequent in any training
        steps = sorted(np.diff(times))[:STEPS]
        training = _trained_for(taken, float(np.median(steps)), network.recipe(), Budget(**budget), corpus.train)
    text = next(corpus.test.parts(TOKENS))
    model.log_probs(text)  # not timed: the first call does some work that later ones do not
    scoring = _seconds(lambda: model.log_probs(text)) / max(1, len(text))
    return {
        "training": training,
        "valid": scoring * len(corpus.valid),
        "test": scoring * READINGS * len(corpus.test),
        "memory": _memory(share, before, fitted, peak_memory_bytes()),
    }


def _memory(share: float, before: int | None, fitted: int | None, last: int | None) -> float | None:
    """Return the memory of a whole training, ``share`` times that of the probe, from the peaks of its process: before
    it, after it and at the end. None if one is not known.
    """
    if before is None or fitted is None or last is None:
        return None
    return max(before + share * (fitted - before), last)


def _trained_for(probed: float, step: float, recipe: Recipe, budget: Budget, train: Encoded) -> float:
    """Return the seconds of a whole training, from a probe of ``STEPS`` steps that took ``step`` seconds each."""
    if budget.seconds is not None:
        return budget.seconds
    steps = float(recipe.steps if budget.steps is None else budget.steps)
    tokens = budget.tokens if budget.epochs is None else budget.epochs * len(train)
    if tokens is not None:
        steps = tokens / (recipe.batch * recipe.length)
    return probed + step * max(0.0, steps - STEPS)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


LATER = ("pandas", "pyarrow.dataset", "pyarrow.parquet", "safetensors.numpy")  # modules that cells import late
FIRST = 8  # the first cells of a plug-in are started afresh: a server needs as much time as it would save


class ForkServers:
    """The servers of a run: one for each of lmcompare's plug-ins that has many cells and does not need PyTorch.

    Each imports what the cells of one plug-in import, so that their peak memory is that of a new process.
    """

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._servers: dict[str, ForkServer | None] = {}
        self._lock = threading.Lock()

    def of(self, job: Job) -> ForkServer | None:
        """Return the server of a cell that is to begin; None if it is started afresh, as cells with another package's
        code are.
        """
        if sys.platform != "linux" or not plugins.is_own_code(job.plugin, job.hyperparameters):
            return None
        with self._lock:
            self._begun[job.plugin] += 1
            if self._begun[job.plugin] > FIRST and job.plugin not in self._servers:
                self._servers[job.plugin] = _started(job)
            return self._servers.get(job.plugin)

    def close(self) -> None:
        """End the servers."""
        for server in self._servers.values():
            if server is not None:
                server.close()
        self._servers.clear()


def _started(job: Job) -> ForkServer | None:
    variables = environment.thread_variables(job.machine["threads"])
    try:
        return ForkServer(f"{__name__}:loaded", job.plugin, job.hyperparameters, variables=variables)
    except ServerLostError:
        return None


def loaded(plugin: str, hyperparameters: dict[str, Any]) -> bool:
    """Load what the cells of a plug-in need; return whether they can be forked. Runs in the server.

    Cells that need PyTorch can't: it has threads of its own, whose waiting is set when each cell begins.
    """
    for name in ("lmcompare.harness.cells.cell", *LATER):
        import_module(name)
    plugins.build(plugin, hyperparameters).warm_up()
    return "torch" not in sys.modules


PLENTY = 6e9  # bytes for each worker: no cell takes more on a text of the usual size


class Runner(ABC):
    """Runs cells, each in a process of its own, whose files are in the run folder when it has ended."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many cells may run at the same time now, at least one."""

    @abstractmethod
    def run(self, job: Job, seconds: float, emit: Emit) -> str | None:
        """Run a cell. Returns None, or the sentence that says why it failed."""

    @abstractmethod
    def end(self) -> None:
        """End all that run."""

    def memory(self, jobs: Sequence[Job]) -> tuple[float, Callable[[Job], float]]:
        """Return the free bytes for cells, and a function that gives the bytes that the cell of a job takes.

        The bytes of a cell are infinite if they are not known, so that no other cell runs beside it. By default there
        is no limit.
        """
        return math.inf, lambda job: 0.0

    def close(self) -> None:  # noqa: B027
        """End what was started for the cells. No cell runs any more."""


class Here(Runner):
    """Runs cells on this machine.

    Parameters
    ----------
    workers : int
        How many may run at the same time.
    show : Display
        Is told what takes a while.
    """

    def __init__(self, workers: int, show: Display) -> None:
        self._workers, self._show = workers, show
        self._servers = ForkServers()

    @property
    def workers(self) -> int:
        return self._workers

    def memory(self, jobs: Sequence[Job]) -> tuple[float, Callable[[Job], float]]:
        """Estimate what cells need by a probe of each family, unless there is plenty."""
        free = environment.available_memory()
        if free >= PLENTY * self.workers or len(jobs) < 2:
            return free, lambda job: 0.0
        self._show.say("Measuring for a moment how much memory the cells will take …")
        first = {family_of(job): job for job in reversed(jobs)}
        costs = {of: probe(job) for of, job in first.items()}
        found = {of: math.inf if cost is None or cost.memory is None else cost.memory for of, cost in costs.items()}
        if unknown := [first[of].name for of, memory in reversed(found.items()) if memory == math.inf]:
            self._show.say(
                f"How much memory cells such as {', '.join(unknown)} take could not be measured: each of them runs"
                " alone."
            )
        return free, lambda job: found.get(family_of(job), 0.0)  # finished cells take none

    def run(self, job: Job, seconds: float, emit: Emit) -> str | None:
        return run_process(job, seconds, emit, server=self._servers.of(job))

    def end(self) -> None:
        end_running()

    def close(self) -> None:
        self._servers.close()


def run_process(
    job: Job, seconds: float, emit: Emit, memory: int | None = None, server: ForkServer | None = None
) -> str | None:
    """Run a cell in a process of its own on this machine. Returns None, or the sentence that says why it failed.

    It has its own threads and peak memory: a crash ends this cell alone, and the process is ended after ``seconds``.
    It may take ``memory`` bytes for itself, or all that there is. It is forked from ``server``, or started afresh.
    """
    try:
        make_ready(job)
        call(
            "lmcompare.harness.cells.cell:run_job",
            asdict(job),
            on_event=lambda event: emit(checked(event)),
            log=job.path / LOG,
            variables=environment.thread_variables(job.machine["threads"]) if server is None else None,
            seconds=seconds,
            memory=memory,
            server=server,
        )
    except ServerLostError:
        return run_process(job, seconds, emit, memory)
    except TimeLimitError as late:
        return f"{late}; raise the limit with --time-limit"
    except EndedError as ended:
        return f"{ended}{'; its log.txt says more' if ended.code >= 0 else ''}"
    except (Exception, SystemExit) as error:
        return what_went_wrong(error)
    return None


@permitted()
def make_ready(job: Job) -> None:
    """Make the folder of a cell."""
    job.path.mkdir(parents=True, exist_ok=True)


def machine_of(options: RunOptions, show: Display) -> dict[str, Any]:
    """Return the "device", "threads" and "processes" of the cells. Raises ``LmcompareError`` as ``chosen`` does."""
    if options.engine == "local":
        return environment.chosen(options)
    from lmcompare.harness import cluster

    return cluster.connected(options.address, show).chosen(options)


def runner_of(options: RunOptions, machine: dict[str, Any], show: Display) -> Runner:
    """Return where the cells of a run are to run."""
    if options.engine == "local":
        return Here(environment.workers_of(options, machine), show)
    from lmcompare.harness import cluster
    from lmcompare.harness.cluster import OnRay

    return OnRay(cluster.connected(options.address, show), machine, show)


def leave() -> None:
    """End the connection to a Ray cluster that runs of this process have opened, if there is one."""
    if (cluster := sys.modules.get("lmcompare.harness.cluster")) is not None:
        cluster.disconnect()


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
    meanwhile : Meanwhile
        Follows the cells.
    """

    runner: Runner
    seconds: float
    show: Display
    see_that_it_is_there: Callable[[], None]
    renew: Callable[[], bool]
    meanwhile: Meanwhile
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
        self.meanwhile.expect(jobs)
        # Models that count come first, since they take seconds; then the longest trainings, so that none ends alone.
        rows = sorted(enumerate(jobs, first), key=lambda row: (row[1].trains_in_steps, -row[1].work))
        # With a budget in seconds, a cell beside others does fewer steps; an object can't move to another process.
        alone = [self.runner.workers == 1 or job.name in live or bool(job.budget.get("seconds")) for _, job in rows]
        failures: dict[str, str] = {}
        self._together([row for row, apart in zip(rows, alone, strict=True) if not apart], force, failures)
        for index, job in (row for row, apart in zip(rows, alone, strict=True) if apart):
            self._run(index, job, live.get(job.name), force, failures)
            self.meanwhile.look()
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
                self.meanwhile.look()
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
        emit: Emit = partial(self._event, index, job)
        with self._lock:
            self.see_that_it_is_there()
            if force:
                job.reopen()
                for stale in ("model", PROBES):
                    remove_written(job.path, within=stale)
                remove_checkpoints(job.checkpoints.parent)
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

    def _event(self, index: int, job: Job, event: Mapping[str, Any]) -> None:
        with self._lock:
            self.meanwhile.saw(job, event)
            self.show.event(index, event)


def _run_one(job: Job, live: LanguageModel | None, runner: Runner, seconds: float, emit: Emit) -> str | None:
    """Run a cell. Returns None, or the sentence that says why it failed.

    A model that is an object, ``live``, is trained in this process.
    """
    try:
        if live is None:
            return runner.run(job, seconds, emit)
        from lmcompare.harness.cells.cell import run_cell  # cells in processes of their own import it there

        make_ready(job)
        with chdir("."):  # a plug-in may change the working directory, from which relative paths start
            run_cell(job, emit, live)
    except (Exception, SystemExit) as error:
        return what_went_wrong(error)
    return None
