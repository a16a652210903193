"""How fast the models of a run score, timed at its end when nothing else runs; until then, many ran side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from lmcompare import plugins
from lmcompare.errors import LmcompareError, permitted
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import thread_variables
from lmcompare.harness.progress import Display
from lmcompare.measure.scoring import microseconds_per_list, timed_log_probs
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, Event, call
from lmcompare.runfolder.files import RunFolderError, read_object
from lmcompare.runfolder.states import restored
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import excerpt

SAMPLE = 10_000  # tokens that are scored
FIRST = 500  # tokens after which it is known how long the others take
SECONDS = 2.0  # that scoring them may take; lists of the next words take a second more
LISTS = 1.0
LIMIT = 60.0  # seconds in which a process must time each of its models, starting included


def time_alone(jobs: Sequence[Job], show: Display) -> None:
    """Time the models that were scored beside others, one after the other, and store the times with their costs.

    A model of another package is timed in a process of its own, all others in one. A model that can't be timed keeps
    the times that it had beside others.

    Parameters
    ----------
    jobs : sequence of Job
        Finished cells, whose files are in their places.
    show : Display
        Is told that models are timed.
    """
    left = [job for job in jobs if _was_beside(job)]
    if not left:
        return
    show.say("Timing the models, one after the other …")
    own = [job for job in left if plugins.is_own_code(job.plugin, job.hyperparameters)]
    for together in (own, *([job] for job in left if job not in own)):
        if together:
            with suppress(LmcompareError):
                call(
                    f"{__name__}:time_jobs",
                    [asdict(job) for job in together],
                    on_event=partial(_keep, together),
                    variables=thread_variables(max(job.machine["threads"] for job in together)),
                    seconds=LIMIT * len(together),
                )


def _was_beside(job: Job) -> bool:
    with suppress(RunFolderError):
        cost = read_object(job.there / "cost.json")
        return bool(cost.get("beside")) and not cost.get("timed_alone")
    return False


@permitted()
def _keep(jobs: Sequence[Job], event: Event) -> None:
    """Store the times of a model, which another process sends; junk of a plug-in's code is dropped."""
    match event:
        case {"event": "timed", "job": int(at), "times": {"microseconds_per_token": float(scoring), **others}}:
            listing = others.get("microseconds_per_list")
            known = isinstance(listing, float) and math.isfinite(listing) and listing >= 0
            if 0 <= at < len(jobs) and math.isfinite(scoring) and scoring >= 0:
                lists = {"microseconds_per_list": listing} if known else {}
                jobs[at].amend("cost.json", {"microseconds_per_token": scoring, **lists, "timed_alone": True})
        case _:
            pass


def time_jobs(emit: Emit, tables: Sequence[dict[str, Any]]) -> None:
    """Time the models of some cells; runs in a process of its own."""
    for at, table in enumerate(tables):
        job = Job(**table)
        with plugins.only_installed(job.plugin, *plugins.named_in(job.hyperparameters)):
            corpus = TokenizedCorpus(job.tokens_path, named=[job.tokenizer])
            model = restored(plugins.build(job.plugin, job.hyperparameters), job.there / "model")
            emit({"event": "timed", "job": at, "times": times_of(model, corpus)})


def times_of(model: LanguageModel, corpus: TokenizedCorpus) -> dict[str, float | None]:
    """Return the microseconds in which a model scores a token and lists the next words.

    It scores about ``SAMPLE`` tokens of the validation text, or as many as it can in ``SECONDS``.
    """
    model.warm_up()
    text = excerpt(corpus.valid, FIRST)
    _, seconds = timed_log_probs(model, text)
    possible = int(len(text) * (SECONDS / max(seconds, 1e-9) - 1))
    if possible > len(text):
        text = excerpt(corpus.valid, min(SAMPLE, possible))
        _, seconds = timed_log_probs(model, text)
    return {
        "microseconds_per_token": 1e6 * seconds / max(len(text), 1),
        "microseconds_per_list": microseconds_per_list(model, corpus, LISTS),
    }
