"""The learning curve of a training that may be cut off and goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError, PluginError, kind_of
from lmcompare.harness.progress import checked
from lmcompare.model import Progress
from lmcompare.processes import Emit
from lmcompare.runfolder.files import write_json
from lmcompare.runfolder.layout import CURVE_COLUMNS

SILENCE = 1.0  # seconds after which the clock of a model that reports no losses is stored again


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
        self._began = time.perf_counter()
        self._rows: list[list[Any]] = []
        self.milestones: list[dict[str, Any]] = []
        self._before = 0.0  # seconds
        self.flops: float | None = None  # of the training so far, where they are counted
        if self._path is not None:
            self._read(self._path)
        self._fresh = not self._rows
        self._prepares = bool(self._rows)  # the training prepares again, until its first report
        self._tokens: int | None = None  # that the model has read so far
        self._stored = self.seconds

    def _read(self, path: Path) -> None:
        with suppress(OSError, ValueError, RecursionError, TypeError, LookupError):
            table = json.loads(path.read_text(encoding="utf-8"))
            rows = [[int(step), float(seconds), *rest] for step, seconds, *rest in table["rows"]]
            goes_on = rows or any(other != path for other in path.parent.iterdir())
            milestones = [{**row, "step": int(row["step"])} for row in table["milestones"]]
            self._before, self._rows = float(table["seconds"]) if goes_on else 0.0, rows
            self.milestones = milestones if goes_on else []
            flops = table.get("flops")  # which earlier versions did not store
            self.flops = None if flops is None or not goes_on else float(flops)

    @property
    def seconds(self) -> float:
        """Training seconds, those before the run was cut off included."""
        return time.perf_counter() - self._began + self._before

    @property
    def training_seconds(self) -> float | None:
        """Those seconds; None for a model that has read no training text, such as one that was read from a file."""
        if self._prepares:  # the training was interrupted after its last step
            return self._before
        return None if self._tokens == 0 else self.seconds

    def __call__(self, progress: Progress) -> None:
        """Pass a model's progress on, and keep it. Raises ``LmcompareError`` for values that no training reports."""
        progress = _plain(progress)
        checked({"event": "progress", "seconds": self.seconds, **asdict(progress)})
        self._tokens, self.flops = progress.tokens, progress.flops
        losses = [_finite(progress.train_loss), _finite(progress.valid_loss)]
        if losses != [None, None]:
            self._go_back_to(progress)
        elif self._prepares and any(step == progress.step for step, *_ in self._rows):
            self._began = time.perf_counter()
        self._prepares = False
        seconds = self.seconds
        self._emit({"event": "progress", "seconds": seconds, **asdict(progress)})
        if losses != [None, None]:
            tokens = None if progress.tokens is None else int(progress.tokens)
            self._rows.append([int(progress.step), round(seconds, 3), tokens, *losses])
        silent = not self._rows and seconds - self._stored >= SILENCE
        if self._path is not None and (progress.valid_loss is not None or silent):
            with suppress(LmcompareError):  # if it can't be stored, an interrupted training starts its clock again
                table = {"seconds": seconds, "rows": self._rows, "milestones": self.milestones, "flops": self.flops}
                write_json(self._path, table)
            self._stored = seconds

    def pass_milestone(self, progress: Progress, bits_per_byte: float, seconds: float) -> None:
        """Keep a figure that was measured during training; the clock leaves out the ``seconds`` that this took."""
        self._began += seconds
        self.milestones = [row for row in self.milestones if row["step"] < progress.step]
        at = {"step": progress.step, "seconds": self.seconds, "tokens": progress.tokens, "flops": progress.flops}
        self.milestones.append({**at, "bits_per_byte": _finite(bits_per_byte)})

    def _go_back_to(self, progress: Progress) -> None:
        """Drop the rows of steps that are repeated; after an interruption, also the seconds of these steps."""
        kept = [row for row in self._rows if not _again(row, progress)]
        if not self._fresh and len(kept) < len(self._rows):
            self._before = kept[-1][1] if kept else 0.0
        self._rows, self._fresh = kept, True

    def csv(self) -> str:
        """The table of ``curve.csv``; losses in nats per token, empty where not measured."""
        rows = [CURVE_COLUMNS, *self._rows]
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
