"""One cell: a model is trained, stored, scored, checked and measured; what the folder has already is kept."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from lmcompare import memory, plugins
from lmcompare.checks.sampled import Scored, run_sampled_checks
from lmcompare.errors import LmcompareError, PluginError, kind_of, permitted, what_went_wrong
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import peak_memory_bytes, this_machine
from lmcompare.harness.progress import Share, checked
from lmcompare.measure import scoring
from lmcompare.measure.scoring import Part, checked_log_probs, measured_part, microseconds_per_list, shown_positions
from lmcompare.measure.series import ScoredSteps
from lmcompare.measure.word_bits import HeldOutWords, streamed_end_log_probs
from lmcompare.memory import give_back_what_is_free
from lmcompare.model import Budget, LanguageModel, Milestones, Progress, Setting, check_words, checked_size
from lmcompare.processes import Emit
from lmcompare.runfolder import guards
from lmcompare.runfolder.files import (
    RunFolderError,
    read_json,
    read_object,
    write_json,
    write_parts,
    write_table,
    write_text,
)
from lmcompare.runfolder.guards import remove_begun, remove_written, see_that_it_is_there
from lmcompare.runfolder.layout import CURVE_COLUMNS, HELD_OUT, MEASURED, PROCESSOR, TRAINED_FILES, Split
from lmcompare.runfolder.states import own_room, remove_checkpoints, restored, save_state
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.study import Finished, options_of, studies

SILENCE = 1.0  # seconds after which the clock of a model that reports no losses is stored again


@dataclass(frozen=True)
class Spent:
    """Time that was spent: ``seconds`` by the clock, and the ``processor`` seconds of all cores and own processes."""

    seconds: float = 0.0
    processor: float = 0.0

    @classmethod
    def now(cls) -> Self:
        """The clocks; processes that this one has started count when they have ended."""
        others = os.times()
        return cls(time.perf_counter(), time.process_time() + others.children_user + others.children_system)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.processor + other.processor)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.seconds - other.seconds, self.processor - other.processor)


class LearningCurve:
    """Passes a model's progress on and keeps the losses: the learning curve.

    The rows are stored with the checkpoints, if there is a folder for them, so that a run that was interrupted
    continues its curve and its clock. A stored curve that can't be read is ignored. If the first report of a
    continued training names a stored step and has no loss, everything before it was preparation, whose seconds are
    stored already: the clock continues at this report. For a model that reports no losses, the clock continues if the
    model has left a checkpoint in the folder; otherwise it starts from zero, as the training does.
    """

    def __init__(self, emit: Emit, folder: Path | None) -> None:
        self._emit = emit
        self._path = None if folder is None else folder / "curve.json"
        self._began = Spent.now()
        self._rows: list[list[Any]] = []
        self.milestones: list[dict[str, Any]] = []
        self._before = Spent()
        self.flops: float | None = None  # of the training so far, where they are counted
        if self._path is not None:
            self._read(self._path)
        self._fresh = not self._rows
        self._prepares = bool(self._rows)  # the training prepares again, until its first report
        self._tokens: int | None = None  # that the model has read so far
        self._stored = self.spent.seconds

    def _read(self, path: Path) -> None:
        with suppress(OSError, ValueError, RecursionError, TypeError, LookupError):
            table = json.loads(path.read_text(encoding="utf-8"))
            rows = [
                [int(step), float(seconds), float(processor), *rest]
                for step, seconds, processor, *rest in table["rows"]
            ]
            goes_on = rows or any(other != path for other in path.parent.iterdir())
            milestones = [{**row, "step": int(row["step"])} for row in table["milestones"]]
            before = Spent(float(table["seconds"]), float(table[PROCESSOR]))
            self._before, self._rows = before if goes_on else Spent(), rows
            self.milestones = milestones if goes_on else []
            self.flops = float(table["flops"]) if goes_on and table["flops"] is not None else None

    @property
    def spent(self) -> Spent:
        """The time of the training, that before the run was cut off included."""
        return Spent.now() - self._began + self._before

    @property
    def spent_on_training(self) -> Spent | None:
        """That time; None for a model that has read no training text, such as one that was read from a file."""
        if self._prepares:  # the training was interrupted after its last step
            return self._before
        return None if self._tokens == 0 else self.spent

    def __call__(self, progress: Progress) -> None:
        """Pass a model's progress on, and keep it. Raises ``LmcompareError`` for values that no training reports."""
        progress = _plain(progress)
        checked({"event": "progress", "seconds": self.spent.seconds, **asdict(progress)})
        self._tokens, self.flops = progress.tokens, progress.flops
        losses = [_finite(progress.train_loss), _finite(progress.valid_loss)]
        if losses != [None, None]:
            self._go_back_to(progress)
        elif self._prepares and any(step == progress.step for step, *_ in self._rows):
            self._began = Spent.now()
        self._prepares = False
        spent = self.spent
        self._emit({"event": "progress", "seconds": spent.seconds, **asdict(progress)})
        if losses != [None, None]:
            tokens = None if progress.tokens is None else int(progress.tokens)
            times = round(spent.seconds, 3), round(spent.processor, 3)
            self._rows.append([int(progress.step), *times, tokens, *losses])
        silent = not self._rows and spent.seconds - self._stored >= SILENCE
        if self._path is not None and (progress.valid_loss is not None or silent):
            with suppress(LmcompareError):  # if it can't be stored, an interrupted training starts its clock again
                table = {"rows": self._rows, "milestones": self.milestones, "flops": self.flops}
                write_json(self._path, {"seconds": spent.seconds, PROCESSOR: spent.processor, **table})
            self._stored = spent.seconds

    def pass_milestone(self, progress: Progress, bits_per_byte: float, took: Spent) -> None:
        """Keep a figure that was measured during training; the clock leaves out the time that this ``took``."""
        self._began += took
        self.milestones = [row for row in self.milestones if row["step"] < progress.step]
        at = {"step": progress.step, "tokens": progress.tokens, "flops": progress.flops}
        times = {"seconds": self.spent.seconds, PROCESSOR: self.spent.processor}
        self.milestones.append({**at, **times, "bits_per_byte": _finite(bits_per_byte)})

    def _go_back_to(self, progress: Progress) -> None:
        """Drop the rows of steps that are repeated; after an interruption, also the time of these steps."""
        kept = [row for row in self._rows if not _again(row, progress)]
        if not self._fresh and len(kept) < len(self._rows):
            self._before = Spent(*kept[-1][1:3]) if kept else Spent()
        self._rows, self._fresh = kept, True

    def csv(self) -> str:
        """The table of ``curve.csv``; losses in nats per token, empty where not measured."""
        rows = [(*CURVE_COLUMNS[:2], PROCESSOR, *CURVE_COLUMNS[2:]), *self._rows]
        return "".join(",".join("" if v is None else str(v) for v in row) + "\n" for row in rows)


