"""Trained models in EleutherAI's lm-evaluation-harness (extra ``lm-eval``)."""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, in_one_sentence, one_line, suggest
from lmcompare.trained import TrainedModel

YAML = (".yaml", ".yml")
_NO_NETWORK = {"ConnectionError", "ConnectError"}  # of Python, requests and httpx


def evaluated(
    trained: TrainedModel, tasks: Sequence[str], *, fewshot: int | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Return the results of lm-evaluation-harness for a trained model.

    Parameters
    ----------
    trained : TrainedModel
        The model. It is registered in the harness under the name "lmcompare".
    tasks : sequence of str
        Names of tasks, groups or tags of the harness, or YAML files that describe a task.
    fewshot : int, optional
        How many solved examples precede each question; by default what the task says.
    limit : int, optional
        Only this many documents of each task.

    Returns
    -------
    dict
        The harness's results, JSON-able: ``results`` by task and metric, ``versions``, ``n-shot``, ``config`` and
        others.

    Raises
    ------
    LmcompareError
        If the harness is not installed, or for a task that is not known or can't be run.
    """
    if isinstance(tasks, str) or not (isinstance(tasks, Sequence) and all(isinstance(each, str) for each in tasks)):
        raise LmcompareError(f"tasks must be a list of names of tasks and of YAML files, not {reprlib.repr(tasks)}")
    try:
        from lm_eval.tasks import TaskManager

        from lmcompare.lm_evaluation import adapter
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "lmcompare":
            raise
        raise LmcompareError(
            "lm-evaluation-harness is not installed; install it with: pip install 'lmcompare[lm-eval]'"
        ) from None
    with _quiet():
        manager = TaskManager(include_defaults=not all(map(_is_file, tasks)))
        for task in tasks:
            if task not in manager.all_tasks and not _is_file(task):
                raise LmcompareError(_unknown(task, manager.all_tasks))
        # of the harness, of data sets, and of what a task computes
        with in_one_sentence(lambda error: f"lm-evaluation-harness can't run {', '.join(tasks)}: {_cause(error)}"):
            return adapter.run(trained, list(tasks), manager, fewshot, limit)


def _unknown(task: str, known: Iterable[str]) -> str:
    if task.endswith(YAML):
        return f"there is no file {task}: check the path of the task"
    hint = suggest(task, known) or "; 'lm-eval ls tasks' lists them"
    return f"lm-evaluation-harness has no task '{task}'{hint}; a task of your own is named by its YAML file"


def _cause(error: BaseException) -> str:
    """Return why a task can't be run and what to do: the network is blamed only where it was asked for data."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(before)
    names = {cls.__name__ for each in chain for cls in type(each).__mro__}
    said = one_line(error.__cause__ or error)[:300].rstrip(".")
    if names & _NO_NETWORK:
        return f"{said}; its data set is not on this machine, and fetching it needs a network"
    if isinstance(error, FileNotFoundError):
        return f"{said}; check the data that it names: paths start from the working folder"
    if isinstance(error, KeyError):  # whose text is the name alone
        said = f"it names {said}, which is not there" if any(error.args) else "it names something that is not there"
    if said.startswith("Sample larger than population"):
        return "it has fewer solved examples than are asked for: lower --fewshot"
    return f"{said}; correct the task or its data"


def _is_file(task: str) -> bool:
    return task.endswith(YAML) and Path(task).is_file()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the harness's messages on its progress, not its errors."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