def _again(row: Sequence[Any], progress: Progress) -> bool:
    """Whether a row's step is repeated: one step may report a loss on train and then one on valid."""
    step, *_, on_valid = row
    return step > progress.step or (
        step == progress.step and not (on_valid is None and progress.valid_loss is not None)
    )


def _plain(progress: Progress) -> Progress:
    """Return what a plug-in reports with numbers of Python for those of numpy and torch."""
    if not isinstance(progress, Progress):
        raise PluginError(f"setting.progress takes an lmcompare.Progress, not {kind_of(progress)}")
    return Progress(**{name: v.item() if hasattr(v, "item") else v for name, v in vars(progress).items()})


def _finite(loss: float | None) -> float | None:
    return None if loss is None or not np.isfinite(loss) else float(loss)


SHARES = tuple(np.geomspace(0.01, 1, 10)[:-1].tolist())  # of the training; the tenth point is the trained model


def milestones_of(corpus: TokenizedCorpus, curve: LearningCurve) -> Milestones:
    """Return the milestones of a training, at which the model is scored on the whole validation text."""
    overhead = float(corpus.features("valid", ["overhead_bits"])["overhead_bits"].sum())
    size = float(corpus.documents_of("valid")["bytes"].sum())

    def score(model: LanguageModel, progress: Progress) -> float:
        began = Spent.now()
        bits = -float(checked_log_probs(model, corpus.valid).sum()) / math.log(2) + overhead
        took = Spent.now() - began
        curve.pass_milestone(progress, bits / size, took)
        return took.seconds

    return Milestones(SHARES, score)


MOST = 100_000_000  # characters of a measurement, written as JSON


@permitted()
def run_cell(job: Job, emit: Emit, model: LanguageModel | None = None) -> None:
    """Train, store, score, check and exhibit; what is already there for the same key is kept.

    ``model``: an untrained model to use instead of building one. Whatever the plug-in raises goes to the caller.
    """
    own = [] if model is None else [type(model)]
    # the plug-ins that the experiment names: files of the run folder can't name others
    named = plugins.only_installed(job.plugin, *plugins.named_in(job.hyperparameters), *(job.chosen or ()), *own)
    with named, memory.limited(job.memory):
        if model is None:
            model = plugins.build(job.plugin, job.hyperparameters)
            if plugins.source_digest(model) != job.source_digest:
                raise _changed("its code")
        _run_cell(job, emit, model)


def run_job(emit: Emit, table: dict[str, Any]) -> None:
    """Run the cell of a job's table; runs in a process of its own."""
    run_cell(Job(**table), emit)


def _changed(what: str) -> LmcompareError:
    """Return the error of a cell whose code or files changed after its key was computed from them."""
    return LmcompareError(f"{what} was changed while the run was going on: run the same command again")


def _run_cell(job: Job, emit: Emit, model: LanguageModel) -> None:
    remove_begun(job.path)
    corpus = TokenizedCorpus(job.tokens_path, named=[job.tokenizer])
    corpus.check()
    if job.is_finished():
        restored(model, job.path / "model")
        emit({"event": "stage", "stage": "examples"})
        measured = _measured_by_studies(job, corpus, model)
        job.finish({**job.stored(), **_told(model), "studies": measured})
        return
    job.reopen()
    _told(model)  # raises an error for wrong words before the training
    code_digest = plugins.code_digest(model)  # before the training, since files may be edited meanwhile
    model, cost = _trained(job, corpus, model, emit)
    emit({"event": "stage", "stage": "scoring"})
    if job.trial:
        _try(job, corpus, model, cost, emit)
        return
    scored, part, scoring_cost = _scored(job, corpus, model, emit)
    emit({"event": "stage", "stage": "checking"})
    began = time.perf_counter()
    truth = _checked(job, corpus, model, scored, part)
    cost |= scoring_cost | {"check_seconds": time.perf_counter() - began}
    emit({"event": "stage", "stage": "examples"})
    measured = _measured_by_studies(job, corpus, model)
    _write_cost(job, cost)
    job.finish(
        {
            "key": job.key,
            "status": "done",
            "error": None,
            **_told(model),
            "traits": asdict(model.traits),
            "code_digest": code_digest,
            "truth": truth,
            "studies": measured,
        }
    )


def _try(job: Job, corpus: TokenizedCorpus, model: LanguageModel, cost: dict[str, Any], emit: Emit) -> None:
    """Score a setting of a sweep on the validation text; store the bits of each of its documents, and finish."""
    nats, seconds = scoring.timed_log_probs(model, corpus.valid, Share(emit, "scoring", len(corpus.valid)))
    if steps := steps_of(corpus):
        of_bins = streamed_end_log_probs(model, corpus.valid, steps["valid"].asked, lambda tokens: None)
        nats = steps["valid"].log_probs(nats, of_bins)
    charged = corpus.features("valid", ["document", "overhead_bits"])
    documents = corpus.documents_of("valid")
    bits = np.bincount(
        charged["document"], -nats / np.log(2) + charged["overhead_bits"].to_numpy(np.float64), len(documents)
    )
    of_documents = [b if np.isfinite(b) else None for b in bits.tolist()]
    job.write("valid.json", {"bits": of_documents, "bytes": documents["bytes"].tolist()})
    _write_cost(job, cost | _cost_of_scoring(model, corpus, seconds))
    job.finish({"key": job.key, "status": "done", "error": None, **_told(model)})


def _write_cost(job: Job, cost: dict[str, Any]) -> None:
    now, trained = peak_memory_bytes(), cost["peak_memory_bytes"]  # another process may have trained it
    peak = None if now is None or trained is None else max(now, trained)
    beside = job.beside or cost["beside"]  # an earlier run or a trial may have trained it beside others
    here = this_machine()
    machines = [*(each for each in cost["machines"] if each != here), here]
    own = {"peak_memory_bytes": peak, "beside": beside, "machines": machines}
    job.write("cost.json", {**cost, **own, **job.machine})


def _cost_of_scoring(model: LanguageModel, corpus: TokenizedCorpus, seconds: float) -> dict[str, Any]:
    """Return what it costs to score the validation text, and the size of the model."""
    size = checked_size(model.size(), type(model).__name__)
    return {
        "score_seconds": seconds,
        "scored_tokens": len(corpus.valid),
        "microseconds_per_token": 1e6 * seconds / max(len(corpus.valid), 1),
        "parameters": size.parameters,
        "model_bytes": size.bytes,
    }


def steps_of(corpus: TokenizedCorpus) -> dict[Split, ScoredSteps]:
    """Return which tokens are scored, by split; nothing if all are."""
    if corpus.tokenizer.rules.every_token:
        return {}
    return {split: ScoredSteps.of(corpus, split) for split in HELD_OUT}


def _told(model: LanguageModel) -> dict[str, Any]:
    """Return what a model says of itself. Raises ``PluginError`` as ``check_words`` does."""
    told = {"title": model.title(), "summary": model.summary()}
    check_words(**told, notes=model.notes, idea=model.idea, whose=type(model).__name__)
    return {**told, "notes": list(model.notes), "idea": None if model.idea is None else asdict(model.idea)}


def _trained(
    job: Job, corpus: TokenizedCorpus, model: LanguageModel, emit: Emit
) -> tuple[LanguageModel, dict[str, Any]]:
    """Return the trained model, its training seconds, None if it read no training text, and its peak memory.

    The model is restored if the folder has one: after a run that was interrupted after training, or from a trial of a
    sweep.
    """
    folder = job.path / "model"
    if not guards.damage(folder, TRAINED_FILES):
        trained = read_json(folder / "trained.json")
        if trained["key"] == job.key:
            return restored(model, folder), _cost_of_training(trained)
    remove_written(job.path, within="model")
    room = own_room(job.checkpoints)
    model.warm_up()
    curve = LearningCurve(emit, room)
    setting = Setting(
        vocabulary=corpus.vocabulary,
        seed=job.seed,
        progress=curve,
        checkpoints=room,
        budget=Budget(**job.budget),
        milestones=milestones_of(corpus, curve) if job.milestones else None,
        **job.machine,
    )
    emit({"event": "stage", "stage": "training"})
    fitted = model.fit(corpus.train, corpus.chosen_by, setting)
    spent = curve.spent_on_training
    if fitted is not model:
        raise PluginError(f"{type(model).__name__}.fit must return the model itself: end it with 'return self'")
    model.study(corpus.train, corpus.chosen_by, setting)
    for name, digest in job.files.items():
        if model.digest_of(name) != digest:
            raise _changed(str(getattr(model, name)))
    see_that_it_is_there(Path(job.folder))
    save_state(model.state(), folder)
    write_text(job.path / "curve.csv", curve.csv())
    trained = {
        "key": job.key,
        "plugin": job.plugin,
        "beside": job.beside,
        "machines": [this_machine()],
        "train_seconds": None if spent is None else spent.seconds,
        PROCESSOR: None if spent is None else spent.processor,
        "peak_memory_bytes": peak_memory_bytes(),
        "milestones": curve.milestones,
        "train_flops": curve.flops,
        "tokens_before": int(model.tokens_before(corpus.train)),
    }
    write_json(folder / "trained.json", trained)
    guards.seal(folder, TRAINED_FILES)
    remove_checkpoints(job.checkpoints.parent)
    return model, _cost_of_training(trained)


def _cost_of_training(trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return the costs in the content of trained.json."""
    own = ("key", "plugin")
    return {PROCESSOR: None} | {name: value for name, value in trained.items() if name not in own}


def _scored(
    job: Job, corpus: TokenizedCorpus, model: LanguageModel, emit: Emit
) -> tuple[scoring.Scores, Part, dict[str, Any]]:
    """Return the scores of valid and test, the part of the test text that was ranked, and what scoring cost.

    Stores the scores (of series, those of the scored steps among the bins alone) and the most likely tokens. The test
    text is read once, over the full distributions, or a part of it if it is very long; the timed scoring reads the
    validation text. A model that learns from earlier documents has no reset scores: it would not forget what precedes
    a sentence. Series have none either.
    """
    words = {split: HeldOutWords(corpus, split) for split in HELD_OUT}
    steps = steps_of(corpus)
    give_back_what_is_free()
    word_ends, valid_ends = (steps[s].asked if steps else words[s].ends for s in ("test", "valid"))
    part = measured_part(corpus, whole=model.traits.adaptive or bool(word_ends.at.any()))
    whole, apart = len(part.at) == len(corpus.test), not model.traits.adaptive and not steps
    work = len(part.at) * (1 + apart) + len(corpus.test) * (not whole)
    seen = Share(emit, "scoring", work + len(corpus.valid) * (1 + bool(valid_ends.at.any())))
    valid, seconds = scoring.timed_log_probs(model, corpus.valid, seen)
    shown = shown_positions(corpus, part.at)
    here = np.searchsorted(part.at, shown)
    ranked = scoring.score_and_rank(model, part.text, here, replace(word_ends, at=word_ends.at[part.at]), seen)
    test = ranked.log_probs if whole else scoring.checked_log_probs(model, corpus.test, seen)
    ranks, reset = np.zeros(len(test), np.int32), np.full(len(test), np.nan)
    ranks[part.at] = ranked.target_rank
    if apart:
        reset[part.at] = scoring.checked_log_probs(model, part.sentences, seen)
    ends = {
        "valid": streamed_end_log_probs(model, corpus.valid, valid_ends, seen),
        "test": ranked.end_log_probs if whole else np.zeros(len(test)),
    }
    none = np.full(len(valid), np.nan), np.zeros(len(valid), np.int32)
    if steps and not whole:
        ends["test"] = streamed_end_log_probs(model, corpus.test, word_ends, seen)
    raw: scoring.Scores = {"valid": (valid, *none), "test": (test, reset, ranks)}
    found = raw
    if steps:
        found = {s: (steps[s].log_probs(raw[s][0], ends[s]), *raw[s][1:]) for s in HELD_OUT}
        ends = {s: np.zeros(len(nats)) for s, nats in ends.items()}
    see_that_it_is_there(Path(job.folder))
    tables = (table for s in HELD_OUT for table in words[s].tables(found[s][0], ends[s]))
    write_parts(job.path / "words.parquet", tables)
    write_parts(job.path / "scores.parquet", scoring.scores_tables(job.name, job.seed, corpus, found))
    write_table(job.path / "top.parquet", scoring.top_table(corpus, shown, ranked))
    listed = microseconds_per_list(model, corpus)
    return raw, part, {**_cost_of_scoring(model, corpus, seconds), "microseconds_per_list": listed}


def _checked(
    job: Job, corpus: TokenizedCorpus, model: LanguageModel, found: scoring.Scores, part: Part
) -> dict[str, Any]:
    """Return the table of the validity checks, JSON-able."""
    test, reset, _ = found["test"]

    def restore() -> LanguageModel:
        return restored(plugins.build(type(model), job.hyperparameters), job.path / "model")

    apart = not np.isnan(reset).all()  # adaptive models and models of series have no scores of single sentences
    scored = Scored(
        corpus.test,
        test,
        scoring.unigram_log_probs(corpus.train)[corpus.test.ids],
        part.sentences if apart else None,
        reset[part.at] if apart else None,
        corpus.valid,
        found["valid"][0],
        restore,
    )
    results = run_sampled_checks(model, scored, seed=job.seed)
    checks = [
        {"name": r.name, "passed": r.passed, "figure": r.figure, "tolerance": r.tolerance, "detail": r.reason}
        for r in results
    ]
    return {"passed": all(r.passed for r in results), "checks": checks}


def _measured_by_studies(job: Job, corpus: TokenizedCorpus, model: LanguageModel) -> dict[str, str]:
    """Write what the studies measure of a model, and return the digests of the code that has measured.

    What the same code has measured before is kept. A study that fails leaves the reason in place of its measurement.
    """
    try:
        found: dict[str, Any] = read_object(job.path / MEASURED)
    except RunFolderError:
        found = {}
    again = job.unmeasured()
    kept = {name: found[name] for name in job.studies if name in found and name not in again}
    for name in job.studies.keys() - kept.keys():
        try:
            study = studies(job.chosen)[name]
            finished = Finished(model, corpus, job.seed, job.path, options_of(study, job.options))
            measured = study.measure(finished)
            size = len(json.dumps(measured, allow_nan=False))
        except (Exception, SystemExit) as error:
            kept[name] = {"failed": what_went_wrong(error)}
            continue
        kept[name] = {"measured": measured, "notes": finished.notes}
        if size > MOST:
            kept[name] = {"failed": f"what it measured has more than {MOST:,} characters"}
    job.write(MEASURED, {name: kept[name] for name in sorted(kept)})
    return dict(job.studies)
